"""Fixing rows in a real browser, with a worker, a beat and a warehouse behind it: the golden path,
and what gets in its way."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from fixing_world import FixingWorld, fixing_world, rows
from pipelines.operations.acts import list_acts
from pipelines.operations.receipt_link import renew_link, revoke_link
from pipelines.runtime import Runtime
from schemas.file import File
from schemas.receipt_link import link_of, token_of
from service_process import until

# The first test starts the whole service.
pytestmark = pytest.mark.timeout(400)
SOON = 30_000
EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def world(
    tmp_path_factory: pytest.TempPathFactory, redis_url: str, bigquery_url: str
) -> Iterator[FixingWorld]:
    with fixing_world(tmp_path_factory.mktemp("fixing"), redis_url, bigquery_url) as made:
        yield made


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
    page.keyboard.press("Enter")
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
    expect(page.get_by_text("and may correct its rows, until")).to_be_visible()
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
    for path in ("", "/fix"):
        other.goto(f"{expiring(runtime, file, -1)}{path}")
        expect(other.get_by_role("heading")).to_contain_text("has expired")
    assert wrong == []


def expiring(runtime: Runtime, file: File, seconds: int) -> str:
    """A link to the file's receipt that is good for so many seconds from now."""
    until = runtime.now() + timedelta(seconds=seconds)
    made = runtime.ledger.receipt_links.renew(file.file_id, secrets.token_hex(16), until)
    assert runtime.links is not None
    link = link_of(runtime.links, made)
    assert link is not None
    return link.url


@pytest.mark.long
def test_two_people_fix_the_same_cell_and_both_see_it(browser: Browser, world: FixingWorld) -> None:
    file = world.dropped("both.csv", rows(3, 5, prefix="b"))
    one, two = world.signed_in(browser), world.signed_in(browser, "steward")
    for page in (one, two):
        page.goto(f"/files/{file.file_id}/fix")
    for page, value in ((one, "1"), (two, "2")):
        page.get_by_role("textbox").first.fill(value)
        page.keyboard.press("Enter")
        expect(page.locator("#kept")).not_to_contain_text("What you write")
    cell = two.locator(".cell").first
    expect(cell).to_contain_text('operator has written "1" here meanwhile.')
    expect(two.locator("#kept")).to_contain_text("Not all is saved")
    cell.get_by_role("button", name="Keep mine").click()
    expect(cell.get_by_role("button", name="Keep mine")).to_have_count(0)
    one.reload()
    expect(one.get_by_role("textbox").first).to_have_value("2")
    one.get_by_role("textbox").nth(1).fill("8")
    one.keyboard.press("Enter")
    expect(one.locator("#fixed")).to_contain_text("2 of 3 fixed")
    two.get_by_role("textbox").nth(1).fill("9")
    two.keyboard.press("Enter")
    second = two.locator(".cell").nth(1)
    second.get_by_role("button", name="Take theirs").click()
    expect(two.get_by_role("textbox").nth(1)).to_have_value("8")
    # Who sends must have seen what the other has written since.
    one.get_by_role("textbox").nth(2).fill("7")
    one.keyboard.press("Enter")
    expect(one.locator("#fixed")).to_contain_text("3 of 3 fixed")
    two.get_by_role("button", name="Send the fixed rows").click()
    expect(two.get_by_role("alert")).to_contain_text("Somebody else has changed these rows")


@pytest.mark.long
def test_what_a_spreadsheet_copies_goes_down_the_cells_that_are_wrong(
    browser: Browser, world: FixingWorld
) -> None:
    file = world.dropped("paste.csv", rows(3, 5, prefix="p"))
    page = world.signed_in(browser)
    page.goto(f"/files/{file.file_id}/fix")
    page.get_by_role("textbox").first.focus()
    page.evaluate(
        """() => {
          const clipboardData = new DataTransfer();
          clipboardData.setData("text/plain", "11\\n12\\n13\\n14\\n");
          document.activeElement.dispatchEvent(
            new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
        }"""
    )
    expect(page.locator("#fixed")).to_contain_text("3 of 3 fixed")
    page.context.close()
    page = world.signed_in(browser)
    page.goto(f"/files/{file.file_id}/fix")
    for at, value in enumerate(("11", "12", "13")):
        expect(page.get_by_role("textbox").nth(at)).to_have_value(value)


@pytest.mark.long
def test_without_a_script_a_page_of_cells_is_saved_and_nothing_of_it_is_markup(
    browser: Browser, world: FixingWorld
) -> None:
    name, text = f"{EVIL}.csv", rows(1, 5, prefix="x") + f"xe,2026-11-03,{EVIL}\n"
    world.service.drop(name, text)
    until(lambda: [f for f in world.service.runtime.ledger.files.latest() if f.item.name == name])
    file = world.file(name)
    until(lambda: world.file(name).status == "done")
    page = world.signed_in(browser, java_script_enabled=False)
    page.goto(f"/files/{file.file_id}/fix")
    assert page.locator("main img").count() == 0
    expect(page.get_by_role("textbox").nth(1)).to_have_value(EVIL)
    page.get_by_role("textbox").nth(0).fill(f'"{EVIL}')
    page.get_by_role("textbox").nth(1).fill("2")
    page.locator("noscript button").click()
    expect(page.locator("#fixed")).to_contain_text("2 of 2 fixed")
    assert page.locator("main img").count() == 0
    expect(page.get_by_role("textbox").nth(0)).to_have_value(f'"{EVIL}')
    for answer in (
        page.request.post(f"/files/{file.file_id}/fix/save", form={"at": "[1]", "value": "1"}),
        page.request.post(f"/files/{file.file_id}/fix/send"),
    ):
        assert answer.status == 403, "a form without a token changes nothing"


