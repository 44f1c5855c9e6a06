"""Pictures of every screen for docs/console.md: `make screenshots`."""

from __future__ import annotations

import re
import shutil
import sys
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from playwright.sync_api import Page as BrowserPage
from playwright.sync_api import ViewportSize, sync_playwright
from pydantic import SecretStr

from browser.small_png import small
from connectors.ledger import LedgerConfig, SqlLedger
from console_world import PASSWORD, ConsoleWorld, console_world
from entrypoints.demo.servers import valkey
from folders import ROOT
from pipelines.operations.alerts import list_alerts
from pipelines.operations.checks import request_check
from pipelines.operations.drafts import change_draft
from pipelines.operations.drift_decisions import drift_named
from pipelines.operations.drift_samples import request_samples
from pipelines.operations.keys import create_key
from pipelines.operations.long_work import do_operation
from pipelines.operations.masking import Mask
from pipelines.operations.row_search import request_row
from pipelines.operations.trusted_senders import trust_sender
from pipelines.operations.uploads import incoming
from schemas.act import Actor
from schemas.batch import Committed
from schemas.draft import CellChange
from schemas.file import Counts, Event, Outcome, Status
from schemas.item import Item, Page
from schemas.key import Role
from web_world import BAD, GOOD, TABLE

FOLDER = ROOT / "docs" / "console"
_HEADER = "id,day,amount,iban\n"
_CALENDAR = """slaProperties:
  - property: frequency
    value: 1
    unit: d
    scheduler: cron
    schedule: "0 9 * * 1-5"
"""
SCREENS = {
    "my-files": "/",
    "file": "/files/{file}",
    "fix-rows": "/files/{file}/fix",
    "checked": "/send/{checked}",
    "feeds": "/feeds",
    "feed": "/feeds/sales",
    "calendar": "/calendar",
    "drift": "/drift",
    "one-drift": "/drift/{drift}?samples={samples}",
    "decide": "/decide",
    "alerts": "/alerts",
    "row": "/row",
    "found-row": "/row/{row}",
    "senders": "/senders",
    "sender": "/sender?address=bo@birch.example",
    "service": "/service",
    "people": "/people",
    "keys": "/people/keys",
    "acts": "/people/acts",
    "me": "/me",
}


def main() -> None:
    """Make the pictures; those that are named only, if any are."""
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("chromium is not installed")
    FOLDER.mkdir(exist_ok=True)
    with TemporaryDirectory(prefix="waybill-pictures-") as name, valkey(Path(name) / "v") as redis:
        folder = Path(name) / "service"
        folder.mkdir()
        with (
            console_world(folder, redis, promise=_CALENDAR) as world,
            sync_playwright() as playwright,
        ):
            facts = _fill(world)
            browser = playwright.chromium.launch(
                executable_path=chromium, args=["--no-sandbox", "--disable-lcd-text"]
            )
            wide = ViewportSize(width=1120, height=720)
            light = browser.new_context(base_url=world.url, viewport=wide, locale="en-GB",
                                        timezone_id="Europe/Madrid")  # fmt: skip
            dark = browser.new_context(base_url=world.url, locale="es-ES", color_scheme="dark",
                                       viewport=ViewportSize(width=390, height=760),
                                       timezone_id="Europe/Madrid")  # fmt: skip
            page = light.new_page()
            page.goto("/account/login/")
            wanted = sys.argv[1:] or [*SCREENS, "sign-in", "my-files-es", "file-es"]
            if "sign-in" in wanted:
                _take(page, "sign-in")
            _sign_in(page)
            for title in [each for each in SCREENS if each in wanted]:
                page.goto(SCREENS[title].format(**facts))
                _take(page, title)
            phone = dark.new_page()
            phone.goto("/account/login/")
            _sign_in(phone)
            for title in [each for each in ("my-files", "file") if f"{each}-es" in wanted]:
                phone.goto(SCREENS[title].format(**facts))
                _take(phone, f"{title}-es")
            browser.close()


def _sign_in(page: BrowserPage) -> None:
    page.fill("#id_login", "admin")
    page.fill("#id_password", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"://[^/]+/$"))


def _take(page: BrowserPage, title: str) -> None:
    path = FOLDER / f"{title}.png"
    path.write_bytes(small(page.screenshot()))
    click.echo(f"{path.relative_to(ROOT)}: {path.stat().st_size:,} bytes")


