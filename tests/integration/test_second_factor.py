"""A role that must have a second factor, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from console_world import Browsing, ConsoleWorld, console_world
from pipelines.operations.acts import list_acts
from pipelines.operations.keys import create_key
from schemas.key import Role
from web_server import Asking

SAID = "Your role needs a second factor."
_WITH_AN_APP = """
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
person = Person.objects.get(username="{name}")
TOTP.activate(person, generate_totp_secret())
"""
_WITH_CODES = """
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
RecoveryCodes.activate(Person.objects.get(username="admin"))
"""
_BY_PROVIDER = """
from entrypoints.web.console.people.second_factor import lacks_second_factor
person = Person.objects.get(username="other")
print(lacks_second_factor(person), end=" ")
person.set_unusable_password()
print(lacks_second_factor(person))
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, redis_url: str) -> Iterator[ConsoleWorld]:
    folder = tmp_path_factory.mktemp("factor")
    with console_world(folder, redis_url, require_second_factor="steward") as made:
        yield made


def is_led(somebody: Browsing, path: str) -> bool:
    """Whether they are led to the page to set a second factor up."""
    page = somebody.get(path)
    return page.url.path == "/account/2fa/" and SAID in page.text


def test_whoever_must_have_one_opens_nothing_else(world: ConsoleWorld) -> None:
    for name in ("admin", "steward", "other"):
        with world.browsing() as somebody:
            assert somebody.sign_in(name).url.path == "/account/2fa/"
            for path in ("/", "/me", "/people", "/people/admin/", "/nothing", "/account/3rdparty/"):
                assert is_led(somebody, path), (name, path)
            part = somebody.get("/feeds", headers={"HX-Request": "true"})
            assert part.headers["hx-redirect"] == "/account/2fa/"
            page = somebody.get("/account/2fa/")
            assert page.headers["cache-control"].startswith(("no-", "max-age=0"))
            stopped = somebody.send_form(page, "/feeds/other/stop", reason="no")
            assert stopped.url.path == "/account/2fa/"
            # What they need to set it up, to read it and to leave.
            assert (
                somebody.get("/account/2fa/totp/activate/").url.path == "/account/reauthenticate/"
            )
            assert somebody.get("/account/2fa/webauthn/").url.path.startswith("/account/2fa/")
            german = somebody.send_form(page, "/language", language="de", next="/account/2fa/")
            assert "Ihre Rolle braucht einen zweiten Faktor." in german.text
            assert somebody.get("/account/logout/").url.path == "/account/logout/"
    assert [each for each in list_acts(world.service.runtime) if each.action == "stop"] == []


def test_who_has_one_and_who_needs_none_goes_on(world: ConsoleWorld) -> None:
    with world.browsing("viewer"), world.browsing("operator") as operator:
        assert operator.get("/feeds").url.path == "/feeds"
    with world.browsing() as admin:
        admin.sign_in("admin")
        world.change(_WITH_CODES)
        assert is_led(admin, "/people"), "codes for when a factor is lost are no factor"
        world.change(_WITH_AN_APP.format(name="admin"))
        page = admin.get("/people")
        assert (page.url.path, SAID in page.text) == ("/people", False)
        assert SAID not in admin.get("/account/2fa/").text
        world.change("Person.objects.get(username='admin').authenticator_set.all().delete()")
        assert is_led(admin, "/people")


def test_keys_and_people_of_a_provider_are_not_concerned(world: ConsoleWorld) -> None:
    made = create_key(world.service.runtime, "program", Role.ADMIN, ["*"])
    assert Asking(world.url, made.token).get("/api/v1/feeds").status == 200
    assert world.change(_BY_PROVIDER) == "True False\n"
