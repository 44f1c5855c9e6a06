"""The console over HTTP, without a browser: who may open what, and what is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from email import message_from_bytes, policy
from html import unescape
from urllib.parse import urlsplit

import httpx
import pytest

from console_world import PASSWORD, ROLES, ConsoleWorld, console_world
from pipelines.operations.acts import list_acts
from pipelines.operations.keys import create_key, revoke_key
from pipelines.operations.long_work import do_operation
from pipelines.prepare.trust import doubt_about_mail
from schemas.file import File, Status
from schemas.key import Role
from seen_beat import beat_was_seen
from service_process import until
from web_world import IBAN, LONG, PARTLY

EVIL = "<img src=x onerror=alert(1)>"
# Each screen: how it is asked for, and the first role that may. A screen that is not here fails.
TABLE = {
    "my_files": ("GET", "/", "viewer"),
    "my_files_csv": ("GET", "/files.csv", "viewer"),
    "file": ("GET", "/files/{file}", "viewer"),
    "rejected_csv": ("GET", "/files/{file}/rejected.csv", "viewer"),
    "retry_file": ("POST", "/files/{file}/retry", "operator"),
    "unload_file": ("POST", "/files/{file}/unload", "steward"),
    "send": ("GET", "/send", "operator"),
    "check_file": ("POST", "/send/check", "operator"),
    "checked": ("GET", "/send/0a0a0a0a0a0a0a0a", "operator"),
    "send_file": ("POST", "/send/0a0a0a0a0a0a0a0a/send", "operator"),
    "fix": ("GET", "/files/{file}/fix", "operator"),
    "save_fixes": ("POST", "/files/{file}/fix/save", "operator"),
    "check_fixes": ("POST", "/files/{file}/fix/check", "operator"),
    "send_fixes": ("POST", "/files/{file}/fix/send", "operator"),
    "decide": ("GET", "/decide", "viewer"),
    "decide_csv": ("GET", "/decide.csv", "viewer"),
    "let_in": ("POST", "/files/{file}/let-in", "steward"),
    "dismiss": ("POST", "/unmatched/0a0a0a0a/dismiss", "steward"),
    "alerts": ("GET", "/alerts", "viewer"),
    "alerts_csv": ("GET", "/alerts.csv", "viewer"),
    "look_after": ("POST", "/alerts/{alert}/look-after", "operator"),
    "dismiss_alert": ("POST", "/alerts/{alert}/dismiss", "operator"),
    "feeds": ("GET", "/feeds", "viewer"),
    "feeds_csv": ("GET", "/feeds.csv", "viewer"),
    "feed": ("GET", "/feeds/sales", "viewer"),
    "feed_csv": ("GET", "/feeds/sales/days.csv", "viewer"),
    "feed_template": ("GET", "/feeds/sales/template.own", "viewer"),
    "stop_feed": ("POST", "/feeds/sales/stop", "steward"),
    "resume_feed": ("POST", "/feeds/sales/resume", "steward"),
    "calendar": ("GET", "/calendar", "viewer"),
    "calendar_csv": ("GET", "/calendar.csv", "viewer"),
    "drifts": ("GET", "/drift", "viewer"),
    "drifts_csv": ("GET", "/drift.csv", "viewer"),
    "drift": ("GET", "/drift/{drift}", "viewer"),
    "drift_samples": ("POST", "/drift/{drift}/samples", "operator"),
    "accept_drift": ("POST", "/drift/0a0a0a0a/accept", "steward"),
    "dismiss_drift": ("POST", "/drift/0a0a0a0a/dismiss", "steward"),
    "row": ("GET", "/row", "operator"),
    "find_row": ("POST", "/row/find", "operator"),
    "found_row": ("GET", "/row/0a0a0a0a", "operator"),
    "senders": ("GET", "/senders", "viewer"),
    "senders_csv": ("GET", "/senders.csv", "viewer"),
    "sender": ("GET", "/sender?address=ana@acorn.example", "viewer"),
    "trusted": ("GET", "/senders/trusted", "viewer"),
    "trusted_csv": ("GET", "/senders/trusted.csv", "viewer"),
    "trust_sender": ("POST", "/sender/trust", "steward"),
    "distrust_sender": ("POST", "/sender/distrust", "steward"),
    "trust_file_sender": ("POST", "/files/{file}/trust-sender", "steward"),
    "service": ("GET", "/service", "viewer"),
    "people": ("GET", "/people", "admin"),
    "people_csv": ("GET", "/people.csv", "admin"),
    "forget_second_factor": ("POST", "/people/0/forget-second-factor", "admin"),
    "keys": ("GET", "/people/keys", "admin"),
    "keys_csv": ("GET", "/people/keys.csv", "admin"),
    "make_key": ("POST", "/people/keys/new", "admin"),
    "revoke_key": ("POST", "/people/keys/0a0a0a0a0a0a/revoke", "admin"),
    "acts": ("GET", "/people/acts", "admin"),
    "acts_csv": ("GET", "/people/acts.csv", "admin"),
    "me": ("GET", "/me", "viewer"),
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, redis_url: str) -> Iterator[ConsoleWorld]:
    with console_world(tmp_path_factory.mktemp("console"), redis_url) as made:
        yield made


@pytest.fixture(scope="module")
def file(world: ConsoleWorld) -> File:
    return world.done(world.put(f"{EVIL}.csv", PARTLY))


def test_every_screen_is_open_to_its_role_and_to_none_below(
    world: ConsoleWorld, file: File
) -> None:
    assert set(world.screens) == set(TABLE), "list the screen in TABLE, with its role"
    alert, drift = world.alert(), world.drift(file)
    for role in ROLES:
        with world.browsing(role) as somebody:
            page = somebody.get("/me")
            for name, (method, path, needed) in TABLE.items():
                path = path.format(file=file.file_id, alert=alert, drift=drift)
                is_read = method == "GET"
                found = somebody.get(path) if is_read else somebody.send_form(page, path)
                is_refused = ROLES.index(role) < ROLES.index(needed)
                # What may be done may yet be impossible: there is no such key.
                assert (found.status_code == 403) is is_refused, (role, name, found.status_code)
                assert found.status_code < 500, (role, name, found.text)
    for name, (method, path, _) in TABLE.items():
        address = world.url + path.format(file=file.file_id, alert=alert, drift=drift)
        answer = httpx.request(method, address, trust_env=False)
        assert answer.status_code in ((302,) if method == "GET" else (403,)), name
        assert answer.status_code == 403 or "/account/login/" in answer.headers["location"]


def test_what_is_of_another_feed_is_not_there(world: ConsoleWorld, file: File) -> None:
    alert = world.alert()
    with world.browsing("other") as other:
        page = other.get("/me")
        assert "onerror" not in other.get("/").text
        for path in (f"/files/{file.file_id}", "/feeds/sales", "/?feed=sales",
                     "/feeds/sales/template.own"):  # fmt: skip
            assert other.get(path).status_code == 404, path
        for path in (
            f"/files/{file.file_id}/retry",
            f"/alerts/{alert}/look-after",
            f"/alerts/{alert}/dismiss",
        ):
            assert other.send_form(page, path).status_code == 404, path
        # An admin of some feeds makes nobody an admin of all.
        for path in ("/people", "/people/keys", "/people/admin/"):
            assert other.get(path).status_code == 403, path
        assert other.send_form(page, "/people/keys/new", role="admin").status_code == 403


def test_values_that_are_not_public_are_dots_but_to_stewards(
    world: ConsoleWorld,
) -> None:
    file = world.put("values.csv", PARTLY.replace("A,", "V,"))
    for role in ROLES:
        sees = ROLES.index(role) >= ROLES.index("steward")
        with world.browsing(role) as somebody:
            for path in (f"/files/{file.file_id}", f"/files/{file.file_id}/rejected.csv"):
                text = somebody.get(path).text
                assert (LONG in text or IBAN in text) is sees, (role, path)


def test_names_from_strangers_are_text_and_no_markup(world: ConsoleWorld, file: File) -> None:
    with world.browsing("admin") as somebody:
        for path in (
            "/",
            f"/files/{file.file_id}",
            "/people/acts",
            "/?q=<script>alert(1)</script>",
        ):
            page = somebody.get(path)
            assert "<img" not in page.text, path
            assert "<script>" not in page.text, path
            rules = page.headers["content-security-policy"]
            assert "default-src 'none'" in rules
            assert "unsafe" not in rules
            nonce = re.search(r"'nonce-([^']+)'", rules)
            assert nonce is not None
            for script in re.findall(r"<script[^>]*>", page.text):
                assert f'nonce="{nonce[1]}"' in script
                assert 'src="/static/' in script
            assert not re.search(r'(?:src|href|action)="(?:https?:)?//', page.text)
            assert not re.search(r"\son[a-z]+=[\"']|\sstyle=", page.text)
        csv = somebody.get("/files.csv")
        assert csv.headers["content-disposition"].startswith("attachment")
        assert csv.headers["x-content-type-options"] == "nosniff"


def test_a_form_of_another_site_changes_nothing(world: ConsoleWorld, file: File) -> None:
    with world.browsing("steward") as somebody:
        for headers in ({}, {"Origin": "https://evil.example"}):
            answer = somebody.post("/feeds/sales/stop", data={"reason": "because"}, headers=headers)
            assert answer.status_code == 403
        assert somebody.get("/feeds/sales/stop").status_code == 405
    assert world.service.runtime.ledger.feeds.state("sales").stopped_at is None


OTHER_FORMS = (
    "/language", "/people/admin/auth/group/add/", "/people/admin/people/person/add/",
    "/people/admin/people/person/1/delete/", "/people/admin/people/person/1/password/",
    *(f"/account/{each}/" for each in (
        "login", "logout", "reauthenticate", "password/change", "password/reset", "3rdparty",
        "2fa/authenticate", "2fa/reauthenticate", "2fa/totp/activate", "2fa/totp/deactivate",
        "2fa/recovery-codes/generate", "2fa/webauthn/add", "2fa/webauthn/login",
        "2fa/webauthn/reauthenticate", "2fa/webauthn/keys/1/remove", "2fa/webauthn/keys/1/edit",
    )),
)  # fmt: skip


def test_no_form_works_without_its_token(world: ConsoleWorld, file: File) -> None:
    screens = [path for method, path, _ in TABLE.values() if method == "POST"]
    with world.browsing("admin") as somebody:
        for path in (*screens, *OTHER_FORMS):
            path = path.format(file=file.file_id, alert="0a0a", drift="0a0a")
            answer = somebody.post(path, data={"csrfmiddlewaretoken": "x" * 64})
            assert answer.status_code == 403, path
            assert "came from another site" in answer.text, path
        assert somebody.get("/me").status_code == 200


@pytest.mark.parametrize("there", ["https://evil.example/", "//evil.example", "/\\evil.example"])
def test_no_address_leads_to_another_site(world: ConsoleWorld, there: str) -> None:
    with world.browsing() as somebody:
        page = somebody.get("/account/login/", params={"next": there})
        somebody.follow_redirects = False
        answers = [
            somebody.send_form(page, "/account/login/", login="viewer", password=PASSWORD,
                               next=there),
            somebody.send_form(somebody.get("/me"), "/language", language="en", next=there),
            somebody.send_form(somebody.get("/me"), "/account/reauthenticate/", password=PASSWORD,
                               next=there),
            somebody.send_form(somebody.get("/me"), "/account/logout/", next=there),
            somebody.get("/people/admin/login/", params={"next": there}),
        ]  # fmt: skip
    for answer in answers:
        assert answer.status_code == 302
        assert urlsplit(answer.headers["location"]).netloc in ("", urlsplit(world.url).netloc)


def test_another_name_than_ours_is_not_answered(world: ConsoleWorld) -> None:
    for headers in ({"Host": "evil.example"}, {"Host": "127.0.0.1.evil.example"}):
        for path in ("/", "/account/password/reset/"):
            answer = httpx.get(world.url + path, headers=headers, trust_env=False)
            assert (answer.status_code, "evil" in answer.text) == (400, False), path


@pytest.mark.parametrize("path", ["/account/login/", "/language", "/r/nothing/fix/save"])
def test_a_form_that_is_too_large_is_refused_in_words(world: ConsoleWorld, path: str) -> None:
    with world.browsing() as somebody:
        answer = somebody.post(path, data={"login": "x" * 1_200_000})
    assert answer.status_code == 413
    assert "The form is too large." in answer.text


def test_a_file_that_is_too_large_is_refused_before_all_of_it_came(world: ConsoleWorld) -> None:
    def body() -> Iterator[bytes]:
        for _ in range(102):
            yield b"x" * 1024**2

    with world.browsing("operator") as somebody:
        answer = somebody.post(
            "/send/check",
            content=body(),
            headers={"Content-Type": "multipart/form-data; boundary=b", "Accept-Language": "es"},
        )
    assert answer.status_code == 413
    assert "El archivo supera 100 MB." in answer.text


def test_a_session_that_somebody_else_chose_is_not_the_one_that_signs_in(
    world: ConsoleWorld,
) -> None:
    with world.browsing() as somebody:
        somebody.cookies.set("waybill-session", "chosenbyanattacker00000000000000")
        somebody.sign_in("viewer")
        after = [c.value for c in somebody.cookies.jar if c.name == "waybill-session"][-1]
        assert after != "chosenbyanattacker00000000000000"
        kept = httpx.Cookies({"waybill-session": after or ""})
        assert httpx.get(f"{world.url}/me", cookies=kept, trust_env=False).status_code == 200
        somebody.send_form(somebody.get("/me"), "/account/logout/")
        # What was copied before is of no use afterwards.
        gone = httpx.get(f"{world.url}/me", cookies=kept, trust_env=False)
        assert gone.status_code == 302


def test_a_session_ends_when_its_role_does(world: ConsoleWorld) -> None:
    with world.browsing("operator") as somebody:
        assert somebody.get("/me").url.path == "/me"
        world.change("Access.objects.filter(group__name='operator').update(role='viewer')")
        # A part of a page that asks for itself lets the whole page be asked for anew.
        part = somebody.get("/?part=list", headers={"HX-Request": "true"})
        assert (part.status_code, part.headers["hx-refresh"], part.text) == (401, "true", "")
        assert somebody.get("/me").url.path == "/account/login/"
        somebody.sign_in("operator")
        world.change("Person.objects.get(username='operator').groups.clear()")
        assert somebody.get("/me").url.path == "/account/login/"
        assert somebody.sign_in("operator").status_code == 403
        world.change(
            "Access.objects.filter(group__name='operator').update(role='operator'); "
            "Person.objects.get(username='operator').groups.set([Access.objects.get("
            "group__name='operator').group])"
        )


def test_an_act_says_who_did_it_and_how(world: ConsoleWorld) -> None:
    with world.browsing("steward") as somebody:
        page = somebody.get("/feeds/other")
        somebody.send_form(page, "/feeds/other/stop", reason="its partner moves")
        assert "its partner moves" in somebody.get("/feeds/other").text
        somebody.send_form(page, "/feeds/other/resume")
    act = next(each for each in list_acts(world.service.runtime) if each.action == "stop")
    assert (act.actor.who, act.actor.via, act.subject) == ("steward", "console", "other")
    assert act.actor.request_id is not None
    with world.browsing("admin") as admin:
        page = admin.get("/people/admin/auth/group/add/")
        for form in (page.text, admin.get("/people/keys").text):
            assert 'value="*"' not in form  # nobody gives every feed away by a slip
        fields = {"access-TOTAL_FORMS": "1", "access-INITIAL_FORMS": "0",
                  "access-0-role": "viewer", "access-0-feeds": "sales*"}  # fmt: skip
        added = admin.send_form(page, "/people/admin/auth/group/add/", name="partners", **fields)
        assert added.status_code == 200
    act = next(each for each in list_acts(world.service.runtime) if each.subject == "partners")
    assert (act.actor.who, act.action, act.subject_kind) == ("admin", "add", "group")
    assert act.before is None
    assert act.after == {"name": "partners", "role": "viewer", "feeds": ["sales*"]}
    with world.browsing("admin") as admin:
        key = world.change("print(Access.objects.get(group__name='partners').group_id)").strip()
        page = admin.get(f"/people/admin/auth/group/{key}/change/")
        fields |= {"access-INITIAL_FORMS": "1", "access-0-role": "steward"}
        for name in ("access-0-id", "access-0-group"):
            [fields[name]] = re.findall(f'name="{name}" value="([0-9]+)"', page.text)
        admin.send_form(page, page.url.path, name="partners", **fields)
    changed = next(each for each in list_acts(world.service.runtime) if each.subject == "partners")
    assert (changed.action, changed.before) == ("change", act.after)
    assert changed.after == {"name": "partners", "role": "steward", "feeds": ["sales*"]}


def test_a_drift_shows_cells_as_they_are_read_now_and_once_it_is_accepted(
    world: ConsoleWorld,
) -> None:
    runtime = world.service.runtime
    rows = "".join(f"T{n},2026-11-03,{n}.5,\n" for n in range(12))
    texts = ("id,day,amount,iban,Colour\nC,2026-11-03,7,,red\n", f"id,day,amount,iban\n{rows}")
    files = [world.put(f"drifted {n}.csv", text) for n, text in enumerate(texts)]
    [new], [changed] = (runtime.ledger.drifts.sightings(each.file_id) for each in files)
    pages = {}
    with world.browsing("operator") as somebody, world.browsing("steward") as steward:
        for drift in (new, changed):
            page = somebody.get(f"/drift/{drift.drift_id}")
            assert "Show sample cells" in page.text
            page = somebody.send_form(page, f"/drift/{drift.drift_id}/samples")
            assert "a worker looks for it" in page.text
            do_operation(runtime, page.url.params["samples"])
            for who in (somebody, steward):
                url = str(page.url).replace("#samples", "&part=samples")
                text = who.get(url).text
                pages[drift.finding.column, who] = re.findall(r"<td[^>]*>(.*?)</td>", text)
            other = new if drift is changed else changed
            query = page.url.query.decode()
            assert somebody.get(f"/drift/{other.drift_id}?{query}").status_code == 404
        assert somebody.get(f"/drift/{new.drift_id}?samples=0").status_code == 404
        # No contract knows the column yet, so nobody knows whether its values are public.
        assert "red" not in str(pages["colour", somebody])
        assert pages["colour", steward][1] == "<code>red</code>"
        assert "not loaded" in pages["colour", steward][2]
        assert pages["colour", steward][3] == "red"
        assert pages["amount", somebody] == pages["amount", steward]
        assert pages["amount", steward][1] == "<code>0.5</code>"
        assert "not loaded" in pages["amount", steward][2]
        assert pages["amount", steward][3] == "0.5"


def test_a_sender_is_trusted_from_now_on_and_no_more(world: ConsoleWorld) -> None:
    runtime = world.service.runtime
    held = world.held("first.csv", "answers@birch.example", author="Ana@Birch.example")
    with world.browsing("operator") as somebody:
        assert "Trust this sender" not in somebody.get("/decide").text
        assert somebody.send_form(somebody.get("/me"), "/sender/trust").status_code == 403
    with world.browsing("steward") as somebody:
        page = somebody.get("/decide")
        # Trusted is who wrote, not where answers go.
        assert "takes files that Ana@Birch.example mails" in page.text
        assert "This feed asks for no proof" in page.text
        done = somebody.send_form(page, f"/files/{held.file_id}/trust-sender")
        assert "Ana@Birch.example is trusted for partners from now on" in done.text
        assert "Trust this sender" not in done.text
        again = somebody.send_form(page, f"/files/{held.file_id}/trust-sender")
        assert again.status_code == 409
        assert runtime.ledger.files.get(held.file_id).status is Status.HELD
        later = replace(held, item=replace(held.item, key="later.csv"))
        assert doubt_about_mail(runtime, later, runtime.feeds["partners"]) is None
        assert "Ana@Birch.example,partners," in somebody.get("/senders/trusted.csv?q=BIRCH").text
        page = somebody.get("/sender?address=ana@birch.example")
        assert "steward" in page.text
        asked = {"address": "ana@birch.example", "feed": "partners"}
        for feed in ("nothing", ""):
            gone = somebody.send_form(page, "/sender/distrust", **{**asked, "feed": feed})
            assert gone.status_code == 404
        done = somebody.send_form(page, "/sender/distrust", **asked)
        assert "is trusted for partners no more" in done.text
        assert "Trust for partners" in done.text
        assert doubt_about_mail(runtime, later, runtime.feeds["partners"]) is not None
        done = somebody.send_form(page, "/sender/trust", **asked)
        assert done.url.params["address"] == "ana@birch.example"
        for wrong in ("acorn.example", "x@acorn.example", "", "<b>@x.example"):
            told = somebody.send_form(page, "/sender/trust", **{**asked, "address": wrong})
            assert told.status_code == 409, wrong
    with world.browsing("other") as other:
        for path in (
            "/senders/trusted",
            "/senders/trusted.csv",
            "/sender?address=ana@birch.example",
        ):
            assert "partners" not in other.get(path).text
        assert other.send_form(other.get("/me"), "/sender/distrust", **asked).status_code == 404
    acts = [each for each in list_acts(runtime) if each.subject_kind == "sender"]
    assert [each.action for each in acts] == ["trust_sender", "distrust_sender", "trust_sender"]
    assert {each.actor.who for each in acts} == {"steward"}


def test_a_list_goes_on_where_its_page_ended_and_is_kept_as_csv(world: ConsoleWorld) -> None:
    world.change(
        "Person.objects.bulk_create([Person(username=f'p{n:03}', is_active=n != 7, password='!')"
        " for n in range(60)] + [Person(username='=1+1', first_name='x', password='!')])"
    )
    runtime = world.service.runtime
    made = [create_key(runtime, f"key {n}", Role.VIEWER, ["sales*"]).key for n in range(55)]
    revoke_key(runtime, made[3].key_id)
    with world.browsing("steward") as somebody:
        for path in ("/people.csv", "/people/keys.csv"):
            assert somebody.get(path).status_code == 403
    world.change("Person.objects.create_user('boss', password='" + PASSWORD + "').groups.set("
                 "Person.objects.get(username='admin').groups.all())")  # fmt: skip
    with world.browsing("boss") as boss:
        for path, one, count in (("/people?q=p", "p0", 60), ("/people/keys", "key ", 55)):
            found: list[str] = []
            following: str | None = path
            while following is not None:
                page = boss.get(following)
                found += re.findall(rf">({one}\d+)<", page.text)
                last = re.search(r'rel="next" href="([^"]+)"', page.text)
                following = page.url.path + unescape(last[1]) if last else None
            assert (len(found), len(set(found))) == (count, count), path
        people = boss.get("/people.csv").text.splitlines()
        assert len(people) == 1 + 61 + 6
        assert "'=1+1,,True,,False," in people
        assert len(boss.get("/people.csv?show=out").text.splitlines()) == 2
        assert boss.get("/people.csv?q=p01").text.count("p01") == 10
        assert "p007" not in boss.get("/people?show=one&q=p00").text
        for query, count in (("", 55), ("show=over", 1), ("show=valid", 54), ("q=key 10", 1)):
            keys = boss.get(f"/people/keys.csv?{query}").text
            assert len(keys.splitlines()) == 1 + count, query
            assert "wb_" not in keys
        assert boss.get("/people?cursor=nonsense").status_code == 409
        assert boss.get("/people?q=%00").status_code == 200
        for query, count in (("", 3), ("q=sal", 1), ("show=stopped", 0), ("q=other&show=late", 0)):
            assert len(boss.get(f"/feeds.csv?{query}").text.splitlines()) == 1 + count, query
        acts = boss.get("/people/acts.csv?feed=partners").text
        assert "trust_sender" in acts
        assert "create_key" not in acts
    with world.browsing("other") as other:
        assert other.get("/people/acts?feed=sales").status_code == 404


_WITHOUT_ACTS = """
from django.test import RequestFactory
from entrypoints.web.console.people import admin
from entrypoints.web.console.people.site import people_site
def away(*_):
    raise RuntimeError("the ledger is away")
