"""How people sign in, over HTTP: what a provider may say, several processes, TLS, PostgreSQL. What
is tried in a browser is in tests/browser/test_people.py."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from ruamel.yaml import YAML

from connectors.ledger.tables import metadata
from console_world import PASSWORD, Browsing
from entrypoints.demo.process import HOST, free_ports
from entrypoints.demo.servers import MailEndpoint
from mailbox_server import body_of
from people_world import PeopleWorld, people_world
from pipelines.operations.acts import list_acts
from service_process import process, until
from tls_front import tls_front

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def world(
    tmp_path_factory: pytest.TempPathFactory,
    redis_url: str,
    postgres_url: str,
    mail_endpoint: MailEndpoint,
) -> Iterator[PeopleWorld]:
    folder = tmp_path_factory.mktemp("people")
    with people_world(folder, redis_url, postgres_url, mail_endpoint) as made:
        yield made


@contextmanager
def another(world: PeopleWorld, folder: Path, **web: object) -> Iterator[str]:
    """A further web process of the same service; its address."""
    yaml = YAML(typ="safe", pure=True)
    settings = yaml.load(world.console.service.config)
    settings["web"] |= {"port": free_ports(1)[0], **web}
    config = folder / "config.yaml"
    with config.open("w") as out:
        yaml.dump(settings, out)
    config.chmod(0o600)
    with process(config, "web"):
        url, until = f"http://{HOST}:{settings['web']['port']}", time.monotonic() + 60
        while True:
            try:
                assert httpx.get(f"{url}/readyz", trust_env=False).status_code == 200
                break
            except httpx.TransportError:
                assert time.monotonic() < until
                time.sleep(0.1)
        yield url


def asked(somebody: Browsing) -> str:
    """Where the provider is asked who somebody is."""
    page = somebody.get("/account/login/")
    page = somebody.send_form(page, "/account/oidc/sso/login/?process=login")
    found = re.search(r'content="0; url=([^"]+)"', page.text)
    assert found is not None, page.text
    return found[1].replace("&amp;", "&")


def answered(address: str, subject: str) -> str:
    """Where the provider sends somebody back to."""
    answer = httpx.post(address, data={"sub": subject}, trust_env=False)
    assert answer.status_code == 302, answer.text
    return str(answer.headers["location"])


def title(page: httpx.Response) -> str:
    return str(re.findall(r"<h1>\s*(.*?)\s*</h1>", page.text)[0])


@pytest.mark.parametrize(
    ("claims", "says"),
    [
        ({"email": "new@example.com", "email_verified": True}, "Nobody here has the address new@"),
        ({"email": "admin@example.com"}, "does not say that your address is verified"),
        ({"email": "admin@example.com", "email_verified": "false"}, "is verified"),
        ({"email": "adm\u0131n@example.com", "email_verified": True}, "Nobody here has"),
        ({}, "does not say which address you have"),
    ],
)
def test_who_is_nobody_of_ours_is_told_why(
    world: PeopleWorld, claims: dict[str, object], says: str
) -> None:
    world.provider.person("stranger", **claims)
    with Browsing(world.url) as somebody:
        page = somebody.get(answered(asked(somebody), "stranger"))
        assert (page.status_code, title(page)) == (403, "You may not do this")
        assert says in page.text
        assert somebody.get("/me").url.path == "/account/login/"


def test_an_answer_of_the_provider_is_good_for_who_asked_and_once(world: PeopleWorld) -> None:
    world.provider.person("ops", email="operator@example.com", email_verified=True)
    with Browsing(world.url) as one, Browsing(world.url) as two:
        back = answered(asked(one), "ops")
        code = parse_qs(urlsplit(back).query)["code"][0]
        path = urlsplit(back).path
        # A state that nobody was given, one of somebody else, and a code of somebody else.
        assert two.get(f"{path}?{urlencode({'code': code, 'state': 'forged'})}").status_code == 401
        assert two.get(back).status_code == 401
        own = parse_qs(urlsplit(asked(two)).query)["state"][0]
        page = two.get(f"{path}?{urlencode({'code': code, 'state': own})}")
        assert (page.status_code, title(page)) == (403, "You may not do this")
        assert "does not belong to this sign-in" in page.text
        assert two.get("/me").url.path == "/account/login/"
        back = answered(asked(one), "ops")
        assert one.get(back).url.path == "/"
        assert one.get(back).status_code == 401
        assert title(one.get("/me")) == "operator"
        # What the provider says once more changes nothing while they are signed in.
        denied = one.get(f"{path}?{urlencode({'error': 'access_denied', 'state': 'x'})}")
        assert denied.status_code == 401


def test_two_processes_are_one_console(world: PeopleWorld, tmp_path: Path) -> None:
    url = f"http://localhost:{urlsplit(world.url).port}"
    with another(world, tmp_path, oidc=None) as second:
        second = second.replace(HOST, "localhost")
        with Browsing(world.url) as somebody:
            somebody.sign_in("steward")
            for address in (url, second):
                assert title(somebody.get(f"{address}/me")) == "steward"
            world.console.change("Person.objects.get(username='steward').groups.clear()")
            for address in (url, second):
                assert somebody.get(f"{address}/me").url.path == "/account/login/"
        with Browsing(world.url) as one, Browsing(second) as two:
            # By name and by address, here and there: it is one count for each person.
            for each, name in ((one, "other"), (two, "other@example.com")) * 2:
                assert "Too many" not in each.sign_in(name, "wrong").text
            one.headers["Host"] = "localhost:1"
            assert "Too many" not in one.sign_in("Other", "wrong").text
            assert "Too many" in two.sign_in("other@example.com", "wrong").text
            assert one.sign_in("other").url.path == "/account/login/"
            assert two.sign_in("viewer").url.path == "/"


def test_a_provider_that_does_not_answer_is_said(world: PeopleWorld, tmp_path: Path) -> None:
    secret = str(world.console.service.folder / "client_secret")
    oidc = {"issuer": f"http://{HOST}:9", "client_id": "w", "client_secret_file": secret}
    with another(world, tmp_path, oidc=oidc) as url:
        with Browsing(url) as somebody:
            page = somebody.get("/account/login/")
            page = somebody.send_form(page, "/account/oidc/sso/login/?process=login")
    assert page.status_code == 503
    assert "The provider of single sign-on does not answer now." in page.text


def test_groups_are_a_list_of_names_or_one_name(world: PeopleWorld, tmp_path: Path) -> None:
    secret = str(world.console.service.folder / "client_secret")
    oidc = {"issuer": world.provider.url, "client_id": "waybill", "client_secret_file": secret,
            "groups_claim": "groups"}  # fmt: skip
    people = "print(Person.objects.filter(first_name='Ida').count())"
    with another(world, tmp_path, oidc=oidc) as url:
        url = url.replace(HOST, "localhost")
        for number, wrong in enumerate((7, 0, True, {"admin": True}, {}, [["admin"]], [None])):
            world.provider.person(f"odd{number}", given_name="Ida", groups=wrong)
            with Browsing(url) as somebody:
                page = somebody.get(answered(asked(somebody), f"odd{number}"))
                assert (page.status_code, title(page)) == (403, "You may not do this"), wrong
                assert "about your groups cannot be read" in page.text
                assert somebody.get("/me").url.path == "/account/login/"
        assert world.console.change(people) == "0\n"
        good: list[tuple[object, int]] = [(None, 403), ([], 403), ("viewer", 200)]
        for number, (named, status) in enumerate(good):
            world.provider.person(f"even{number}", given_name="Ida", groups=named)
            with Browsing(url) as somebody:
                page = somebody.get(answered(asked(somebody), f"even{number}"))
                assert (page.status_code, page.url.path) == (status, "/"), named
                assert "cannot be read" not in page.text
        assert world.console.change(people) == "3\n"


def test_behind_tls_cookies_are_of_this_host_alone(world: PeopleWorld, tmp_path: Path) -> None:
    [port] = free_ports(1)
    with tls_front(tmp_path, port) as front:
        url = f"https://localhost:{front.port}"
        with another(world, tmp_path, port=port, url=url):
            with httpx.Client(
                base_url=url, verify=str(front.ca_file), trust_env=False, follow_redirects=True
            ) as client:
                page = client.get("/account/login/")
                token = re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)[0]
                form = {"csrfmiddlewaretoken": token, "login": "viewer", "password": PASSWORD}
                forged = client.post(
                    "/account/login/", data=form, headers={"Origin": "https://evil.example"}
                )
                assert forged.status_code == 403
                # The proxy says nothing of TLS; browsers say whence a form comes.
                done = client.post("/account/login/", data=form, headers={"Origin": url})
                assert str(done.url) == f"{url}/"
                cookies = {
                    name: value
                    for each in (page, *done.history)
                    for value in each.headers.get_list("set-cookie")
                    for name in [value.partition("=")[0]]
                }
            assert set(cookies) == {"__Host-waybill-session", "__Host-waybill-csrf"}
            for value in cookies.values():
                for part in ("; Secure", "; HttpOnly", "; Path=/", "; SameSite=Lax"):
                    assert part in value
                assert "Domain" not in value


def test_a_link_for_a_new_password_comes_by_smtp_and_leads_to_us(world: PeopleWorld) -> None:
    with Browsing(world.console.url) as somebody:
        page = somebody.get("/account/password/reset/")
        somebody.headers["X-Forwarded-Host"] = "evil.example"
        answer = somebody.send_form(page, "/account/password/reset/", email="admin@example.com")
        assert answer.status_code == 200
        with world.mailboxes.connected("admin@example.com") as client:
            until(lambda: client.select_folder("INBOX")[b"EXISTS"])
            [data] = client.fetch(client.search(), ["RFC822"]).values()
        text = body_of(message_from_bytes(data[b"RFC822"], policy=policy.default))
        assert "evil" not in text
        [link] = re.findall(r"http\S+/account/password/reset/key/\S+", text)
        assert link.startswith(f"{world.url}/")
        assert "password1" in somebody.get(link).text


def test_the_tables_are_in_a_schema_of_their_own(world: PeopleWorld) -> None:
    config = world.console.service.config
    command = [sys.executable, "-m", "entrypoints.cli", "--config", str(config), "web"]
    for _ in range(2):
        done = subprocess.run(
            [*command, "createadmin", "boss", "--email", "Boss@Example.com",
             "--password-file", "-"],
            input=PASSWORD, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert (done.returncode, done.stdout, done.stderr) == (0, "boss can sign in now\n", "")
    twin = subprocess.run(
        [*command, "createadmin", "twin", "--email", "BOSS@example.com", "--password-file", "-"],
        input=PASSWORD, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert twin.returncode != 0
    assert "Somebody else has this address." in twin.stderr
    with Browsing(world.url) as somebody:
        assert somebody.sign_in("boss@example.com").url.path == "/"
        assert somebody.get("/people").status_code == 200
    acts = list_acts(world.console.service.runtime, subject="boss")
    assert {each.action for each in acts} == {"create_admin"}
    with psycopg.connect(world.database.replace("+psycopg", "")) as connection:
        tables = connection.execute(
            "SELECT table_schema, table_name FROM information_schema.tables "
            "WHERE table_schema NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
    console = {name for schema, name in tables if schema == "console"}
    assert {"people_person", "auth_group", "django_session", "mfa_authenticator"} <= console
    assert console.isdisjoint(name for schema, name in tables if schema != "console")
    ledger = world.console.service.runtime.ledger
    with ledger.database.read() as connection:  # type: ignore[attr-defined]
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
