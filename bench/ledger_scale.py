"""Ledger at scale: the ledger's everyday questions over 1,000 files and over 1,000,000."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import SecretStr
from sqlalchemy import Connection, event, insert, text

from connectors.ledger.config import LedgerConfig
from connectors.ledger.ledger import SqlLedger
from connectors.ledger.records import row_of
from connectors.ledger.tables import batches, contents, events, files
from entrypoints.demo.postgres import postgres
from schemas.file import Counts, Event, File, Outcome, Status, file_id_of
from schemas.item import Item, Page

FEED, SOURCE, TABLE = "history", "drop", "demo.bench.history"
_START = datetime(2024, 1, 1, tzinfo=UTC)
_PER_BATCH = 100
_PAGE = 1000
_AT_ONCE = 20_000
_REPEATS = 7
_GROWN = 2.0
_FLOOR_SECONDS = 0.002


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """What a call of the ledger took with little and with much history, in seconds, and the plans
    of its statements with much."""

    name: str
    few: float
    many: float
    plans: tuple[str, ...]

    @property
    def grows(self) -> bool:
        """Whether history makes it dearer by more than noise explains."""
        return self.many > _GROWN * max(self.few, _FLOOR_SECONDS)


def compare(database: str, few: int, many: int) -> list[Question]:
    """Time every question on `sqlite` or `postgres` at both sizes of history."""
    with _url(database) as make_url:
        small = _answers(make_url("few"), few)
        large = _answers(make_url("many"), many)
    return [
        Question(name=name, few=seconds, many=large[name][0], plans=large[name][1])
        for name, (seconds, _) in small.items()
    ]


@contextmanager
def _url(database: str) -> Iterator[Callable[[str], str]]:
    with TemporaryDirectory(prefix="waybill-ledger-") as folder:
        if database == "sqlite":
            yield lambda name: f"sqlite:///{folder}/{name}.db"
            return
        with postgres(Path(folder)) as url:

            def made(name: str) -> str:
                import psycopg

                plain = url.replace("postgresql+psycopg", "postgresql")
                with psycopg.connect(plain, autocommit=True) as connection:
                    connection.execute(f'CREATE DATABASE "{name}"')
                return url.rpartition("/")[0] + f"/{name}"

            yield made


def _answers(url: str, history: int) -> dict[str, tuple[float, tuple[str, ...]]]:
    """Fill a ledger and ask it; the median seconds and the plans, by question."""
    ledger = SqlLedger(LedgerConfig(url=SecretStr(url)))
    ledger.migrate()
    fill(ledger, history)
    answers = {}
    for name, ask in _questions(ledger, history).items():
        with _statements(ledger) as seen:
            ask()
        seconds = []
        for _ in range(_REPEATS):
            started = time.perf_counter()
            ask()
            seconds.append(time.perf_counter() - started)
        answers[name] = (median(seconds), _plans(ledger, seen))
    return answers


def fill(ledger: SqlLedger, history: int) -> None:
    """Write that many finished files with their batches, contents and three events each."""
    with ledger.database.write() as connection:
        for start in range(0, history, _AT_ONCE):
            _fill(connection, range(start, min(start + _AT_ONCE, history)))
    with ledger.database.engine.connect() as connection:
        # What autovacuum would have done by itself while the files came one by one; without the
        # visibility it writes down, PostgreSQL reads the row behind every index entry.
        upkeep = "VACUUM (ANALYZE)" if connection.dialect.name == "postgresql" else "ANALYZE"
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(text(upkeep))


def _fill(connection: Connection, numbers: range) -> None:
    opened = sorted({number // _PER_BATCH for number in numbers})
    connection.execute(
        insert(batches),
        [
            {
                "batch_id": f"{number:016x}", "feed": FEED, "table_name": TABLE, "attempt": 1,
                "status": "committed", "created_at": _START, "finished_at": _START,
                "rows": 1000, "rows_removed": 0,
            }
            for number in opened
            if number * _PER_BATCH in numbers
        ],
    )  # fmt: skip
    made = [_file(number) for number in numbers]
    connection.execute(insert(files), [_row(file) for file in made])
    connection.execute(
        insert(contents),
        [{"feed": FEED, "sha256": file.sha256, "file_id": file.file_id} for file in made],
    )
    connection.execute(
        insert(events),
        [
            {"file_id": file.file_id, "at": file.discovered_at, "step": step, "outcome": "ok"}
            for file in made
            for step in ("discover", "prepare", "load", "acknowledge")
        ],
    )


def _item(number: int) -> Item:
    at = _START + timedelta(seconds=60 * number)
    name = f"report-{number:07}.csv"
    return Item(key=f"history/{name}", version=f"{number:032x}", name=name, sent_at=at, size=1000)


def _file(number: int) -> File:
    item = _item(number)
    return File(
        file_id=file_id_of(FEED, item.key, item.version),
        feed=FEED,
        source=SOURCE,
        item=item,
        status=Status.DONE,
        outcome=Outcome.ACCEPTED if number % 8 else Outcome.PARTLY,
        attempt=2,
        discovered_at=item.sent_at,
        done_at=item.sent_at,
        sha256=f"{number:064x}",
        size=1000,
        landing_key=f"landing/{number:x}",
        partitions=("2026-10-01",),
        contract_version="1",
        counts=Counts(read=100, loaded=100, rejected=0, dropped=0),
        batch_id=f"{number // _PER_BATCH:016x}",
    )


def _row(file: File) -> dict[str, Any]:
    assert file.discovered_at is not None
    row = row_of(file.file_id, file.feed, file.source, file.item, file.discovered_at, past=False)
    return {
        **row,
        "status": file.status,
        "outcome": file.outcome,
        "attempt": file.attempt,
        "done_at": file.done_at,
        "sha256": file.sha256,
        "size": file.size,
        "landing_key": file.landing_key,
        "partitions": list(file.partitions),
        "contract_version": file.contract_version,
        "rows_read": file.counts.read,
        "rows_loaded": file.counts.loaded,
        "batch_id": file.batch_id,
    }


def _questions(ledger: SqlLedger, history: int) -> dict[str, Callable[[], object]]:
    """What tasks and people ask, each as one call; the writing ones work on files of their own."""
    page = Page(items=tuple(_item(number) for number in range(max(0, history - _PAGE), history)))
    middle = _file(history // 2)
    fresh = iter(range(10**8, 10**9))

    def register_new() -> Sequence[str]:
        return ledger.files.register(FEED, SOURCE, Page(items=(_item(next(fresh)),)))

    def through() -> None:
        """One new file all the way, as far as the ledger sees it."""
        (file_id,) = register_new()
        now = datetime.now(UTC)
        file = ledger.leases.claim(file_id, Status.DISCOVERED, "bench", 60)
        assert file is not None
        file = replace(file, sha256=f"{next(fresh):064x}", size=1)
        ledger.contents.claim(file)
        step = Event(file_id=file_id, at=now, step="prepare", outcome="accepted")
        ledger.leases.advance(replace(file, status=Status.PREPARED, outcome=Outcome.ACCEPTED), step)
        ledger.feeds.request_load(FEED)
        batch = ledger.batches.open(FEED, TABLE, 1000, 2**31)
        assert batch is not None
        ledger.batches.abandon(batch, [], refusal="the end of the bench")
        while (batch := ledger.batches.open(FEED, TABLE, 1000, 2**31)) is not None:
            from schemas.batch import Committed

            ledger.batches.commit(batch, Committed(rows=0, removals=()), [])
        held = ledger.leases.claim(file_id, Status.LOADED, "bench", 60)
        assert held is not None
        ledger.leases.advance(replace(held, status=Status.DONE), replace(step, step="acknowledge"))

    return {
        "discover a page of 1,000 known files": lambda: ledger.files.register(FEED, SOURCE, page),
        "register one new file": register_new,
        "a file's whole way (10 calls)": through,
        "waiting files of a feed": lambda: ledger.files.waiting(FEED),
        "files due to prepare": lambda: ledger.leases.due(Status.DISCOVERED, 1000),
        "files due to acknowledge": lambda: ledger.leases.due(Status.LOADED, 1000),
        "feeds to load": ledger.feeds.to_load,
        "claim a file that is done": lambda: ledger.leases.claim(
            middle.file_id, Status.DISCOVERED, "bench", 60
        ),
        "open a batch, none prepared": lambda: ledger.batches.open(FEED, TABLE, 1000, 2**31),
        "waybill files": lambda: ledger.files.latest(limit=100),
        "waybill files --feed": lambda: ledger.files.latest(feed=FEED, limit=100),
        "waybill files --status failed": lambda: ledger.files.latest(status="failed", limit=100),
        "waybill files --status partly": lambda: ledger.files.latest(status="partly", limit=100),
        "waybill files --status partly --feed": lambda: ledger.files.latest(
            status="partly", feed=FEED, limit=100
        ),
        "waybill files --status done --feed, another feed": lambda: ledger.files.latest(
            status="done", feed="other", limit=100
        ),
        "waybill show, by id": lambda: ledger.files.find(middle.file_id[:10]),
        "waybill show, by name": lambda: ledger.files.find(middle.item.name),
        "a file's timeline": lambda: ledger.timelines.of(middle.file_id),
        "prune timelines, none old": lambda: ledger.timelines.prune(_START - timedelta(days=1)),
    }


@contextmanager
def _statements(ledger: SqlLedger) -> Iterator[list[tuple[str, Any]]]:
    """The statements sent while the block runs, with their parameters."""
    seen: list[tuple[str, Any]] = []

    def note(_c: object, _r: object, statement: str, values: Any, _x: object, many: bool) -> None:
        if not many and statement.lstrip().startswith(("SELECT", "UPDATE", "DELETE", "WITH")):
            seen.append((statement, values))

    event.listen(ledger.database.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(ledger.database.engine, "before_cursor_execute", note)


def _plans(ledger: SqlLedger, statements: list[tuple[str, Any]]) -> tuple[str, ...]:
    """Each different statement's plan, as lines of text."""
    lite = ledger.database.engine.dialect.name == "sqlite"
    explain = "EXPLAIN QUERY PLAN " if lite else "EXPLAIN "
    plans: dict[str, None] = {}
    with ledger.database.engine.connect() as connection:
        for statement, values in statements:
            rows = connection.exec_driver_sql(explain + statement, values).fetchall()
            lines = [str(row[3] if lite else row[0]) for row in rows]
            plans["\n".join(_short(line) for line in lines)] = None
        connection.rollback()
    return tuple(plans)


def _short(line: str) -> str:
    return line if len(line) <= 160 else line[:157] + "…"


def scans(plan: str) -> bool:
    """Whether a plan reads a whole table (`SCAN files`, `Seq Scan on files`) without an index."""
    return any(
        ("SCAN" in line and "USING" not in line and "CONSTANT" not in line) or "Seq Scan" in line
        for line in plan.splitlines()
    )
