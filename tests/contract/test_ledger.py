"""What every ledger promises, on a SQLite file and on PostgreSQL."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from pydantic import SecretStr
from sqlalchemy import event as engine_event
from sqlalchemy import make_url, text

from connectors.ledger import LedgerConfig, SqlLedger
from connectors.ledger.migrations import versions
from connectors.ledger.schema import _config
from connectors.ledger.tables import metadata
from connectors.protocols import FeedState, Ledger
from schemas.act import SERVICE
from schemas.alert import AlertKind, Trouble, Worker
from schemas.batch import Batch, BatchStatus, Committed, Removal, batch_id_of
from schemas.contract import Type
from schemas.contract_revision import sha256_of
from schemas.cost import Cost, CostSum
from schemas.drift import (
    ContractChange,
    DriftKind,
    DriftStatus,
    Finding,
    Profile,
    drift_id_of,
)
from schemas.errors import AccessDeniedError, BusyError, FatalError, LeaseLostError, RetryableError
from schemas.file import Counts, Event, File, Outcome, Status, file_id_of
from schemas.item import Item, Page
from schemas.left_document import LeftDocument
from schemas.quota import Bucket, Charge, Pause, Spent
from schemas.sla import Arrived

START = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)
TABLE = "demo.shop.orders"
BIG = 1 << 40


NEWEST = max(path.name[1:5] for path in Path(versions.__path__[0]).glob("v[0-9]*.py"))
"""The newest schema, by the names of its migrations."""


@dataclass
class Clock:
    """A clock that only moves when it is told to."""

    now: datetime = field(default=START)

    def __call__(self) -> datetime:
        return self.now

    def pass_seconds(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


BUCKET = Bucket(name="x", capacity=10, per_second=0.5)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(url: str, clock: Clock) -> Iterator[SqlLedger]:
    made = SqlLedger(LedgerConfig(url=SecretStr(url)), clock)
    made.migrate()
    yield made
    made.database.engine.dispose()


def item(key: str, **facts: Any) -> Item:
    """An item whose version is 1 unless told otherwise."""
    values: dict[str, Any] = {"version": "1", "name": key, "sent_at": START, **facts}
    return Item(key=key, **values)


def event(file: File, step: str = "prepare", outcome: str = "accepted") -> Event:
    return Event(file_id=file.file_id, at=START, step=step, outcome=outcome)


def add(ledger: Ledger, *items: Item, feed: str = "orders") -> list[str]:
    return list(ledger.files.register(feed, "drop", Page(items=items)))


def claimed(ledger: Ledger, file_id: str, status: Status = Status.DISCOVERED) -> File:
    file = ledger.leases.claim(file_id, status, "worker", 60)
    assert file is not None
    return file


def prepared(ledger: Ledger, file_id: str, **facts: Any) -> File:
    """Take a discovered file to PREPARED with those facts."""
    values: dict[str, Any] = {
        "outcome": Outcome.ACCEPTED, "contract_version": "1.0.0", "size": 100, **facts,
    }  # fmt: skip
    file = replace(claimed(ledger, file_id), status=Status.PREPARED, **values)
    return ledger.leases.advance(file, event(file))


def opened(ledger: Ledger, feed: str = "orders") -> Batch:
    batch = ledger.batches.open(feed, TABLE, 1000, BIG)
    assert batch is not None
    return batch


def loaded(ledger: Ledger, file_id: str, **facts: Any) -> File:
    prepared(ledger, file_id, **facts)
    batch = opened(ledger)
    ledger.batches.commit(batch, Committed(rows=1), [event(file) for file in batch.files])
    return ledger.files.get(file_id)


def done(ledger: Ledger, file_id: str, **facts: Any) -> File:
    loaded(ledger, file_id, **facts)
    file = claimed(ledger, file_id, Status.LOADED)
    return ledger.leases.advance(
        replace(file, status=Status.DONE), event(file, "acknowledge", "told")
    )


def supersede(ledger: Ledger, old: str, new: str) -> None:
    """Load a discovered newer version, by which the old one leaves the table."""
    prepared(ledger, new)
    batch = replace(opened(ledger), superseded={old: new})
    ledger.batches.commit(batch, Committed(rows=1), [])
    file = claimed(ledger, new, Status.LOADED)
    ledger.leases.advance(replace(file, status=Status.DONE), event(file, "acknowledge", "told"))


def unloaded(ledger: Ledger, *file_ids: str) -> None:
    batch = ledger.batches.open_unload("orders", TABLE, file_ids)
    ledger.batches.commit(batch, Committed(rows=0), [event(file) for file in batch.files])


def test_schema_is_made_once_and_is_what_the_tables_say(ledger: SqlLedger) -> None:
    add(ledger, item("a.csv"))
    ledger.migrate()
    assert f"schema {NEWEST}" in ledger.check()
    assert len(ledger.files.latest()) == 1
    with ledger.database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_missing_or_newer_schema_says_what_to_do(url: str) -> None:
    ledger = SqlLedger(LedgerConfig(url=SecretStr(url)))
    checks: list[Callable[[], object]] = [ledger.check, ledger.files.latest]
    for ask in checks:
        with pytest.raises(FatalError) as missing:
            ask()
        assert missing.value.hint == "run `waybill apply`"
    ledger.migrate()
    with ledger.database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    checks = [ledger.check, ledger.migrate]
    for ask in checks:
        with pytest.raises(FatalError, match="9999"):
            ask()
    ledger.database.engine.dispose()


def test_register_writes_each_version_once_in_the_pages_order(
    ledger: SqlLedger, clock: Clock
) -> None:
    names = [f"{number:04}.csv" for number in range(1234)]
    first = ledger.files.register("orders", "drop", Page(items=tuple(map(item, names)), cursor="7"))
    assert first == [file_id_of("orders", name, "1") for name in names]
    assert ledger.feeds.state("orders") == FeedState(feed="orders", cursor="7")
    again = Page(items=(item("b.csv"), item(names[3]), item("a.csv"), item("a.csv")), cursor="8")
    assert ledger.files.register("orders", "drop", again) == [
        file_id_of("orders", "b.csv", "1"),
        file_id_of("orders", "a.csv", "1"),
    ]
    assert ledger.files.register("orders", "drop", again) == []
    assert add(ledger, item("a.csv", version="2")) != []
    assert add(ledger, item("a.csv"), feed="other") != []
    assert ledger.feeds.state("orders").cursor == "8"
    assert ledger.files.register("orders", "drop", Page(items=(), cursor="9")) == []
    assert ledger.feeds.state("orders").cursor == "9"
    assert ledger.timelines.of(first[5]) == [
        Event(file_id=first[5], at=START, step="discover", outcome="discovered")
    ]
    assert ledger.files.waiting("orders") == 1237
    assert ledger.files.waiting("other") == 1
    assert ledger.files.unprepared("other")
    assert not ledger.files.unprepared("nobody")


def test_every_fact_comes_back_as_it_went_in(ledger: SqlLedger, clock: Clock) -> None:
    hostile = "Robert'); DROP TABLE files;--\x00 \udcff \uf8ff0000 %_\\ ☃"
    sent = datetime(2026, 3, 29, 3, 30, 1, 5, tzinfo=timezone(timedelta(hours=2)))
    original = item(
        hostile, name=hostile, version=hostile, sent_at=sent, size=5 * BIG, sender=hostile,
        group=hostile, detail={"subject": hostile},
    )  # fmt: skip
    [file_id] = add(ledger, original)
    assert ledger.files.get(file_id).item == original
    assert ledger.files.get(file_id).item.sent_at.tzinfo is UTC
    clock.pass_seconds(1.25)
    file = replace(
        claimed(ledger, file_id), status=Status.PREPARED, outcome=Outcome.PARTLY, sha256="ab" * 32,
        size=BIG, landing_key="landing/ab", staged_keys=("staged/1", "staged/2"),
        staged_bytes=3 * BIG,
        rejects_key="rejects", partitions=("20260329",), contract_version="1.2.0",
        counts=Counts(read=9, loaded=6, rejected=2, dropped=1), reason=hostile, repeats="x",
        superseded_by="y",
    )  # fmt: skip
    message = replace(event(file), seconds=0.5, rows=9, message=hostile)
    expected = replace(file, owner=None, lease_until=None, tries=0, discovered_at=START)
    assert ledger.leases.advance(file, message) == expected
    assert ledger.files.get(file_id) == expected
    assert ledger.timelines.of(file_id)[-1] == message
    assert [found.file_id for found in ledger.files.find(hostile)] == [file_id]
    with pytest.raises(KeyError):
        ledger.files.get("no such file")
    with pytest.raises(ValueError, match="no time zone"):
        add(ledger, item("naive", sent_at=datetime(2026, 1, 1)))


def test_a_lease_has_one_holder_until_it_runs_out(ledger: SqlLedger, clock: Clock) -> None:
    [file_id] = add(ledger, item("a.csv"))
    first = ledger.leases.claim(file_id, Status.DISCOVERED, "worker", 60)
    assert first is not None
    assert (first.status, first.attempt, first.tries) == (Status.PREPARING, 1, 1)
    assert first.lease_until == START + timedelta(seconds=60)
    assert ledger.leases.claim(file_id, Status.DISCOVERED, "worker", 60) is None
    clock.pass_seconds(59)
    ledger.leases.renew(first, 60)
    clock.pass_seconds(59)
    assert ledger.leases.due(Status.DISCOVERED, 9) == []
    clock.pass_seconds(1)
    assert ledger.leases.due(Status.DISCOVERED, 9) == [file_id]
    ledger.leases.renew(first, 1)  # it ran out, but nobody has taken it
    clock.pass_seconds(1)
    # The same process takes it again: what its first holding still does must not count.
    second = claimed(ledger, file_id)
    assert (second.attempt, second.tries) == (2, 2)
    stale = replace(first, status=Status.PREPARED, outcome=Outcome.ACCEPTED)
    for lost in (
        lambda: ledger.leases.renew(first, 60),
        lambda: ledger.leases.advance(stale, event(first)),
        lambda: ledger.leases.release(first, None, event(first)),
    ):
        with pytest.raises(LeaseLostError):
            lost()
    assert ledger.files.get(file_id) == second
    assert len(ledger.timelines.of(file_id)) == 1
    assert ledger.leases.claim("no such file", Status.DISCOVERED, "worker", 60) is None
    with pytest.raises(ValueError, match="prepared"):
        ledger.leases.claim(file_id, Status.PREPARED, "worker", 60)


def test_release_pauses_and_advance_starts_the_tries_anew(ledger: SqlLedger, clock: Clock) -> None:
    [file_id, other] = add(ledger, item("a.csv"), item("b.csv", sent_at=START - timedelta(1)))
    assert ledger.leases.due(Status.DISCOVERED, 9) == [other, file_id]
    assert ledger.leases.due(Status.DISCOVERED, 1) == [other]
    file = claimed(ledger, file_id)
    ledger.leases.release(file, START + timedelta(seconds=5), event(file, outcome="retry"))
    assert ledger.files.get(file_id).status is Status.DISCOVERED
    assert ledger.leases.claim(file_id, Status.DISCOVERED, "worker", 60) is None
    assert ledger.leases.due(Status.DISCOVERED, 9) == [other]
    clock.pass_seconds(5)
    file = claimed(ledger, file_id)
    assert (file.attempt, file.tries, file.retry_at) == (2, 2, None)
    with pytest.raises(ValueError, match="preparing to done"):
        ledger.leases.advance(replace(file, status=Status.DONE), event(file))
    with pytest.raises(ValueError, match="preparing to preparing"):
        ledger.leases.advance(file, event(file))
    ahead = ledger.leases.advance(replace(file, status=Status.PREPARED), event(file))
    assert (ahead.attempt, ahead.tries, ahead.owner) == (2, 0, None)
    with pytest.raises(LeaseLostError):
        ledger.leases.advance(replace(ahead, status=Status.LOADING), event(file))
    assert [each.outcome for each in ledger.timelines.of(file_id)] == [
        "discovered",
        "retry",
        "accepted",
    ]


def test_a_loaded_file_falls_back_to_loaded(ledger: SqlLedger, clock: Clock) -> None:
    [file_id] = add(ledger, item("a.csv"))
    batch_id = loaded(ledger, file_id).batch_id
    file = claimed(ledger, file_id, Status.LOADED)
    assert file.status is Status.ACKNOWLEDGING
    assert ledger.leases.due(Status.DISCOVERED, 9) == []
    ledger.leases.release(file, None, event(file))
    assert ledger.files.get(file_id).status is Status.LOADED
    file = claimed(ledger, file_id, Status.LOADED)
    clock.pass_seconds(60)
    assert ledger.leases.due(Status.LOADED, 9) == [file_id]
    file = claimed(ledger, file_id, Status.LOADED)
    end = ledger.leases.advance(replace(file, status=Status.DONE), event(file))
    assert (end.done_at, end.batch_id) == (START + timedelta(seconds=60), batch_id)
    assert ledger.leases.due(Status.LOADED, 9) == []


def test_retry_starts_again_with_a_new_attempt(ledger: SqlLedger) -> None:
    [file_id] = add(ledger, item("a.csv"))
    facts = {"sha256": "ab" * 32, "landing_key": "landing/ab", "staged_keys": ("s",)}
    with pytest.raises(ValueError, match="still on its way"):
        ledger.files.retry(file_id)
    old = done(ledger, file_id, **facts, counts=Counts(read=1, loaded=1))
    left = LeftDocument(suffix=".rejected.csv", size=3, sha256="cd" * 32)
    ledger.files.note_left(file_id, left)
    again = ledger.files.retry(file_id)
    assert again == File(
        file_id=file_id, feed="orders", source="drop", item=old.item, status=Status.DISCOVERED,
        attempt=old.attempt, discovered_at=START, sha256="ab" * 32, size=100,
        landing_key="landing/ab", in_force=True, rejects_left=left,
    )  # fmt: skip
    assert ledger.timelines.of(file_id)[-1].step == "retry"
    ledger.files.note_left(file_id, None)
    assert ledger.files.get(file_id).rejects_left is None
    assert claimed(ledger, file_id).attempt == old.attempt + 1
    with pytest.raises(KeyError):
        ledger.files.retry("no such file")


def test_the_same_bytes_have_one_owner_a_feed(ledger: SqlLedger) -> None:
    one, two, three, four = add(ledger, *(item(f"{n}.csv") for n in range(4)))
    [elsewhere] = add(ledger, item("1.csv"), feed="other")

    def owner(file_id: str) -> str:
        return ledger.contents.claim(replace(ledger.files.get(file_id), sha256="ab" * 32))

    assert [owner(one), owner(two), owner(one)] == [one, one, one]
    assert owner(elsewhere) == elsewhere
    prepared(ledger, one, outcome=Outcome.QUARANTINED)
    assert owner(two) == two
    assert owner(one) == two
    file = claimed(ledger, two)
    ledger.leases.advance(replace(file, status=Status.FAILED), event(file))
    assert owner(three) == three
    # Failing after the load does not give the bytes away: their rows are in the table.
    loaded(ledger, three)
    file = claimed(ledger, three, Status.LOADED)
    ledger.leases.advance(replace(file, status=Status.FAILED), event(file))
    assert owner(four) == three
    # Unloading does: the same bytes may come again.
    unloaded(ledger, three)
    assert [owner(four), owner(three)] == [four, four]
    # So does a newer version, which takes the rows out of the table.
    loaded(ledger, four, sha256="ab" * 32)
    supersede(ledger, four, add(ledger, item("3.csv", version="2"))[0])
    assert owner(one) == one
    with pytest.raises(ValueError, match="SHA-256"):
        ledger.contents.claim(ledger.files.get(two))


def test_a_new_version_supersedes_and_its_unload_brings_the_old_one_back(
    ledger: SqlLedger,
) -> None:
    versions = [item("a.csv", version=f"{n}", sent_at=START + timedelta(n)) for n in range(4)]
    one, two, three, late = add(ledger, *versions)
    done(ledger, one)
    assert ledger.files.get(one).in_force
    for old, new in ((one, two), (two, three)):
        supersede(ledger, old, new)
    prepared(ledger, late)
    batch = opened(ledger)
    too_late = [replace(f, outcome=Outcome.SUPERSEDED, superseded_by=three) for f in batch.files]
    ledger.batches.commit(replace(batch, files=tuple(too_late)), Committed(rows=0), [])
    file = claimed(ledger, late, Status.LOADED)
    ledger.leases.advance(replace(file, status=Status.DONE), event(file))
    found = {file.file_id: file for file in ledger.files.versions("orders", ["a.csv"])}
    assert list(found) == [one, two, three, late]
    assert [each.in_force for each in found.values()] == [False, False, True, False]
    assert [each.superseded_by for each in found.values()] == [two, three, None, three]
    assert {each.file_id for each in ledger.files.superseded_by([three])} == {two, late}
    assert [each.file_id for each in ledger.files.many([two, "nothing", two])] == [two]
    # The middle one leaves: nothing comes back, for there is a newer one.
    with pytest.raises(ValueError, match="not loaded"):
        ledger.batches.open_unload("orders", TABLE, [two])
    unloaded(ledger, three)
    states = {id_: ledger.files.get(id_) for id_ in (one, two, three, late)}
    assert [each.in_force for each in states.values()] == [False, True, False, False]
    assert states[three].status is Status.UNLOADED
    assert (states[late].status, states[late].superseded_by) == (Status.DISCOVERED, None)
    assert ledger.timelines.of(late)[-1].outcome == "the newer version was unloaded"
    unloaded(ledger, two)
    assert ledger.files.get(one).in_force
    assert ledger.files.retry(three, quiet=True).quiet


def test_copies_of_what_is_not_loaded_any_more_start_again(ledger: SqlLedger) -> None:
    one, copy, newer = add(ledger, item("1.csv"), item("2.csv"), item("1.csv", version="2"))
    done(ledger, one)
    done(ledger, copy, outcome=Outcome.REPEATED, repeats=one)
    supersede(ledger, one, newer)
    assert ledger.files.get(copy).status is Status.DISCOVERED
    assert ledger.files.get(copy).repeats is None


def test_an_unload_is_one_open_batch_that_may_be_taken_up(ledger: SqlLedger) -> None:
    one, two, waiting = add(ledger, item("1.csv"), item("2.csv"), item("3.csv"))
    for file_id in (one, two):
        done(ledger, file_id)
    loads = {ledger.files.get(file_id).batch_id for file_id in (one, two)}
    batch = ledger.batches.open_unload("orders", TABLE, [one])
    assert batch.batch_id not in loads
    assert ledger.batches.open_unload("orders", TABLE, [one]) == batch == opened(ledger)
    assert ledger.feeds.to_load() == ["orders"]
    with pytest.raises(RetryableError, match="under way"):
        ledger.batches.open_unload("orders", TABLE, [two])
    with pytest.raises(ValueError, match="still on its way"):
        ledger.files.retry(one)
    # The warehouse refuses: the file stays as it was, and the id is not used again.
    ledger.batches.abandon(batch, [event(batch.files[0], "unload", "refused")])
    assert (ledger.files.get(one).status, ledger.files.get(one).in_force) == (Status.DONE, True)
    again = ledger.batches.open_unload("orders", TABLE, [one, two])
    assert again.batch_id != batch.batch_id
    for _ in range(2):
        ledger.batches.commit(again, Committed(rows=0), [event(file) for file in again.files])
    assert [file.status for file in ledger.files.of_batch(again.batch_id)] == [Status.UNLOADED] * 2
    prepared(ledger, waiting)
    assert [file.file_id for file in opened(ledger).files] == [waiting]


def test_files_from_the_past_are_placed_by_when_they_were_sent(ledger: SqlLedger) -> None:
    page = Page(items=(item("a.csv"),), cursor=None)
    [old] = ledger.files.register("orders", "drop", page, past=True)
    [new] = add(ledger, item("b.csv"))
    assert [ledger.files.get(id_).placed_at for id_ in (old, new)] == [START, None]


def test_the_second_migration_knows_what_is_in_force(url: str) -> None:
    ledger = SqlLedger(LedgerConfig(url=SecretStr(url)))
    ledger.migrate()
    one, two = add(ledger, item("1.csv"), item("2.csv"))
    done(ledger, one)
    done(ledger, two, outcome=Outcome.QUARANTINED)
    with ledger.database.write() as connection:
        config = _config(connection)
        command.downgrade(config, "0001")
        command.upgrade(config, "head")
    assert [ledger.files.get(id_).in_force for id_ in (one, two)] == [True, False]
    ledger.database.engine.dispose()


def test_a_filled_ledger_is_brought_up_to_date(ledger: SqlLedger, clock: Clock) -> None:
    """What the newer versions count anew is what was counted as the files ended."""
    day, long = timedelta(days=1), f"{'a' * 400}@x.example"
    ended = {Outcome.ACCEPTED: 0, Outcome.PARTLY: 1, Outcome.QUARANTINED: 1, Outcome.REPEATED: 2}
    for number, (outcome, later) in enumerate(ended.items()):
        for sender in ("Ana@x.example", long, None):
            sent = item(f"{number} {sender}.csv", sender=sender, sent_at=START + later * day)
            counts = Counts(read=9, loaded=7, rejected=2)
            done(ledger, *add(ledger, sent), outcome=outcome, counts=counts)
            clock.pass_seconds(3600 * 11)
    add(ledger, item("waits.csv", sender="bo@y.example"))
    ledger.feeds.stop("orders", "by hand")
    senders, files = ledger.senders.page(None, None, None, 50), ledger.files.latest()
    assert [len(files), *(each.days for each in senders)] == [13, 3, 3]
    with ledger.database.write() as connection:
        config = _config(connection)
        command.downgrade(config, "0015")
        command.upgrade(config, "head")
    assert ledger.senders.page(None, None, None, 50) == senders
    assert ledger.files.latest() == files
    assert ledger.feeds.state("orders").reason == "by hand"


def test_batches_keep_the_order_and_never_pass_a_file_over(ledger: SqlLedger) -> None:
    days = {"d": 4, "c": 2, "b": 2, "a": 5, "e": 6}
    ids = dict(
        zip(
            days,
            add(ledger, *(item(key, sent_at=START + timedelta(n)) for key, n in days.items())),
            strict=True,
        )
    )
    for key, version in {"d": "2", "c": "1", "b": "1", "a": "1", "e": "1"}.items():
        size = BIG if key == "a" else 10
        staged = {"staged_keys": ("s",), "staged_bytes": size}
        prepared(ledger, ids[key], contract_version=version, **staged)
    assert ledger.batches.open("other", TABLE, 9, BIG) is None
    assert ledger.feeds.to_load() == ["orders"]
    seen = []
    while batch := ledger.batches.open("orders", TABLE, 9, 100):
        seen.append([file.item.key for file in batch.files])
        assert batch == ledger.batches.open("orders", TABLE, 1, 1)
        assert {file.status for file in batch.files} == {Status.LOADING}
        assert ledger.feeds.to_load() == ["orders"]
        ledger.batches.commit(batch, Committed(rows=0), [])
    assert seen == [["b", "c"], ["d"], ["a"], ["e"]]
    assert ledger.feeds.to_load() == []


def test_a_mailed_version_waits_for_the_older_ones(ledger: SqlLedger) -> None:
    def mailed(key: str, seconds: int, **facts: Any) -> Item:
        values: dict[str, Any] = {"name": "report.csv", "sender": "ana@x", "group": key, **facts}
        return item(key, sent_at=START + timedelta(seconds=seconds), **values)

    old, new, last, other, own = add(
        ledger, mailed("z", 0), mailed("y", 1), mailed("x", 2), mailed("w", 3, sender="bo@x"),
        mailed("v", 4, name="else.csv"),
    )  # fmt: skip
    for each in (new, other, own):
        prepared(ledger, each)
    batch = opened(ledger)
    assert [file.file_id for file in batch.files] == [other, own]
    ledger.batches.commit(batch, Committed(rows=0), [])
    assert ledger.batches.open("orders", TABLE, 9, BIG) is None
    prepared(ledger, old)
    batch = opened(ledger)
    assert [file.file_id for file in batch.files] == [old, new]
    ledger.batches.commit(batch, Committed(rows=0), [])
    prepared(ledger, last)
    assert [file.file_id for file in opened(ledger).files] == [last]


@pytest.mark.parametrize(
    "facts",
    [
        {"size": 1, "staged_bytes": 10},
        {"size": BIG, "staged_bytes": 10},
        {"size": 10},  # prepared before the ledger kept it
    ],
)
def test_batch_limits_count_what_is_staged(ledger: SqlLedger, facts: dict[str, int]) -> None:
    for file_id in add(ledger, *(item(f"{n}.csv") for n in range(5))):
        prepared(ledger, file_id, staged_keys=("s",), **facts)
    sizes = []
    for max_files, max_bytes in ((2, BIG), (9, 20), (9, 1)):
        batch = ledger.batches.open("orders", TABLE, max_files, max_bytes)
        assert batch is not None
        sizes.append(len(batch.files))
        ledger.batches.commit(batch, Committed(rows=0), [])
    assert sizes == [2, 2, 1]


def test_a_file_that_brings_no_rows_takes_no_room_in_a_batch(ledger: SqlLedger) -> None:
    for file_id in add(ledger, *(item(f"{n}.csv") for n in range(5))):
        prepared(ledger, file_id, size=BIG, outcome=Outcome.QUARANTINED)
    batch = ledger.batches.open("orders", TABLE, 9, 1)
    assert batch is not None
    assert len(batch.files) == 5


def test_a_committed_batch_stays_committed(ledger: SqlLedger) -> None:
    [file_id] = add(ledger, item("a.csv"))
    prepared(ledger, file_id)
    batch = opened(ledger)
    raised = ledger.batches.next_attempt(batch)
    assert raised.attempt == 2
    assert ledger.batches.next_attempt(batch).attempt == 2
    assert opened(ledger) == raised
    committed = Committed(rows=7, removals=(Removal(file_id="x", rows=3),))
    for _ in range(2):
        ledger.batches.commit(batch, committed, [event(file) for file in batch.files])
    file = ledger.files.get(file_id)
    assert (file.status, file.batch_id) == (Status.LOADED, batch.batch_id)
    assert len(ledger.timelines.of(file_id)) == 3
    for late in (
        lambda: ledger.batches.abandon(batch, []),
        lambda: ledger.batches.next_attempt(batch),
    ):
        with pytest.raises(LeaseLostError):
            late()
    assert ledger.files.get(file_id) == file


def test_an_abandoned_batch_gives_its_files_back(ledger: SqlLedger) -> None:
    ids = add(ledger, item("a.csv"), item("b.csv"))
    counts = Counts(read=10, loaded=7, rejected=2, dropped=1)
    for file_id in ids:
        prepared(ledger, file_id, counts=counts, staged_keys=("s",), partitions=("p",))
    first = opened(ledger)
    for _ in range(2):
        ledger.batches.abandon(first, [event(file, "load", "split") for file in first.files])
    with pytest.raises(LeaseLostError):
        ledger.batches.commit(first, Committed(rows=7), [])
    alone = ledger.batches.open("orders", TABLE, 1, BIG)
    assert alone is not None
    assert [file.file_id for file in alone.files] == ids[:1]
    ledger.batches.abandon(alone, [], refusal="its dates are out of range")
    second = opened(ledger)
    assert [file.file_id for file in second.files] == ids
    assert second.batch_id not in (first.batch_id, alone.batch_id)
    assert second.batch_id == batch_id_of(TABLE, second.files, generation=second.generation)
    assert second.status is BatchStatus.OPEN
    refused, other = second.files
    assert (refused.outcome, refused.reason) == (Outcome.QUARANTINED, "its dates are out of range")
    assert refused.counts == Counts(read=10, rejected=10)
    assert (refused.staged_keys, refused.partitions) == ((), ())
    assert (other.outcome, other.counts) == (Outcome.ACCEPTED, counts)
    assert [each.outcome for each in ledger.timelines.of(ids[1])] == [
        "discovered",
        "accepted",
        "split",
    ]


def test_load_requests_are_noted_once(ledger: SqlLedger) -> None:
    assert [ledger.feeds.request_load("orders") for _ in range(2)] == [True, False]
    assert ledger.feeds.request_load("other")
    assert ledger.batches.open("orders", TABLE, 1, 1) is None
    assert ledger.feeds.request_load("orders")
    assert not ledger.feeds.request_load("other")


def test_a_feed_stops_and_resumes_once(ledger: SqlLedger) -> None:
    assert ledger.feeds.state("orders") == FeedState(feed="orders")
    assert not ledger.feeds.resume("orders")
    assert [ledger.feeds.stop("orders", why) for why in ("no access", "later")] == [True, False]
    stopped = ledger.feeds.state("orders")
    assert (stopped.stopped_at, stopped.reason) == (START, "no access")
    assert [ledger.feeds.resume("orders") for _ in range(2)] == [True, False]
    assert ledger.feeds.state("orders") == FeedState(feed="orders")


def test_a_table_has_one_writer(ledger: SqlLedger, clock: Clock) -> None:
    assert ledger.locks.take(TABLE, "one", 60)
    assert ledger.locks.take(TABLE, "one", 60)
    assert not ledger.locks.take(TABLE, "two", 60)
    assert ledger.locks.take("another", "two", 60)
    ledger.locks.give_back(TABLE, "two")
    assert not ledger.locks.take(TABLE, "two", 60)
    clock.pass_seconds(60)
    assert ledger.locks.take(TABLE, "two", 60)
    assert not ledger.locks.take(TABLE, "one", 60)
    ledger.locks.give_back(TABLE, "two")
    assert ledger.locks.take(TABLE, "one", 60)


def test_files_are_found_by_feed_status_outcome_and_time(ledger: SqlLedger, clock: Clock) -> None:
    [first] = add(ledger, item("in/100%.csv", name="100%.csv"))
    done(ledger, first, outcome=Outcome.PARTLY)
    clock.pass_seconds(10)
    [second] = add(ledger, item("in/1000.csv", name="1000.csv"))
    clock.pass_seconds(10)
    [third] = add(ledger, item("c.csv"), feed="other")

    def ids(**query: Any) -> list[str]:
        return [file.file_id for file in ledger.files.latest(**query)]

    assert ids() == [third, second, first]
    assert ids(limit=1) == [third]
    assert ids(feed="orders") == [second, first]
    assert ids(status="discovered") == [third, second]
    assert ids(status="discovered", feed="orders") == [second]
    assert ids(status=Status.DONE) == [first]
    assert ids(status="partly") == [first]
    assert ids(status="accepted") == []
    assert ids(since=START + timedelta(seconds=10)) == [third, second]
    with pytest.raises(ValueError, match=r"discovered, preparing.*quarantined, repeated"):
        ids(status="lost")
    for found in ("in/100%.csv", "100%.csv", first, first[:5].upper()):
        assert [file.file_id for file in ledger.files.find(found)] == [first], found
    for nothing in ("100_.csv", "%", "", first + "0", "in/"):
        assert ledger.files.find(nothing) == [], nothing


def test_unfinished_files_of_a_group(ledger: SqlLedger) -> None:
    one, two, three = add(ledger, *(item(f"{n}.csv", group="mail 1") for n in range(3)))
    [stranger, single] = add(ledger, item("s.csv", group="mail 2"), item("t.csv"))
    assert ledger.files.unfinished_of_group(ledger.files.get(one)) == 2
    done(ledger, two)
    file = claimed(ledger, three)
    assert ledger.files.unfinished_of_group(ledger.files.get(one)) == 1
    ledger.leases.advance(replace(file, status=Status.FAILED), event(file))
    assert ledger.files.unfinished_of_group(ledger.files.get(one)) == 0
    assert ledger.files.unfinished_of_group(ledger.files.get(two)) == 1
    assert ledger.files.unfinished_of_group(ledger.files.get(stranger)) == 0
    assert ledger.files.unfinished_of_group(ledger.files.get(single)) == 0


def test_prune_forgets_only_the_timelines_of_files_long_done(
    ledger: SqlLedger, clock: Clock
) -> None:
    old, waiting = add(ledger, item("old.csv"), item("waiting.csv"))
    clock.pass_seconds(1)
    done(ledger, old)
    clock.pass_seconds(1)
    assert ledger.timelines.prune(START + timedelta(seconds=1)) == 0
    assert ledger.timelines.prune(START + timedelta(seconds=2)) == 4
    assert ledger.timelines.of(old) == []
    assert len(ledger.timelines.of(waiting)) == 1
    assert ledger.files.get(old).status is Status.DONE


def _drain(ledger: SqlLedger, gate: Path, feed: str) -> None:
    """In a process of its own: register what everybody registers and prepare what is due."""
    while not gate.exists():
        pass
    ledger.files.register(feed, "drop", Page(items=tuple(item(f"{n}.csv") for n in range(60))))
    while file_ids := ledger.leases.due(Status.DISCOVERED, 60):
        for file_id in file_ids:
            file = ledger.leases.claim(file_id, Status.DISCOVERED, f"{os.getpid()}", 600)
            if file is not None:
                ledger.leases.advance(replace(file, status=Status.PREPARED), event(file))
    while batch := ledger.batches.open(feed, TABLE, 7, BIG):
        ledger.batches.commit(batch, Committed(rows=1), [event(file) for file in batch.files])


def test_forked_processes_share_the_work_and_do_each_piece_once(
    ledger: SqlLedger, tmp_path: Path
) -> None:
    """The parent's engine is in use when it forks; the children must not touch its connections."""
    assert ledger.files.latest() == []
    gate = tmp_path / "go"
    fork = multiprocessing.get_context("fork")
    children = [fork.Process(target=_drain, args=(ledger, gate, "orders")) for _ in range(4)]
    for child in children:
        child.start()
    gate.touch()
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0] * 4
    files = ledger.files.latest(limit=100)
    assert len(files) == 60
    assert {(file.status, file.attempt) for file in files} == {(Status.LOADED, 1)}
    assert {len(ledger.timelines.of(file.file_id)) for file in files} == {3}