admin.write_down = away
one = Person.objects.get(username="operator")
before = one.password
fields = {"usable_password": "true", "password1": "quite another pass phrase",
          "password2": "quite another pass phrase", "set-password": "yes"}
request = RequestFactory().post("/", fields)
request.user = Person.objects.get(username="admin")
try:
    people_site.get_model_admin(Person).user_change_password(request, str(one.pk))
except RuntimeError as error:
    one.refresh_from_db()
    print(error, one.password == before)
"""


def test_a_password_is_not_changed_without_the_act(world: ConsoleWorld) -> None:
    assert world.change(_WITHOUT_ACTS) == "the ledger is away True\n"


_WITH_AN_APP = """
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
person = Person.objects.get(username="other")
TOTP.activate(person, generate_totp_secret())
print(person.pk)
"""


def test_the_act_about_a_second_factor_says_which_is_gone(world: ConsoleWorld) -> None:
    other = world.change(_WITH_AN_APP).strip()
    with world.browsing("admin") as admin:
        admin.send_form(admin.get("/people"), f"/people/{other}/forget-second-factor")
    acts = list_acts(world.service.runtime, subject="other")
    [act] = [each for each in acts if each.action == "remove_second_factor"]
    assert act.actor.who == "admin"
    assert act.before is not None
    assert act.before["second_factors"] == ["totp"]
    assert act.after == {**act.before, "second_factors": []}
    with world.browsing("admin") as admin:
        page = admin.get("/people/acts?q=other").text
    assert "remove second factor" in page
    assert "<small>second_factors: totp → –</small>" in page


def test_nobody_removes_their_own_second_factor_as_an_admin(world: ConsoleWorld) -> None:
    own = world.change("print(Person.objects.get(username='admin').pk)").strip()
    with world.browsing("admin") as admin:
        page = admin.get("/people")
        path = f"/people/{own}/forget-second-factor"
        assert admin.send_form(page, path).status_code == 409
        assert path not in page.text


def test_what_is_done_to_people_is_an_act(world: ConsoleWorld) -> None:
    add, people = "/people/admin/people/person/add/", "/people/admin/people/person/"
    new = {"username": "new", "email": "New@Example.com", "usable_password": "true",
           "password1": PASSWORD, "password2": PASSWORD}  # fmt: skip
    with world.browsing("admin") as admin:
        page = admin.get(add)
        made = admin.send_form(page, add, **new).url.path
        assert made.endswith("/change/")
        twin = admin.send_form(page, add, **{**new, "username": "twin"})
        assert "Somebody else has this address." in twin.text
        with world.browsing() as somebody:
            assert somebody.sign_in("new").status_code == 403
            admin.send_form(
                admin.get(made),
                made,
                username="new",
                email="new@example.com",
                groups="1",
                is_active="on",
            )
            assert somebody.get("/me").url.path == "/account/login/"
            admin.send_form(
                admin.get(made),
                made.replace("change", "password"),
                **{"usable_password": "false", "unset-password": "yes"},
            )
            assert somebody.sign_in("new").url.path == "/account/login/"
        key = made.split("/")[-3]
        admin.send_form(
            admin.get(people), people, action="delete_selected", _selected_action=key, post="yes"
        )
    acts = [act for act in list_acts(world.service.runtime) if act.subject == "new"][::-1]
    assert [act.action for act in acts] == ["add", "change", "change", "delete"]
    assert {act.actor.who for act in acts} == {"admin"}
    was: dict[str, object] = {
        "name": "new", "email": "new@example.com", "is_active": True, "groups": [],
        "has_password": True, "has_single_sign_on": False, "second_factors": [],
    }  # fmt: skip
    states = [None, was, {**was, "groups": ["viewer"]}]
    states.append({**was, "groups": ["viewer"], "has_password": False})
    assert [act.before for act in acts] == states
    assert [act.after for act in acts] == [*states[1:], None]
    with world.browsing("steward") as steward:
        for path in (people, add, "/people/admin/", "/people/admin/auth/group/1/change/"):
            assert steward.get(path).status_code == 403, path
    with world.browsing("admin") as admin:
        for path in ("sessions/session/", "socialaccount/socialaccount/", "mfa/authenticator/"):
            assert admin.get(f"/people/admin/{path}").status_code == 404, path


_PEOPLE_AND_LINKS = """
from datetime import datetime, timedelta
from allauth.account.forms import default_token_generator as maker
from allauth.account.utils import user_pk_to_url_str
guest = Person(username="guest", email="guest@example.com")
guest.set_unusable_password()
guest.save()
Person.objects.create(username="gone", email="gone@example.com", is_active=False)
steward = Person.objects.get(username="steward")
for minutes in (55, 65):
    maker._now = lambda: datetime.now() - timedelta(minutes=minutes)
    key = f"{user_pk_to_url_str(steward)}-{maker.make_token(steward)}"
    print(f"/account/password/reset/key/{key}/")
