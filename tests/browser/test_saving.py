"""What is written on the page "Fix rows" while it is being saved, in a real browser: nothing is
sent without it, and nothing of it is lost."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route, expect

from console_world import ConsoleWorld, console_world, signed_in
from pipelines.operations.acts import list_acts
from schemas.file import File

NOT_NOW = "<h1>Not now</h1>"
CELL = "**/fix/save?cell=1"
SENT = ("submit_draft", "check_draft")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, redis_url: str) -> Iterator[ConsoleWorld]:
    with console_world(tmp_path_factory.mktemp("saving"), redis_url) as made:
        yield made


def partly(world: ConsoleWorld, name: str) -> File:
    """A file of good rows, and of three whose amount is a word."""
    lines = ["id,day,amount,iban", *(f"{name}{number},2026-11-03,1," for number in range(9))]
    lines += [f"{key},2026-11-03,many,{key}" for key in ("B", "C", "D")]
    return world.done(world.put(name, "\n".join(lines) + "\n"))


def fixing(browser: Browser, world: ConsoleWorld, file: File, name: str = "operator") -> Page:
    page = signed_in(browser, world.url, name)
    page.goto(f"/files/{file.file_id}/fix")
    return page


def slow(page: Page, address: str | re.Pattern[str] = CELL) -> list[Route]:
    """What the page asks of that address, until each is let go on."""
    waiting: list[Route] = []
    page.route(address, lambda route: waiting.append(route))
    return waiting


def sending(page: Page) -> list[str]:
    """The forms that the page sends from now on, by the last word of their address."""
    sent: list[str] = []

    def seen(address: str) -> None:
        sent.append(address.partition("?")[0].rpartition("/")[2])

    page.on("request", lambda each: seen(each.url) if each.is_navigation_request() else None)
    return sent


def let_go(page: Page, waiting: list[Route]) -> None:
    """Let the next request through, once it is there."""
    while not waiting:
        page.wait_for_timeout(20)
    waiting.pop(0).continue_()


def drafted(world: ConsoleWorld, file: File) -> list[str]:
    draft = world.service.runtime.ledger.drafts.open_of(file.file_id)
    if draft is None:
        return []
    return sorted(each.value for each in world.service.runtime.ledger.drafts.cells(draft.draft_id))


def acts(world: ConsoleWorld, file: File) -> list[str]:
    found = list_acts(world.service.runtime, subject=file.file_id)
    return [each.action for each in found if each.action in SENT]


@pytest.mark.parametrize("button", ["Send the fixed rows", "Check again"])
def test_nothing_is_sent_before_the_last_cell_is_saved(
    browser: Browser, world: ConsoleWorld, button: str
) -> None:
    file = partly(world, f"{button}.csv")
    page = fixing(browser, world, file)
    waiting, sent = slow(page), sending(page)
    page.get_by_role("textbox").first.fill("7")
    page.get_by_role("button", name=button).focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(page.locator("#kept")).to_contain_text("What you wrote last is being saved")
    assert sent == []
    let_go(page, waiting)
    page.wait_for_url("**/files/**?**")
    assert drafted(world, file) == ["7"] or acts(world, file) == ["submit_draft"]
    expect(page.get_by_role("alert")).to_have_count(0)
    assert sent.count("send" if "Send" in button else "check") == 1


def test_a_cell_that_could_not_be_saved_is_shown_and_nothing_is_sent(
    browser: Browser, world: ConsoleWorld
) -> None:
    file = partly(world, "lost.csv")
    page = fixing(browser, world, file)
    waiting, sent = slow(page), sending(page)
    field = page.get_by_role("textbox").first
    for value, is_cut in (("1", True), ("2", False)):
        field.fill(value)
        page.get_by_role("button", name="Send the fixed rows").focus()
        page.keyboard.press("Enter")
        expect(page.locator("#kept")).to_contain_text("being saved")
        while not waiting:
            page.wait_for_timeout(20)
        if is_cut:
            waiting.pop().abort()
        else:
            waiting.pop().fulfill(status=503, content_type="text/html", body=NOT_NOW)
        expect(page.locator(".cell").first).to_contain_text("This is not saved.")
        expect(page.locator("#kept")).to_contain_text("Not all is saved")
        expect(field).to_be_focused()
        expect(field).to_have_attribute("aria-invalid", "true")
        expect(field).to_have_value(value)
    assert (sent, drafted(world, file), acts(world, file)) == ([], [], [])
    assert Axe().run(page).response["violations"] == []
    # Who sends once more tries it once more.
    page.unroute(CELL)
    field.fill("8")
    field.press("Enter")
    expect(page.locator("#kept")).to_contain_text("Saved as a draft")
    expect(page.locator(".cell").first).not_to_contain_text("This is not saved.")
    page.get_by_role("button", name="Send the fixed rows").press("Enter")
    page.wait_for_url("**/files/*?*")
    assert acts(world, file) == ["submit_draft"]


def test_what_somebody_else_has_written_meanwhile_is_decided_before_it_is_sent(
    browser: Browser, world: ConsoleWorld
) -> None:
    file = partly(world, "contested.csv")
    page, other = fixing(browser, world, file), fixing(browser, world, file, "steward")
    other.get_by_role("textbox").first.fill("5")
    other.keyboard.press("Enter")
    expect(other.locator("#kept")).to_contain_text("Saved as a draft")
    sent = sending(page)
    page.get_by_role("textbox").first.fill("6")
    send = page.get_by_role("button", name="Send the fixed rows")
    send.click()
    expect(page.locator(".cell").first).to_contain_text('steward has written "5" here meanwhile.')
    send.click()
    expect(page.get_by_role("textbox").first).to_be_focused()
    assert (sent, drafted(world, file)) == ([], ["5"])
    page.get_by_role("button", name="Take theirs").click()
    send.click()
    page.wait_for_url("**/files/*?*")
    assert acts(world, file) == ["submit_draft"]


def test_whoever_writes_on_while_a_cell_is_saved_loses_nothing(
    browser: Browser, world: ConsoleWorld
) -> None:
    file = partly(world, "quick.csv")
    page, wrong = fixing(browser, world, file), list[str]()
    page.on("console", lambda each: wrong.append(each.text))
    waiting = slow(page)
    cells = page.get_by_role("textbox")
    cells.first.fill("1")
    page.keyboard.press("Enter")
    page.keyboard.press("Shift+Enter")
    page.keyboard.press("End")
    page.keyboard.type("2")
    let_go(page, waiting)
    expect(page.locator("#kept")).to_contain_text("Saved as a draft")
    expect(cells.first).to_be_focused()
    page.keyboard.type("3")
    page.keyboard.press("Enter")
    # The same cell twice, the second before there is an answer to the first.
    page.keyboard.press("Shift+Enter")
    page.keyboard.press("Control+A")
    page.keyboard.type("4")
    page.keyboard.press("Enter")
    # And another, which comes after both.
    page.keyboard.press("Control+A")
    page.keyboard.type("5")
    page.keyboard.press("Enter")
    for _ in range(3):
        let_go(page, waiting)
    expect(page.locator("#fixed")).to_contain_text("2 of 3 fixed")
    expect(cells.first).to_have_value("4")
    page.get_by_role("button", name="Send the fixed rows").press("Enter")
    page.wait_for_url("**/files/*?*")
    [draft] = world.service.runtime.ledger.drafts.submitted(file.file_id)
    written = world.service.runtime.ledger.drafts.cells(draft.draft_id)
    assert sorted(each.value for each in written) == ["4", "5"]
    assert wrong == []


def test_what_is_pasted_is_saved_before_it_is_checked(
    browser: Browser, world: ConsoleWorld
) -> None:
    file = partly(world, "pasted.csv")
    page = fixing(browser, world, file)
    waiting = slow(page, re.compile("/fix/save"))
    page.get_by_role("textbox").first.focus()
    page.evaluate(
        """() => {
          const clipboardData = new DataTransfer();
          clipboardData.setData("text/plain", "11\\n12\\n13\\n");
          document.activeElement.dispatchEvent(
            new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
        }"""
    )
    page.keyboard.press("End")
    page.keyboard.type("0")
    page.get_by_role("button", name="Check again").press("Enter")
    expect(page.locator("#kept")).to_contain_text("being saved")
    let_go(page, waiting)
    let_go(page, waiting)
    page.wait_for_url("**/fix?check=*")
    assert drafted(world, file) == ["110", "12", "13"]
    expect(page.get_by_role("alert")).to_have_count(0)