def _fill(world: ConsoleWorld) -> dict[str, str]:
    """Files in every state, and something on every screen."""
    runtime = world.service.runtime
    for number, sender in enumerate(("desk@acorn.example", "till@birch.example")):
        for days in range(13, -1, -1):
            if days % (number + 2) or days > 8:
                _sent(world, sender, runtime.now() - timedelta(days=days), days)
    rows = "".join(f"SO-{n:04},2026-11-03,{n},\n" for n in range(47))
    wrong = "SO-0047,2026-02-30,4,\nSO-0048,2026-11-03,many,\nSO-0049,never,2,\n"
    partly = world.done(world.put("shop_2026-11-03.csv", _HEADER + rows + wrong))
    world.done(world.put("shop_2026-11-04.csv", _HEADER + rows.replace("SO-", "SP-")))
    world.done(world.put("till_2026-11-04.csv", GOOD, feed="other"))
    world.put("till_2026-11-05.csv", BAD, feed="other")
    world.put("shop_2026-11-05.csv", GOOD.replace("A,", "Z,"))
    coloured = rows[: rows.index("SO-0005")].replace("SO-", "SC-").replace(",\n", ",,blue\n")
    strange = world.put("shop_2026-11-07.csv", "id,day,amount,iban,Colour\n" + coloured)
    [sighting] = runtime.ledger.drifts.sightings(strange.file_id)
    drift = sighting.drift_id
    samples = request_samples(runtime, drift_named(runtime, drift))
    do_operation(runtime, samples.operation_id)
    results = "mx.example.com; dkim=pass header.d=birch.example"
    world.held(
        "birch_2026-11-06.csv", "desk@birch.example", author="ana@birch.example",
        subject="Sales of the week", authentication_results=results,
    )  # fmt: skip
    by_steward = replace(runtime, actor=Actor(who="steward", via="console"))
    trust_sender(by_steward, "partners", "bo@birch.example")
    alert = world.alert()
    [known] = [each for each in list_alerts(runtime) if each.alert_id == alert]
    runtime.ledger.alerts.mark_delivered("chat", [known])
    create_key(runtime, "nightly export", Role.VIEWER, ["sales*"],
               runtime.now() + timedelta(days=365))  # fmt: skip
    change = CellChange(line=50, column="amount", value="48", revision=0)
    change_draft(runtime, partly, Mask(None, sees_all=True), [change])
    with incoming(runtime, 1 << 20) as coming:
        coming.write((_HEADER + rows[: rows.index("SO-0005")] + wrong).encode())
        check = request_check(runtime, "shop_2026-11-06.csv", coming, ["sales"], "sales")
    do_operation(runtime, check.operation_id)
    asked = request_row(runtime, "sales", {"id": "SO-0012"}, 30, Mask(None, sees_all=True))
    claimed = runtime.ledger.operations.claim(asked.operation_id, runtime.owner, 60)
    assert claimed is not None
    runtime.ledger.operations.finish(claimed, result={"rows": [_row(partly.file_id)]})
    return {
        "file": partly.file_id, "drift": drift, "row": asked.operation_id,
        "checked": check.operation_id, "samples": samples.operation_id,
    }  # fmt: skip


def _row(file_id: str) -> dict[str, object]:
    """A row as a worker would have found it."""
    return {
        "values": {"id": "SO-0012", "day": "2026-11-03", "amount": "12", "iban": None},
        "table": TABLE, "file_id": file_id, "name": "shop_2026-11-03.csv",
        "sender": "desk@acorn.example", "sent_at": "2026-11-03T08:50:00+00:00", "line": 14,
        "member": None, "raw": "SO-0012,2026-11-03,12,", "raw_missing": None,
        "checks": ["id is a STRING", "id is there"], "batch_id": "0c81d3f2a9b04e57",
        "loaded_at": "2026-11-03T09:01:12+00:00",
        "replaced": [{"file_id": file_id, "rows": 47, "name": "shop_2026-11-02.csv"}],
    }  # fmt: skip


def _sent(world: ConsoleWorld, sender: str, day: datetime, number: int) -> None:
    """A file of a day that has passed, on its way as the ledger saw it then."""
    at = day.replace(hour=11 if number == 5 else 8, minute=50)
    secret = (world.service.folder / "ledger_url").read_text()
    ledger = SqlLedger(LedgerConfig(url=SecretStr(secret)), now=lambda: at)
    ledger.feeds.watch(["sales", "other"])
    name = f"{sender.partition('@')[0]}_{at:%Y-%m-%d}.csv"
    item = Item(key=f"mail/{name}", version=sender, name=name, sent_at=at, sender=sender)
    [file_id] = ledger.files.register("sales", "drop", Page(items=(item,)))
    held = ledger.leases.claim(file_id, Status.DISCOVERED, "pictures", 60)
    assert held is not None
    counts = Counts(read=120, loaded=120 - number, rejected=number)
    outcome = Outcome.PARTLY if number else Outcome.ACCEPTED
    event = Event(file_id=file_id, at=at, step="prepare", outcome=outcome)
    ready = replace(held, status=Status.PREPARED, outcome=outcome, counts=counts, size=100,
                    contract_version="1.0.0")  # fmt: skip
    ledger.leases.advance(ready, event)
    while (batch := ledger.batches.open("sales", TABLE, 1000, 1 << 40)) is not None:
        ledger.batches.commit(batch, Committed(rows=1), [])
    held = ledger.leases.claim(file_id, Status.LOADED, "pictures", 60)
    assert held is not None
    ledger.leases.advance(replace(held, status=Status.DONE), replace(event, step="acknowledge"))
    ledger.close()


if __name__ == "__main__":
    main()
