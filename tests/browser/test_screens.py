"""The console in a real browser: from signing in to a file, and that everybody can use it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from console_world import ConsoleWorld, console_world, signed_in
from web_world import GOOD

EVIL = "<img src=x onerror=alert(1)>"
MOST_RIGHT = "id,day,amount,iban\nA,2026-11-03,1,\nB,2026-11-03,2,\nC,2026-11-03,many,\n"
PAGES = (
    "/", "/files/{file}", "/decide", "/alerts", "/feeds", "/feeds/sales", "/calendar", "/drift",
    "/drift/{drift}", "/row?feed=sales", "/senders", "/service", "/people",
    "/people/keys", "/people/acts", "/me", "/account/login/", "/account/password/change/",
    "/account/password/reset/", "/account/2fa/", "/account/logout/", "/nothing",
)  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, redis_url: str) -> Iterator[ConsoleWorld]:
    with console_world(tmp_path_factory.mktemp("browser"), redis_url) as made:
        made.alert()
        yield made


def test_from_signing_in_to_the_row_that_is_wrong(browser: Browser, world: ConsoleWorld) -> None:
    world.done(world.put(f"shop {EVIL}.csv", MOST_RIGHT))
    world.done(world.put("good.csv", GOOD))
    page = signed_in(browser, world.url, "operator", timezone_id="America/Lima")
    wrong: list[str] = []
    page.on("console", lambda each: wrong.append(each.text))
    page.on("dialog", lambda each: wrong.append(each.message))
    page.reload()
    expect(page.locator("tbody tr")).to_have_count(2)
    row = page.locator("tr", has_text="shop")
    expect(row).to_contain_text("2 of 3 rows")
    expect(row).to_contain_text("1 row needs you")
    expect(row.locator("time")).to_have_attribute("data-local", "")
    expect(row.locator("time")).not_to_contain_text("UTC")
    page.fill("input[name=q]", "shop")
    page.keyboard.press("Enter")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.click("tbody a")
    expect(page.get_by_role("heading", level=1)).to_have_text(f"shop {EVIL}.csv")
    expect(page.locator("section.rule li")).to_have_text("line 4: many")
    with page.expect_download() as download:
        page.get_by_text("Download the rejected rows").click()
    assert "many" in download.value.path().read_text()
    page.get_by_text("Check it again").first.click()
    page.get_by_role("button", name="Check it again").click()
    expect(page.get_by_role("status")).to_contain_text("is on its way again")
    assert wrong == []


def test_a_list_shows_by_itself_what_has_become_of_a_file(
    browser: Browser, world: ConsoleWorld
) -> None:
    file = world.put("later.csv", GOOD.replace("A,", "L,"))
    page = signed_in(browser, world.url, "viewer")
    row = page.locator("tr", has_text="later.csv")
    expect(row).to_contain_text("waits to be loaded")
    world.done(file)
    expect(row).to_contain_text("✓ loaded", timeout=15_000)


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.long)])
def test_everybody_can_use_each_screen(browser: Browser, world: ConsoleWorld, scheme: str) -> None:
    file = world.put(f"axe {scheme}.csv", MOST_RIGHT.replace("A,", f"{scheme},"))
    drift = world.drift(file)
    locale = "es-ES" if scheme == "dark" else "en-US"
    width = 360 if scheme == "dark" else 1120
    page = signed_in(
        browser, world.url, "admin", color_scheme=scheme, locale=locale,
        viewport={"width": width, "height": 800},
    )  # fmt: skip
    for path in PAGES:
        page.goto(path.format(file=file.file_id, drift=drift))
        found = Axe().run(page).response["violations"]
        told = [(each["id"], [node["target"] for node in each["nodes"]]) for each in found]
        assert told == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path


def test_a_phone_shows_the_menu_in_one_row_and_cuts_no_table(
    browser: Browser, world: ConsoleWorld
) -> None:
    page = signed_in(browser, world.url, "admin", viewport={"width": 390, "height": 800})
    page.goto("/service")
    rows = page.eval_on_selector_all(
        "header nav a", "all => new Set(all.map(each => each.offsetTop)).size"
    )
    assert rows == 1
    cut = page.eval_on_selector_all(
        ".scroll", "all => all.filter(each => each.scrollWidth > each.clientWidth).length"
    )
    assert cut == 0