@pytest.mark.long
def test_a_file_finds_its_feed_and_is_sent_only_then(browser: Browser, world: FixingWorld) -> None:
    page = world.signed_in(browser)
    page.goto("/send")
    data = {"name": "new.csv", "mimeType": "text/csv", "buffer": rows(3, 97, prefix="n").encode()}
    page.set_input_files("#id_file", data)  # type: ignore[arg-type]
    page.get_by_role("button", name="Check it").click()
    expect(page.locator("#checked")).to_contain_text("would load 97 of 100 rows", timeout=SOON)
    expect(page.locator("#checked")).to_contain_text("100 %")
    expect(page.locator("#checked")).to_contain_text("→ 2026-11-03")
    assert world.service.runtime.ledger.files.find("new.csv") == []
    page.get_by_role("button", name="Send it to sales").click()
    expect(page.locator("p.lead")).to_contain_text("97 of 100 rows", timeout=SOON)
    expect(page.get_by_role("link", name="Fix 3 rows")).to_be_visible()
    page.goto("/send")
    page.set_input_files("#id_file", {**data, "name": "empty.csv", "buffer": b""})  # type: ignore[arg-type]
    page.get_by_role("button", name="Check it").click()
    expect(page.get_by_role("alert")).to_contain_text("the file is empty")


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.long)])
def test_everybody_can_fix_rows(browser: Browser, world: FixingWorld, scheme: str) -> None:
    file = world.dropped(f"axe_{scheme}.csv", rows(2, 5, prefix=f"axe{scheme}"))
    url = renew_link(world.service.runtime, file).url
    width, locale = (360, "es-ES") if scheme == "dark" else (1120, "en-US")
    page = world.signed_in(
        browser, color_scheme=scheme, locale=locale, viewport={"width": width, "height": 800}
    )
    for path in (
        f"/files/{file.file_id}",
        f"/files/{file.file_id}/fix",
        "/send",
        url,
        f"{url}/fix",
    ):
        page.goto(path)
        found = Axe().run(page).response["violations"]
        assert [(each["id"], each["nodes"][0]["target"]) for each in found] == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path


@pytest.mark.long
def test_a_correction_outlives_the_worker_that_checks_it(
    browser: Browser, world: FixingWorld
) -> None:
    file = world.dropped("wait.csv", rows(1, 5, prefix="k"))
    page = world.signed_in(browser)
    page.goto(f"/files/{file.file_id}/fix")
    page.get_by_role("textbox").fill("4")
    world.dying_at("draft.checked")
    page.get_by_role("button", name="Check again").click()
    until(world.is_dead)
    expect(page.locator("#fix")).to_contain_text("What you wrote is being checked.")
    world.with_worker()
    world.lease_over()
    expect(page.locator("#fix")).to_contain_text("1 row would load", timeout=2 * SOON)
    expect(page.get_by_role("textbox")).to_have_value("4")
    page.get_by_role("button", name="Send the fixed rows").click()
    expect(page.locator("p.lead")).to_contain_text("6 of 6 rows", timeout=SOON)
    assert dict(world.table("kw")) == {"kw0": 4}
    assert len(world.table("k")) == 6
    until(lambda: world.file("wait.csv").status == "done")
    assert world.file("wait.csv").rows_corrected == 1
    acts = [each.action for each in list_acts(world.service.runtime, subject=file.file_id)]
    assert acts.count("submit_draft") == 1
    world.books_balance()


@pytest.mark.long
@pytest.mark.parametrize("ends", ["expires", "is revoked"])
def test_a_link_that_ends_while_its_page_is_open_says_so(
    browser: Browser, world: FixingWorld, ends: str
) -> None:
    prefix = ends[-1]
    file = world.dropped(f"{prefix}.csv", rows(1, 2, prefix=prefix))
    runtime = world.service.runtime
    seconds = 15 if ends == "expires" else 3600
    page = browser.new_page()
    page.goto(f"{expiring(runtime, file, seconds)}/fix")
    token = page.url.removesuffix("/fix").rpartition("/")[2]
    page.get_by_role("textbox").fill("4")
    if ends == "expires":
        expired = token_of(token)
        assert expired is not None
        until(lambda: runtime.now() > expired.until)
    else:
        revoke_link(runtime, file)
    page.get_by_role("textbox").press("Enter")
    said = "has expired" if ends == "expires" else "There is no receipt at this address."
    expect(page.get_by_role("heading", level=1)).to_contain_text(said)
    assert page.get_by_role("textbox").count() == 0
    assert page.request.get(f"{world.url}/r/{token}.json").status in (404, 410)
    assert runtime.ledger.drafts.open_of(file.file_id) is None
    assert len(world.table(prefix)) == 2
