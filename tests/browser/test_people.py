"""How people sign in, in a real browser: by a provider of single sign-on, with an app's codes, with
a passkey. The console is on PostgreSQL."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import struct
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from console_world import PASSWORD
from entrypoints.demo.servers import MailEndpoint
from people_world import PeopleWorld, people_world
from pipelines.operations.acts import list_acts
from web_world import GOOD


@pytest.fixture(scope="module")
def world(
    tmp_path_factory: pytest.TempPathFactory,
    redis_url: str,
    postgres_url: str,
    mail_endpoint: MailEndpoint,
) -> Iterator[PeopleWorld]:
    with people_world(
        tmp_path_factory.mktemp("people"), redis_url, postgres_url, mail_endpoint, "groups"
    ) as made:
        yield made


@contextmanager
def opened(browser: Browser, world: PeopleWorld, **options: object) -> Iterator[Page]:
    """A page at the place to sign in; nothing on it may break the rules that the server sends."""
    context = browser.new_context(base_url=world.url, **options)  # type: ignore[arg-type]
    page, wrong = context.new_page(), list[str]()
    page.on("console", lambda each: wrong.append(each.text) if each.type == "error" else None)
    page.on("pageerror", lambda each: wrong.append(str(each)))
    page.goto("/account/login/")
    try:
        yield page
    finally:
        # A connection that nobody closes holds the server up when it ends.
        context.close()
    # What the tests provoke: 401, 403 and 404 are told there, too.
    assert [each for each in wrong if "Failed to load resource" not in each] == []


def type_password(page: Page, name: str) -> None:
    page.fill("#id_login", name)
    page.fill("#id_password", PASSWORD)
    page.keyboard.press("Enter")


def sign_in(page: Page, name: str) -> None:
    type_password(page, name)
    page.wait_for_url(re.compile(r"/$"))
    expect(page.get_by_role("navigation", name="Main")).to_be_visible()


def confirm(page: Page) -> None:
    """Say once more who one is."""
    expect(page.get_by_text("Confirm Access")).to_be_visible()
    page.fill("input[type=password]", PASSWORD)
    page.keyboard.press("Enter")


def code(secret: str, steps: int = 0) -> str:
    """What an authenticator app shows (RFC 6238)."""
    counter = struct.pack(">Q", int(time.time()) // 30 + steps)
    digest = hmac.digest(base64.b32decode(secret), counter, hashlib.sha1)
    at = digest[-1] & 15
    return f"{(int.from_bytes(digest[at : at + 4]) & 0x7FFFFFFF) % 10**6:06}"


def by_provider(page: Page, subject: str) -> None:
    """Sign in as somebody at the provider."""
    page.get_by_role("button", name="Single sign-on").click()
    page.get_by_placeholder("Subject").fill(subject)
    page.keyboard.press("Enter")


def easy_to_use(page: Page) -> None:
    found = Axe().run(page).response["violations"]
    told = [(each["id"], [node["html"][:200] for node in each["nodes"]]) for each in found]
    assert told == [], page.url


def acts_of(world: PeopleWorld, name: str) -> list[str]:
    return [each.action for each in list_acts(world.console.service.runtime, subject=name)][::-1]


def factors(state: Mapping[str, Any] | None) -> list[str]:
    assert state is not None
    return list(state["second_factors"])


def is_signed_in_as(page: Page, name: str | re.Pattern[str], role: str) -> None:
    expect(page.locator("header a[href='/me']")).to_have_text(name)
    page.goto("/me")
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    expect(page.locator("main dt")).to_have_text(role)


def test_people_come_by_single_sign_on(browser: Browser, world: PeopleWorld) -> None:
    says = world.provider.person
    says("ana", email="Viewer@example.com", email_verified=True, groups=["steward", "guests"])
    with opened(browser, world) as page:
        easy_to_use(page)
        by_provider(page, "ana")
        is_signed_in_as(page, "viewer", "Steward")
    assert acts_of(world, "viewer") == ["join_single_sign_on", "change_groups"]
    # An address that nobody has verified opens nobody's account: who says so is somebody new.
    says("eve", email="admin@example.com", preferred_username="admin", groups=["operator"])
    with opened(browser, world) as page:
        by_provider(page, "eve")
        is_signed_in_as(page, re.compile(r"^admin\d+$"), "Operator")
        name = page.get_by_role("heading", level=1).inner_text()
        assert page.locator("a[href*=password]").count() == 0
        page.goto("/account/2fa/webauthn/add/")
        expect(page.get_by_role("heading", level=1)).to_have_text("You may not do this")
        page.goto("/account/password/set/")
        expect(page.get_by_role("heading", level=1)).to_have_text("There is nothing here")
    assert acts_of(world, name) == ["sign_up"]


@pytest.mark.long
def test_the_provider_s_own_name_for_somebody_counts(browser: Browser, world: PeopleWorld) -> None:
    says = world.provider.person
    says("ana", email="viewer@example.com", email_verified=True, groups=["steward"])
    with opened(browser, world) as page:
        by_provider(page, "ana")
        is_signed_in_as(page, "viewer", "Steward")
    # Their password is as good as before, and the provider's own name for them counts from now on:
    # neither their address nor whoever has it next.
    says("ana", email="admin@example.com", email_verified=True, groups="viewer")
    says("bea", email="viewer@example.com", email_verified=True, groups=["admin"])
    with opened(browser, world) as page:
        sign_in(page, "viewer")
    with opened(browser, world) as page:
        by_provider(page, "ana")
        is_signed_in_as(page, "viewer", "Viewer")
    with opened(browser, world, locale="es") as page:
        by_provider(page, "bea")
        expect(page.locator("main")).to_contain_text("Otra persona ya tiene aquí la dirección")
        easy_to_use(page)


def test_codes_of_an_app(browser: Browser, world: PeopleWorld) -> None:
    with opened(browser, world) as page:
        sign_in(page, "operator")
        page.goto("/account/2fa/totp/activate/")
        confirm(page)
        secret = page.locator("#authenticator_secret").input_value()
        page.fill("#id_code", "000000")
        page.keyboard.press("Enter")
        expect(page.locator(".errorlist")).to_be_visible()
        easy_to_use(page)
        used = code(secret)
        page.fill("#id_code", used)
        page.keyboard.press("Enter")
        recovery = page.locator("#recovery_codes code").first.inner_text()
        easy_to_use(page)
    # No code is good twice: neither the one that joined the app, nor one that let somebody in.
    for kind in ("app", "recovery"):
        with opened(browser, world) as page:
            type_password(page, "operator")
            page.fill("#id_code", used)
            page.keyboard.press("Enter")
            expect(page.locator(".errorlist")).to_contain_text("Incorrect code")
            easy_to_use(page)
            used = code(secret, 1) if kind == "app" else recovery
            page.fill("#id_code", used)
            page.keyboard.press("Enter")
            expect(page.locator("header a[href='/me']")).to_have_text("operator")
    with opened(browser, world) as page:
        sign_in(page, "admin")
        page.goto("/people")
        row = page.locator("tr", has_text="operator@example.com")
        row.get_by_text("Remove the second factor").first.click()
        row.get_by_role("button", name="Remove the second factor").click()
        expect(page.get_by_role("status")).to_contain_text("without a second factor")
    with opened(browser, world) as page:
        sign_in(page, "operator")
    assert acts_of(world, "operator") == [
        "add_second_factor", "add_second_factor", "remove_second_factor",
    ]  # fmt: skip
    found = list_acts(world.console.service.runtime, subject="operator")[::-1]
    assert [factors(each.before) for each in found] == [
        ["recovery_codes"], ["totp"], ["recovery_codes", "totp"],
    ]  # fmt: skip
    both = ["recovery_codes", "totp"]
    assert [factors(each.after) for each in found] == [both, both, []]


def test_a_passkey_signs_in_without_a_password(browser: Browser, world: PeopleWorld) -> None:
    with opened(browser, world) as page:
        chromium = page.context.new_cdp_session(page)
        chromium.send("WebAuthn.enable")
        device = {
            "protocol": "ctap2", "transport": "internal", "hasResidentKey": True,
            "hasUserVerification": True, "isUserVerified": True,
            "automaticPresenceSimulation": True,
        }  # fmt: skip
        chromium.send("WebAuthn.addVirtualAuthenticator", {"options": device})
        sign_in(page, "steward")
        page.goto("/account/2fa/webauthn/add/")
        confirm(page)
        page.get_by_label("Passwordless").check()
        easy_to_use(page)
        page.get_by_role("button", name="Add").click()
        expect(page.locator("#recovery_codes")).to_be_visible()
        page.goto("/account/2fa/webauthn/")
        expect(page.locator("tbody")).to_contain_text("signs in without a password")
        easy_to_use(page)
        page.context.clear_cookies()
        page.goto("/account/login/")
        page.get_by_role("button", name="Sign in with a passkey").click()
        page.wait_for_url(f"{world.url}/")
        page.goto("/account/2fa/webauthn/")
        page.get_by_role("link", name="Remove").click()
        confirm(page)
        page.get_by_role("button", name="Remove").click()
        expect(page.locator("main")).to_contain_text("You have no passkey yet.")
        page.context.clear_cookies()
        page.goto("/account/login/")
        page.get_by_role("button", name="Sign in with a passkey").click()
        expect(page.locator("main")).to_contain_text("Incorrect code.")


PAGES = (
    "2fa/", "2fa/totp/activate/", "2fa/webauthn/", "2fa/webauthn/add/", "3rdparty/",
    "3rdparty/login/cancelled/", "3rdparty/login/error/", "inactive/", "logout/",
    "oidc/sso/login/", "password/change/", "password/reset/", "password/reset/done/",
    "password/reset/key/1-none/", "reauthenticate/",
)  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize(("locale", "scheme"), [("en", "light"), ("es", "dark")])
def test_everybody_can_use_the_pages_about_signing_in(
    browser: Browser, world: PeopleWorld, locale: str, scheme: str
) -> None:
    with opened(
        browser, world, locale=locale, color_scheme=scheme, viewport={"width": 360, "height": 800}
    ) as page:
        easy_to_use(page)
        type_password(page, "admin")
        expect(page.locator("header a[href='/me']")).to_have_text("admin")
        page.goto("/account/reauthenticate/?next=/me")
        page.fill("input[type=password]", PASSWORD)
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile("/me$"))
        for path in PAGES:
            page.goto(f"/account/{path}")
            easy_to_use(page)
            assert page.evaluate("document.documentElement.scrollWidth") <= 360, path


@pytest.mark.long
def test_a_page_that_looks_by_itself_ends_with_the_session(
    browser: Browser, world: PeopleWorld
) -> None:
    world.console.put("later.csv", GOOD, feed="other")
    with opened(browser, world) as page:
        sign_in(page, "other")
        expect(page.locator("tr", has_text="later.csv")).to_contain_text("waits to be loaded")
        world.console.change("Person.objects.get(username='other').groups.clear()")
        expect(page).to_have_url(re.compile("/account/login/"), timeout=20_000)
        expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
