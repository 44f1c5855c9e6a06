"""Arrivals: how the days of a feed went, over a ledger that saw files on some of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

from pydantic import SecretStr

from bare_service import bare_service
from connectors.ledger import LedgerConfig, SqlLedger
from entrypoints.config.assembly import build_runtime
from entrypoints.config.settings import read_settings
from pipelines.operations.arrivals import DayState, arrivals
from schemas.file import Event, Outcome, Status
from schemas.item import Item, Page

PROMISE = """slaProperties:
  - property: frequency
    value: 1
    unit: d
    scheduler: cron
    schedule: "0 9 * * 1-5"
"""


def sent(ledger_url: str, at: datetime) -> None:
    """A file that was found and prepared then."""
    ledger = SqlLedger(LedgerConfig(url=SecretStr(ledger_url)), now=lambda: at)
    ledger.feeds.watch(["sales"])
    item = Item(key=f"{at:%d%H}.csv", version="1", name="a.csv", sent_at=at)
    [file_id] = ledger.files.register("sales", "drop", Page(items=(item,)))
    held = ledger.leases.claim(file_id, Status.DISCOVERED, "test", 60)
    assert held is not None
    ready = replace(held, status=Status.PREPARED, outcome=Outcome.ACCEPTED, contract_version="1")
    event = Event(file_id=file_id, at=at, step="prepare", outcome="accepted")
    ledger.leases.advance(ready, event)
    ledger.close()


def test_a_day_is_on_time_late_missing_due_or_closed(tmp_path: Path) -> None:
    service = bare_service(tmp_path)
    with (tmp_path / "contracts" / "sales.odcs.yaml").open("a") as contract:
        contract.write(PROMISE)
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    # From Tuesday on: in time, late, never; then a weekend, and a Monday that is not over.
    sent(url, datetime(2026, 11, 3, 8, 50, tzinfo=UTC))
    sent(url, datetime(2026, 11, 4, 10, 30, tzinfo=UTC))
    now = datetime(2026, 11, 9, 9, 30, tzinfo=UTC)
    runtime = replace(build_runtime(read_settings(service.config)), now=lambda: now)
    found = arrivals(runtime, "sales", date(2026, 11, 2), 8)
    assert [each.state for each in found] == [
        DayState.UNWATCHED, DayState.ON_TIME, DayState.LATE, DayState.MISSING, DayState.MISSING,
        DayState.CLOSED, DayState.CLOSED, DayState.DUE,
    ]  # fmt: skip
    assert [each.day.day for each in found] == list(range(2, 10))