def test_processes_may_migrate_at_once(url: str, tmp_path: Path) -> None:
    ledger = SqlLedger(LedgerConfig(url=SecretStr(url)))
    fork = multiprocessing.get_context("fork")
    children = [fork.Process(target=ledger.migrate) for _ in range(4)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0] * 4
    assert f"schema {NEWEST}" in ledger.check()
    ledger.database.engine.dispose()


def test_a_busy_file_is_retryable(tmp_path: Path) -> None:
    config = LedgerConfig(url=SecretStr(f"sqlite:///{tmp_path}/ledger.db"), busy_seconds=0.05)
    ledger, other = SqlLedger(config), SqlLedger(config)
    ledger.migrate()
    with ledger.database.write(), pytest.raises(RetryableError):
        other.feeds.request_load("orders")
    assert other.feeds.request_load("orders")


_STOPS_WHILE_IT_WRITES = """
import os, signal, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("holds", flush=True)
os.kill(os.getpid(), signal.SIGSTOP)
"""


def test_who_stopped_with_the_write_lock_is_named(tmp_path: Path) -> None:
    config = LedgerConfig(url=SecretStr(f"sqlite:///{tmp_path}/ledger.db"), busy_seconds=0.3)
    ledger = SqlLedger(config)
    ledger.migrate()
    command = [sys.executable, "-c", _STOPS_WHILE_IT_WRITES, str(tmp_path / "ledger.db")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "holds\n"
            os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
            assert ledger.feeds.state("orders").stopped_at is None
            for ask in (ledger.check, lambda: ledger.feeds.request_load("orders")):
                with pytest.raises(BusyError, match="write lock") as caught:
                    ask()
                if Path("/proc/locks").exists():
                    assert f"process {process.pid} (" in caught.value.message
                    assert "stopped" in caught.value.message
                assert "kill -CONT" in str(caught.value.hint)
        finally:
            process.kill()
    assert "schema" in ledger.check()


def test_a_file_that_cannot_be_opened_or_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a database, and long enough to be read as a header" * 99)
    with pytest.raises(FatalError, match="damaged"):
        SqlLedger(LedgerConfig(url=SecretStr(f"sqlite:///{tmp_path}/file"))).check()
    for hidden in (tmp_path / "file" / "ledger.db", tmp_path):
        with pytest.raises(AccessDeniedError):
            SqlLedger(LedgerConfig(url=SecretStr(f"sqlite:///{hidden}"))).check()


def test_a_server_that_is_away_or_refuses_us(postgres_url: str) -> None:
    server = make_url(postgres_url)

    def check(**changes: Any) -> Callable[[], str]:
        changed = server.set(**changes).render_as_string(hide_password=False)
        return SqlLedger(LedgerConfig(url=SecretStr(changed))).check

    with pytest.raises(RetryableError):
        check(port=1)()
    with pytest.raises(AccessDeniedError) as refused:
        check(username="nobody", password="s3cret")()
    assert "s3cret" not in f"{refused.value} {refused.value.hint} {refused.value.__cause__}"
    with pytest.raises(FatalError, match="missing"):
        check(database="nowhere")()


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_a_dropped_connection_is_opened_again(ledger: SqlLedger) -> None:
    ledger.feeds.request_load("orders")
    with ledger.database.read() as connection, pytest.raises(RetryableError):
        with ledger.database.read() as inner:
            inner.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    assert connection.closed
    assert not ledger.feeds.request_load("orders")


def test_no_statement_reads_through_the_history(tmp_path: Path, clock: Clock) -> None:
    """SQLite says how it would run each statement: it may walk an index in order, or one that has
    only what is still owed, but nothing that grows with the files that are done."""
    ledger = SqlLedger(LedgerConfig(url=SecretStr(f"sqlite:///{tmp_path}/ledger.db")), clock)
    ledger.migrate()
    run: list[tuple[str, Any]] = []
    engine_event.listen(
        ledger.database.engine,
        "before_cursor_execute",
        lambda _connection, _cursor, statement, values, *_: run.append((statement, values)),
    )
    done(ledger, *add(ledger, item("a.csv", group="g")), sha256="ab" * 32)
    [file_id] = add(ledger, item("b.csv", group="g"))
    file = claimed(ledger, file_id)
    ledger.leases.renew(file, 60)
    ledger.leases.release(file, None, event(file))
    ledger.contents.claim(replace(file, sha256="ab" * 32))
    ledger.files.unfinished_of_group(file)
    ledger.files.waiting("orders")
    ledger.files.unprepared("orders")
    ledger.leases.due(Status.DISCOVERED, 10)
    ledger.leases.due(Status.LOADED, 10)
    for feed in (None, "orders"):
        for status in (None, *Status, *Outcome):
            ledger.files.latest(feed=feed, status=status)
            ledger.files.latest(feed=feed, status=status, since=START)
    for words in ("b.csv", file_id[:6]):
        ledger.files.find(words)
    ledger.timelines.of(file_id)
    prepared(ledger, file_id)
    ledger.batches.abandon(opened(ledger), [])
    ledger.batches.next_attempt(opened(ledger))
    ledger.feeds.to_load()
    ledger.timelines.prune(START)
    ledger.files.versions("orders", ["a.csv"])
    ledger.files.many([file_id])
    ledger.files.superseded_by([file_id])
    ledger.batches.abandon(opened(ledger), [])
    batch = opened(ledger)
    first = next(each for each in ledger.files.latest(status="done"))
    ledger.batches.commit(
        replace(batch, superseded={first.file_id: file_id}), Committed(rows=1), []
    )
    file = claimed(ledger, file_id, Status.LOADED)
    ledger.leases.advance(replace(file, status=Status.DONE), event(file))
    unloaded(ledger, file_id)
    ledger.files.of_batch("x")
    steps = set()
    with ledger.database.engine.connect() as connection:
        for statement, values in run:
            if statement.startswith(("SELECT", "UPDATE", "DELETE", "INSERT")):
                plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
                steps |= {f"{row[3]} | {statement}" for row in plan}
    # Not of `contents`: there SQLite plans a scan for a broken foreign key that cannot happen.
    searched = ("files", "events", "batches")
    scans = {step for step in steps if step.startswith(tuple(f"SCAN {name}" for name in searched))}
    in_order = ("files_newest", "files_feed_newest", "files_prepared", "batches_open")
    assert not {step for step in scans if not any(f"INDEX {index} " in step for index in in_order)}
    for index in ("owed", "noted", "waiting", "prepared", "grouped", "batch", "feed_newest",
        "superseded", "repeats"):  # fmt: skip
        assert any(f"INDEX files_{index} " in step for step in steps), index


def finding(kind: DriftKind = DriftKind.NEW, column: str = "tier", **facts: Any) -> Finding:
    values: dict[str, Any] = {
        "template": "{cell} is new", "values": {"cell": "Tier 1\x00"}, "cell": "Tier 1\x00",
        "change": ContractChange(column=column, type=Type.INT64, headers=("Tier 1\x00",)),
        "held": True, **facts,
    }  # fmt: skip
    return Finding(kind=kind, column=column, **values)


def test_a_drift_is_one_however_many_files_show_it(ledger: SqlLedger, clock: Clock) -> None:
    one, two = (claimed(ledger, each) for each in add(ledger, item("a.csv"), item("b.csv")))
    order = finding(DriftKind.ORDER, "", held=False, change=None)
    ledger.drifts.note(one, [finding(), order])
    ledger.drifts.note(one, [finding(), order])
    clock.pass_seconds(60)
    ledger.drifts.note(two, [finding(template="{cell} is new, again")])
    new, ordered = ledger.drifts.latest("orders")
    assert (new.files, sorted(new.held)) == (2, sorted([one.file_id, two.file_id]))
    assert (new.first_seen, new.last_seen) == (START, clock.now)
    assert new.finding == finding(template="{cell} is new, again")
    assert new.finding.render() == "Tier 1\x00 is new, again"
    assert (ordered.files, ordered.held, ordered.finding) == (1, (), order)
    assert ledger.drifts.latest("other") == []
    assert ledger.drifts.latest_file(new.drift_id) == two.file_id
    assert ledger.drifts.latest_file(ordered.drift_id) == one.file_id
    assert ledger.drifts.latest_file("0" * 8) is None
    (seen,) = ledger.drifts.sightings(two.file_id)
    assert (seen.drift_id, seen.status) == (new.drift_id, DriftStatus.OPEN)


def test_a_drift_counts_its_senders_and_shows_what_each_file_needs(ledger: SqlLedger) -> None:
    items = [replace(item(f"{n}.csv"), sender=f"{n % 2}@example.com") for n in range(3)]
    files = [claimed(ledger, each) for each in add(ledger, *items, item("dropped.csv"))]
    types = (Type.INT64, Type.STRING, Type.INT64, Type.INT64)
    for file, kind in zip(files, types, strict=True):
        change = ContractChange(column="tier", type=kind)
        for _ in range(2):
            ledger.drifts.note(file, [finding(change=change)])
    (drift,) = ledger.drifts.latest()
    assert (drift.files, drift.senders, len(drift.held)) == (4, 2, 4)
    found = [
        each.change and each.change.type for each in ledger.drifts.held_findings(drift.drift_id)
    ]
    assert sorted(map(str, found)) == sorted(map(str, types))


def test_who_was_judged_by_an_older_contract_opens_no_accepted_drift(ledger: SqlLedger) -> None:
    def judged(name: str, text: str) -> File:
        [file_id] = add(ledger, item(name))
        return replace(claimed(ledger, file_id), contract_version=sha256_of(text)[:12] + "+more")

    def add_text(text: str, base: int, drift_id: str | None = None) -> None:
        ledger.contracts.add(
            "orders", text, base=base, actor=SERVICE, reason=None, drift_id=drift_id
        )

    add_text("before", 0)
    ledger.drifts.note(judged("a.csv", "before"), [finding()])
    (drift,) = ledger.drifts.latest()
    add_text("after", 1, drift.drift_id)
    ledger.drifts.decide(drift.drift_id, DriftStatus.ACCEPTED)
    late = judged("late.csv", "before")
    ledger.drifts.note(late, [finding()])
    (drift,) = ledger.drifts.latest()
    assert (drift.status, late.file_id in drift.held) == (DriftStatus.ACCEPTED, True)
    add_text("after all", 2)
    ledger.drifts.note(judged("b.csv", "after all"), [finding()])
    assert ledger.drifts.latest()[0].status is DriftStatus.OPEN
    # What may be missing is no revision's to say; who knew of it would not have noted it.
    missing = finding(DriftKind.MISSING, "note", change=None)
    ledger.drifts.note(judged("c.csv", "after all"), [missing])
    ledger.drifts.decide(drift_id_of("orders", missing), DriftStatus.ACCEPTED)
    ledger.drifts.note(judged("d.csv", "after all"), [missing])
    assert ledger.drifts.latest(status=DriftStatus.ACCEPTED)[0].files == 2


def test_what_a_file_shows_no_more_holds_it_no_more(ledger: SqlLedger) -> None:
    (file_id,) = add(ledger, item("a.csv"))
    file = claimed(ledger, file_id)
    ledger.drifts.note(file, [])
    assert ledger.drifts.latest() == []
    ledger.drifts.note(file, [finding()])
    (drift,) = ledger.drifts.latest()
    ledger.drifts.decide(drift.drift_id, DriftStatus.ACCEPTED)
    ledger.drifts.note(file, [])
    (drift,) = ledger.drifts.latest(status=DriftStatus.ACCEPTED)
    assert (drift.held, drift.files, ledger.drifts.sightings(file_id)) == ((), 1, [])
    ledger.drifts.note(file, [finding()])
    assert ledger.drifts.latest(status=DriftStatus.OPEN)[0].held == (file_id,)
    ledger.drifts.decide(drift.drift_id, DriftStatus.DISMISSED)
    ledger.drifts.note(file, [finding()])
    assert [each.status for each in ledger.drifts.latest()] == [DriftStatus.DISMISSED]
    with pytest.raises(KeyError):
        ledger.drifts.decide("ffffffff", DriftStatus.ACCEPTED)


def test_profiles_of_the_latest_files_are_kept(ledger: SqlLedger, clock: Clock) -> None:
    files = [claimed(ledger, each) for each in add(ledger, *(item(f"{n}.csv") for n in range(32)))]
    for number, file in enumerate(files):
        clock.pass_seconds(1)
        shown = Profile(count=9, low=0.5, median=float(number), high=2.5, shapes={"a-9": 1.0})
        ledger.profiles.save(file, {"price": shown, "note": Profile(count=1)})
        ledger.profiles.save(file, {"price": shown, "note": Profile(count=1)})
    found = ledger.profiles.of("orders", but=files[-1].file_id)
    assert [each.median for each in found["price"]] == [float(n) for n in range(30, 1, -1)]
    assert found["price"][0].shapes == {"a-9": 1.0}
    ledger.profiles.forget("orders", "price")
    found = ledger.profiles.of("orders", but="")
    assert [each.median for each in found["price"]] == [31.0]
    assert len(found["note"]) == 30
    assert ledger.profiles.of("other", but="") == {}


def test_files_staged_by_another_contract_are_prepared_again(ledger: SqlLedger) -> None:
    ids = add(ledger, *(item(f"{n}.csv") for n in range(4)), item("loading.csv"))
    prepared(ledger, ids[4], contract_version="old")
    batch = opened(ledger)
    for file_id, version in zip(ids, ("new", "new+tier", "old", "newer"), strict=False):
        prepared(ledger, file_id, contract_version=version)
    assert sorted(ledger.files.prepare_again("orders", "new")) == sorted(ids[2:4])
    assert ledger.files.prepare_again("orders", "new") == []
    assert [ledger.files.get(each).status for each in ids] == [
        "prepared", "prepared", "discovered", "discovered", "loading",
    ]  # fmt: skip
    assert [file.file_id for file in batch.files] == [ids[4]]
    assert ledger.leases.claim(ids[2], Status.DISCOVERED, "worker", 60) is not None


def test_a_job_is_charged_once_and_only_to_its_day(ledger: SqlLedger, clock: Clock) -> None:
    first = Charge(job="b.1", table=TABLE, day="2026-11-03", load_jobs=2, partitions=30)
    for charge in (first, first, replace(first, day="2026-11-04"), replace(first, load_jobs=9)):
        ledger.quota.charge(charge)
    clock.pass_seconds(60)
    ledger.quota.charge(replace(first, job="b.2", load_jobs=1, partitions=1))
    ledger.quota.charge(replace(first, job="c.1", table="demo.shop.other"))
    assert ledger.quota.charged("b.1")
    assert not ledger.quota.charged("b.3")
    assert ledger.quota.spent(TABLE, "2026-11-03", BUCKET) == Spent(
        charges=2, load_jobs=3, partitions=31, tokens=10, busy_tables=2, last_at=clock.now
    )
    assert ledger.quota.spent(TABLE, "2026-11-04", BUCKET) == Spent(tokens=10, busy_tables=2)
    assert ledger.quota.forget("2026-11-03") == 0
    assert ledger.quota.forget("2026-11-04") == 3


def test_a_bucket_refills_and_promises_tokens_to_come(ledger: SqlLedger, clock: Clock) -> None:
    for _ in range(10):
        assert ledger.quota.draw(BUCKET, 1) == timedelta(0)
    assert ledger.quota.draw(BUCKET, 1) == timedelta(seconds=2)
    assert ledger.quota.draw(BUCKET, 1) == timedelta(seconds=4)
    clock.pass_seconds(6)
    assert ledger.quota.spent(TABLE, "2026-11-03", BUCKET).tokens == pytest.approx(1)
    clock.pass_seconds(3600)
    assert ledger.quota.spent(TABLE, "2026-11-03", BUCKET).tokens == BUCKET.capacity


def test_costs_are_summed_by_feed_table_and_command(ledger: SqlLedger, clock: Clock) -> None:
    cost = Cost(
        job_id="a", at=clock.now, command="load", feed="orders", table="orders", batch_id="b",
        bytes_billed=10,
    )  # fmt: skip
    other = replace(cost, job_id="c", feed=None, command="verify", bytes_billed=50)
    for each in (cost, cost, replace(cost, job_id="b"), other):
        ledger.costs.note(each)
    loads = CostSum(feed="orders", table="orders", command="load", jobs=2, bytes_billed=20)
    assert ledger.costs.sums(clock.now, "orders") == [loads]
    assert [each.command for each in ledger.costs.sums(clock.now)] == ["verify", "load"]
    assert ledger.costs.sums(clock.now + timedelta(seconds=1)) == []
    assert ledger.costs.forget(clock.now + timedelta(seconds=1)) == 3


def test_before_the_first_apply_a_job_has_no_costs(url: str, clock: Clock, tmp_path: Path) -> None:
    """`waybill plan` asks the warehouse before there are tables, and makes none."""
    cost = Cost(
        job_id="a", at=clock.now, command="plan", feed=None, table=None, batch_id=None,
        bytes_billed=10,
    )  # fmt: skip
    for each in (url, f"sqlite:///{tmp_path}/none/ledger.db"):
        own = SqlLedger(LedgerConfig(url=SecretStr(each)), now=clock)
        own.costs.note(cost)
        own.database.close()
    assert not (tmp_path / "none").exists()


def test_a_pause_ends_by_itself(ledger: SqlLedger, clock: Clock) -> None:
    assert ledger.quota.pause_of(TABLE) is None
    for reason in ("first", "quota"):
        ledger.quota.pause(TABLE, clock.now + timedelta(seconds=600), reason)
    assert ledger.quota.pause_of(TABLE) == Pause(
        until=clock.now + timedelta(seconds=600), reason="quota"
    )
    clock.pass_seconds(600)
    assert ledger.quota.pause_of(TABLE) is None


def test_a_batch_stays_below_the_partitions_of_one_job(ledger: SqlLedger) -> None:
    """Files that together touch more partitions than one job may are loaded in several."""
    for number in range(3):
        days = tuple(f"{year:04d}-01-01" for year in range(number * 1500, (number + 1) * 1500))
        [file_id] = add(ledger, item(f"{number}.csv"))
        prepared(ledger, file_id, partitions=days)
    batch = ledger.batches.open("orders", TABLE, 1000, BIG, 4000)
    assert batch is not None
    assert [file.item.key for file in batch.files] == ["0.csv", "1.csv"]


def test_history_is_walked_in_order_and_forgotten_with_care(
    ledger: SqlLedger, clock: Clock
) -> None:
    sha = "ab" * 32
    ids = []
    for number in range(5):
        [file_id] = add(ledger, item(f"{number}.csv"))
        done(ledger, file_id, landing_key=f"landing/{number // 2}", sha256=sha, rejects_key="r")
        ids.append(file_id)
        clock.pass_seconds(10)
    [waiting] = add(ledger, item("waiting.csv"))
    prepared(ledger, waiting, landing_key="landing/1")
    assert [file.file_id for file in ledger.history.loaded("orders", "", 10)] == sorted(ids)
    pages = [ledger.history.at_rest("orders", after, 3) for after in ("", sorted(ids)[2])]
    assert [[file.file_id for file in page] for page in pages] == [sorted(ids)[:3], sorted(ids)[3:]]
    assert ledger.history.at_rest("others", "", 3) == []
    first = ledger.history.done_before(START + timedelta(seconds=35), None, 3)
    assert [file.file_id for file in first] == ids[:3]
    assert ledger.history.cleaned_to("landing") is None
    for file in first:
        ledger.history.set_cleaned("landing", file)
    mark = ledger.history.cleaned_to("landing")
    assert mark == (first[-1].done_at, ids[2])
    rest = ledger.history.done_before(START + timedelta(seconds=35), mark, 3)
    assert [file.file_id for file in rest] == [ids[3]]

    assert not ledger.history.forget_landing("landing/0", START + timedelta(seconds=10))
    assert ledger.history.landing_needed("landing/1", START + timedelta(days=9))
    assert ledger.history.forget_landing("landing/0", START + timedelta(seconds=11))
    assert ledger.files.get(ids[0]).landing_key is None
    assert ledger.history.landing_shared("landing/1", waiting)
    assert not ledger.history.landing_shared("landing/2", ids[4])
    assert ledger.locks.take("landing/2", "cleaner", 60)
    assert ledger.history.landing_shared("landing/2", ids[4])

    assert ledger.history.forget_rejects(ledger.files.get(ids[0]))
    assert not ledger.history.forget_rejects(replace(ledger.files.get(ids[1]), attempt=99))
    # Files in force stay: without them their bytes would load again. Who sent them goes.
    assert ledger.history.forget_files([ids[0], ids[1], waiting]) == 0
    assert (ledger.files.get(ids[0]).item.sender, ledger.files.get(ids[0]).item.detail) == (
        None,
        {},
    )
    assert ledger.files.get(waiting).status is Status.PREPARED
    assert ledger.batches.open_ids() == []
    assert [opened(ledger).batch_id] == list(ledger.batches.open_ids())
    assert ledger.timelines.prune(clock.now + timedelta(days=1), 3, dry_run=True) > 3
    assert ledger.timelines.prune(clock.now + timedelta(days=1), 3) == 3


def trouble(kind: AlertKind, subject: str, says: str = "is late") -> Trouble:
    return Trouble(kind=kind, subject=subject, says=says, todo="look", feed="orders")


def test_a_trouble_is_one_alert_from_its_beginning_to_its_end(
    ledger: SqlLedger, clock: Clock
) -> None:
    late, other = trouble(AlertKind.LATE, "orders"), trouble(AlertKind.DRIFT, "12345678")
    ledger.alerts.note([late, other], tuple(AlertKind))
    clock.pass_seconds(60)
    ledger.alerts.note([replace(late, says="is very late", todo="")], (AlertKind.LATE,))
    found = {each.trouble.kind: each for each in ledger.alerts.latest()}
    assert found[AlertKind.LATE].trouble == replace(late, says="is very late")
    assert found[AlertKind.LATE].opened_at == START
    assert found[AlertKind.DRIFT].trouble == other, "nobody looked for drifts the second time"
    clock.pass_seconds(60)
    ledger.alerts.note([], (AlertKind.LATE,))
    ledger.alerts.note([], (AlertKind.LATE,))
    assert [each.trouble.kind for each in ledger.alerts.latest()] == [AlertKind.DRIFT]
    clock.pass_seconds(60)
    ledger.alerts.note([late], (AlertKind.LATE,))
    assert len(ledger.alerts.latest()) == 2
    assert len(ledger.alerts.latest(resolved=True)) == 3
    assert ledger.alerts.forget(START) == 0
    assert ledger.alerts.forget(clock.now) == 1
    assert len(ledger.alerts.latest(resolved=True)) == 2


def test_a_dismissed_trouble_is_told_of_no_more_until_that_is_taken_back(
    ledger: SqlLedger, clock: Clock
) -> None:
    old, other = trouble(AlertKind.QUARANTINED, "f1"), trouble(AlertKind.QUARANTINED, "f2")
    ledger.alerts.note([old, other], tuple(AlertKind))
    first = next(each for each in ledger.alerts.latest() if each.trouble == old)
    clock.pass_seconds(60)
    gone = ledger.alerts.dismiss(first.alert_id, "ana", "a test \x00 file")
    assert (gone.resolved_at, gone.dismissed_at) == (clock.now, clock.now)
    assert (gone.dismissed_by, gone.dismissed_note) == ("ana", "a test \x00 file")
    for says in ("is late", "is very late"):
        clock.pass_seconds(60)
        ledger.alerts.note([replace(old, says=says), other], tuple(AlertKind))
        assert [each.trouble for each in ledger.alerts.latest()] == [other]
    failed = replace(old, kind=AlertKind.FAILED)
    ledger.alerts.note([old, other, failed], tuple(AlertKind))
    assert {each.trouble.kind for each in ledger.alerts.latest()} == {
        AlertKind.QUARANTINED, AlertKind.FAILED,
    }  # fmt: skip
    assert ledger.alerts.dismiss(first.alert_id, None, "").dismissed_by is None
    ledger.alerts.note([old, other], tuple(AlertKind))
    assert {each.trouble.subject for each in ledger.alerts.latest()} == {"f1", "f2"}
    assert len(ledger.alerts.latest(resolved=True)) == 4
    with pytest.raises(KeyError):
        ledger.alerts.dismiss("0" * 12, "ana", "why")


def test_each_destination_is_told_of_beginning_and_end_once(
    ledger: SqlLedger, clock: Clock
) -> None:
    late, dead = trouble(AlertKind.LATE, "orders"), trouble(AlertKind.WORKER, "host:1")
    ledger.alerts.note([late, dead], tuple(AlertKind))
    told = ledger.alerts.undelivered("chat", 10)
    assert {each.trouble.kind for each in told} == {AlertKind.LATE, AlertKind.WORKER}
    assert len(ledger.alerts.undelivered("chat", 1)) == 1
    ledger.alerts.mark_delivered("chat", told)
    ledger.alerts.mark_delivered("chat", told)
    assert ledger.alerts.undelivered("chat", 10) == []
    assert len(ledger.alerts.undelivered("ops", 10)) == 2, "a destination that was away"
    clock.pass_seconds(60)
    ledger.alerts.note([dead], tuple(AlertKind))
    (over,) = ledger.alerts.undelivered("chat", 10)
    assert over.resolved_at == clock.now
    assert over.trouble == late
    ledger.alerts.mark_delivered("chat", [over])
    assert ledger.alerts.undelivered("chat", 10) == []
    assert [each.trouble for each in ledger.alerts.undelivered("ops", 10)] == [dead], (
        "never told, never over"
    )
    ledger.alerts.forget(clock.now + timedelta(seconds=1))
    assert ledger.alerts.latest(resolved=True)[0].trouble == dead


def test_workers_are_remembered_until_they_are_forgotten(ledger: SqlLedger, clock: Clock) -> None:
    ledger.workers.note_alive("host:1")
    clock.pass_seconds(30)
    ledger.workers.note_alive("host:1")
    ledger.workers.note_alive("host:2")
    later = START + timedelta(seconds=30)
    assert ledger.workers.all() == [
        Worker(name="host:1", started_at=START, seen_at=later),
        Worker(name="host:2", started_at=later, seen_at=later),
    ]
    ledger.workers.forget(["host:1", "host:3"])
    assert [each.name for each in ledger.workers.all()] == ["host:2"]


def test_what_has_arrived_of_a_feed(ledger: SqlLedger, clock: Clock) -> None:
    ledger.feeds.watch(["orders"])
    clock.pass_seconds(3600)
    ledger.feeds.watch(["orders", "stock"])
    assert ledger.feeds.arrived("orders") == Arrived(since=START)
    assert ledger.feeds.arrived("stock").since == clock.now
    assert ledger.feeds.arrived("unknown") == Arrived()
    first, bad, future = add(
        ledger,
        item("a.csv"),
        item("b.csv", sent_at=START + timedelta(seconds=60)),
        item("c.csv", sent_at=clock.now + timedelta(days=300)),
    )
    loaded(ledger, first, partitions=("2026-11-03", "2026-11-10", "null"))
    clock.pass_seconds(60)
    loaded(ledger, bad, outcome=Outcome.QUARANTINED, partitions=())
    loaded(ledger, future, partitions=("2027-09-09",))
    found = ledger.feeds.arrived("orders")
    assert found.last_sent == START, "neither what was quarantined nor what claims to be from later"
    assert found.latest_partition == "2026-11-10"
    assert found.last_load == clock.now
    (new,) = add(ledger, item("a.csv", version="2", sent_at=START + timedelta(seconds=90)))
    prepared(ledger, new, partitions=("9", "100", "-5"))
    batch = replace(opened(ledger), superseded={first: new})
    ledger.batches.commit(batch, Committed(rows=1), [])
    found = ledger.feeds.arrived("orders")
    assert found.last_sent == START + timedelta(seconds=90)
    assert found.latest_partition == "100", "whole numbers go by value"
