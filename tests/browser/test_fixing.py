"""Fixing rows in a real browser, with a worker, a beat and a warehouse behind it: the golden path,
and what gets in its way."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from fixing_world import FixingWorld, fixing_world, rows, until
from pipelines.operations.acts import list_acts
from pipelines.operations.receipt_link import renew_link, revoke_link

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium here")
SOON = 30_000


@pytest.fixture(scope="module")
def world(
    tmp_path_factory: pytest.TempPathFactory, redis_url: str, bigquery_url: str
) -> Iterator[FixingWorld]:
    with fixing_world(tmp_path_factory.mktemp("fixing"), redis_url, bigquery_url) as made:
        yield made


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield made
        made.close()


def test_47_of_50_becomes_50_of_50_by_the_keyboard(browser: Browser, world: FixingWorld) -> None:
    file = world.dropped("golden.csv", rows(3, 47, prefix="g"))
    page = world.signed_in(browser)
    wrong: list[str] = []
    page.on("console", lambda each: wrong.append(each.text))
    row = page.locator("tr", has_text="golden.csv")
    expect(row).to_contain_text("47 of 50 rows")
    expect(row).to_contain_text("3 rows need you")
    row.get_by_role("link").press("Enter")
    page.get_by_role("link", name="Fix 3 rows").press("Enter")
    cells = page.get_by_role("textbox")
    expect(cells).to_have_count(3)
    expect(page.locator(".cell").first).to_contain_text('"many" is not a whole number')
    cells.first.focus()
    for value in ("1", "2", "x"):
        page.keyboard.press("Control+A")
        page.keyboard.type(value)
        page.keyboard.press("Enter")
    expect(page.locator("#fixed")).to_contain_text("3 of 3 fixed · 0 left")
    expect(page.locator("#kept")).to_contain_text("Saved as a draft")
    page.get_by_role("button", name="Check again").press("Enter")
    expect(page.locator("#fix")).to_contain_text(
        "2 rows would load, 1 row is still wrong", timeout=SOON
    )
    expect(page.locator(".cell.bad")).to_contain_text('"x" is not a whole number')
    page.locator(".cell.bad input[name=value]").focus()
    page.keyboard.press("Control+A")
    page.keyboard.type("3")
    page.get_by_role("button", name="Send the fixed rows").press("Enter")
    expect(page.locator("p.lead")).to_contain_text("50 of 50 rows", timeout=SOON)
    expect(page.get_by_role("status")).to_contain_text(
        "3 fixed rows are in the table.", timeout=SOON
    )
    expect(page.get_by_role("link", name="Fix")).to_have_count(0)
    assert dict(world.table("gw")) == {"gw0": 1, "gw1": 2, "gw2": 3}
    assert len(world.table("g")) == 50
    until(lambda: world.file("golden.csv").status == "done")
    world.books_balance()
    assert world.file("golden.csv").rows_corrected == 3
    assert file.counts == world.file("golden.csv").counts
    assert wrong == []


def test_whoever_has_the_link_fixes_the_rows_without_a_login(
    browser: Browser, world: FixingWorld
) -> None:
    file = world.dropped("linked.csv", rows(2, 8, prefix="l"))
    runtime = world.service.runtime
    url = renew_link(runtime, file).url
    page = browser.new_page()
    wrong: list[str] = []
    page.on("console", lambda each: wrong.append(each.text))
    page.goto(url)
    page.get_by_role("link", name="Fix the rows here").click()
    page.get_by_role("textbox").first.fill("7")
    page.get_by_role("button", name="Use for 1 equal value").first.click()
    expect(page.locator("#fixed")).to_contain_text("2 of 2 fixed · 0 left")
    answer = page.reload()
    assert answer is not None
    headers = answer.headers
    assert (headers["referrer-policy"], headers["cache-control"]) == ("no-referrer", "no-store")
    assert "noindex" in headers["x-robots-tag"]
    page.get_by_role("button", name="Send the fixed rows").click()
    expect(page.locator("#fix")).to_contain_text("2 fixed rows are in the table.", timeout=SOON)
    expect(page.locator("#fix")).to_contain_text("Nothing is left to fix.")
    assert dict(world.table("lw")) == {"lw0": 7, "lw1": 7}
    page.get_by_role("link", name="Back to the file").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("all rows are loaded")
    acts = list_acts(runtime, subject=file.file_id)
    assert [each.actor.via for each in acts if each.action == "submit_draft"] == ["link"]
    other = browser.new_page()
    other.goto(f"{url}/fix")
    revoke_link(runtime, file)
    other.goto(f"{url}/fix")
    expect(other.get_by_role("heading")).to_have_text("There is no receipt at this address.")
    assert wrong == []