"""


def test_a_forgotten_password_is_set_anew_by_mail(world: ConsoleWorld) -> None:
    in_time, late = world.change(_PEOPLE_AND_LINKS).split()
    # Nobody waits for a mail: what would go to others is sent before the last.
    names = ("nobody", "guest", "gone", "viewer", "Viewer")
    folder = world.service.folder / "mail"
    with world.browsing("viewer") as before, world.browsing() as somebody:
        page = somebody.get("/account/password/reset/")
        answers = {
            (answer.status_code, str(answer.url), re.sub('value="[^"]+"', "", answer.text))
            for name in names
            for answer in [
                somebody.send_form(page, "/account/password/reset/", email=f"{name}@example.com")
            ]
        }
        assert len(answers) == 1, "an answer says whether there is such a person"
        until(lambda: len(list(folder.glob("*.eml"))) >= 2)
        mails = [
            message_from_bytes(path.read_bytes(), policy=policy.default)
            for path in folder.glob("*.eml")
        ]
        assert [mail["To"] for mail in mails] == ["viewer@example.com", "viewer@example.com"]
        body = mails[0].get_body()
        assert body is not None
        [link] = re.findall(r"/account/password/reset/key/\S+", body.get_content())
        page = somebody.get(link)
        new = "an even longer pass phrase"
        done = somebody.send_form(page, page.url.path, password1=new, password2=new)
        assert done.url.path == "/account/password/reset/key/done/", done.text
        assert before.get("/me").url.path == "/account/login/"
        assert somebody.sign_in("viewer", new).url.path == "/"
        # It is good once, and for an hour.
        for path, is_good in ((link, False), (in_time, True), (late, False)):
            assert ("password1" in somebody.get(path).text) is is_good
    world.change(
        f"p = Person.objects.get(username='viewer'); p.set_password({PASSWORD!r}); p.save(); "
        "Person.objects.filter(username__in=['guest', 'gone']).delete()"
    )


def test_nobody_signs_up_by_themselves_and_tries_are_counted(world: ConsoleWorld) -> None:
    with world.browsing() as somebody:
        assert "password1" not in somebody.get("/account/signup/").text
        texts = [somebody.sign_in("admin", "wrong").text for _ in range(6)]
        assert "Too many" in texts[-1]
        assert "Too many" not in texts[0]
        assert somebody.sign_in("admin").url.path == "/account/login/"


@pytest.mark.parametrize(
    ("asked", "code", "title", "told"),
    [
        ("es-ES,es;q=0.9", "es", "Mis archivos", "&#34;many&#34; no es un número entero"),
        ("de-AT", "de", "Meine Dateien", "&#34;many&#34; ist keine ganze Zahl"),
        ("it,fr-CA;q=0.8", "fr", "Mes fichiers", "&#34;many&#34; n&#39;est pas un nombre entier"),
        ("pt-PT", "pt", "Meus arquivos", "&#34;many&#34; não é um número inteiro"),
    ],
)
def test_pages_are_in_the_language_of_who_looks(
    world: ConsoleWorld, file: File, asked: str, code: str, title: str, told: str
) -> None:
    with world.browsing("steward") as somebody:
        somebody.headers["Accept-Language"] = asked
        page = somebody.get("/")
        assert f'<html lang="{code}">' in page.text
        assert title in page.text
        assert told in somebody.get(f"/files/{file.file_id}").text, "the feed speaks English"
        somebody.send_form(page, "/language", language="en", next="/")
        assert "My files" in somebody.get("/").text


def test_the_service_page_says_that_beat_is_gone_and_what_waits(world: ConsoleWorld) -> None:
    services = world.service.runtime.ledger.services
    with world.browsing("viewer") as somebody:
        assert "Beat was never seen" in somebody.get("/service").text
        services.note("beat")
        assert "Beat works." in somebody.get("/service").text
        beat_was_seen(world.service.folder / "ledger.db", minutes_ago=20)
        page = somebody.get("/service").text
    assert "Beat is not seen any more: no feed looks for files on schedule" in page
    assert "Beat was last seen" in page
    services.note("beat")
