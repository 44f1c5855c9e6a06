"""Ledger at scale: the ledger's everyday questions over little history and over much."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import SecretStr
from sqlalchemy import event

from bench.ledger_history import FEED, SOURCE, START, TABLE, History, file, fill, item, sender
from connectors.ledger.config import LedgerConfig
from connectors.ledger.ledger import SqlLedger
from entrypoints.demo.postgres import postgres
from schemas.batch import Committed
from schemas.file import Event, Outcome, Status
from schemas.item import Page

_PAGE = 1000
_REPEATS = 15
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


def compare(database: str, few: History, many: History) -> list[Question]:
    """Time every question on `sqlite` or `postgres` with both histories."""
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


def _answers(url: str, history: History) -> dict[str, tuple[float, tuple[str, ...]]]:
    """Fill a ledger and ask it; the seconds of the quickest answer and the plans, by question."""
    ledger = SqlLedger(LedgerConfig(url=SecretStr(url)))
    ledger.migrate()
    fill(ledger, history)
    answers = {}
    for name, ask in questions(ledger, history).items():
        with statements(ledger) as seen:
            ask()
        seconds = []
        for _ in range(_REPEATS):
            started = time.perf_counter()
            ask()
            seconds.append(time.perf_counter() - started)
        # Noise only ever adds to it.
        answers[name] = (min(seconds), plans(ledger, seen))
    ledger.close()
    return answers


def questions(ledger: SqlLedger, history: History) -> dict[str, Callable[[], object]]:
    """What tasks and people ask, each as one call; the writing ones work on files of their own."""
    return {
        **_asked_of_files(ledger, history),
        **_asked_by_people(ledger, history),
        **_asked_of_senders(ledger, history),
    }


def _asked_of_files(ledger: SqlLedger, history: History) -> dict[str, Callable[[], object]]:
    def page_from(start: int) -> Page:
        numbers = range(start, min(start + _PAGE, history.files))
        return Page(items=tuple(item(number, history.senders) for number in numbers))

    page = page_from(max(0, history.files - _PAGE))
    starts = cycle(range(0, max(1, history.files - _PAGE), max(1, history.files // _REPEATS // 2)))
    done = file(history.files // 2, history.senders)
    mailed = replace(done, item=replace(done.item, group="0" * 24))
    fresh = iter(range(10**8, 10**9))

    def register_new() -> Sequence[str]:
        new = item(next(fresh), history.senders)
        return ledger.files.register(FEED, SOURCE, Page(items=(new,)))

    def through() -> None:
        """One new file all the way, as far as the ledger sees it."""
        (file_id,) = register_new()
        now = datetime.now(UTC)
        held = ledger.leases.claim(file_id, Status.DISCOVERED, "bench", 60)
        assert held is not None
        held = replace(held, sha256=f"{next(fresh):064x}", size=1)
        ledger.contents.claim(held)
        step = Event(file_id=file_id, at=now, step="prepare", outcome="accepted")
        ledger.leases.advance(replace(held, status=Status.PREPARED, outcome=Outcome.ACCEPTED), step)
        ledger.feeds.request_load(FEED)
        batch = ledger.batches.open(FEED, TABLE, 1000, 2**31)
        assert batch is not None
        ledger.batches.abandon(batch, [], refusal="the end of the bench")
        while (batch := ledger.batches.open(FEED, TABLE, 1000, 2**31)) is not None:
            ledger.batches.commit(batch, Committed(rows=0, removals=()), [])
        held = ledger.leases.claim(file_id, Status.LOADED, "bench", 60)
        assert held is not None
        ledger.leases.advance(replace(held, status=Status.DONE), replace(step, step="acknowledge"))

    return {
        "discover a page of 1,000 known files": lambda: ledger.files.register(FEED, SOURCE, page),
        "discover another page of them each time": lambda: ledger.files.register(
            FEED, SOURCE, page_from(next(starts))
        ),
        "register one new file": register_new,
        "a file's whole way (10 calls)": through,
        "waiting files of a feed": lambda: ledger.files.waiting(FEED),
        "files due to prepare": lambda: ledger.leases.due(Status.DISCOVERED, 1000),
        "files due to acknowledge": lambda: ledger.leases.due(Status.LOADED, 1000),
        "feeds to load": ledger.feeds.to_load,
        "claim a file that is done": lambda: ledger.leases.claim(
            done.file_id, Status.DISCOVERED, "bench", 60
        ),
        "open a batch, none prepared": lambda: ledger.batches.open(FEED, TABLE, 1000, 2**31),
        "who needs a mail's original": lambda: ledger.moves.needing(mailed),
        "prune timelines, none old": lambda: ledger.timelines.prune(START - timedelta(days=1)),
    }


def _asked_by_people(ledger: SqlLedger, history: History) -> dict[str, Callable[[], object]]:
    done = file(history.files // 2, history.senders)
    newest = file(history.files - 1, history.senders)

    def latest(**more: str) -> Callable[[], object]:
        return lambda: ledger.files.latest(limit=100, **more)

    return {
        "waybill files": latest(),
        "waybill files --feed": latest(feed=FEED),
        "waybill files --status failed": latest(status="failed"),
        "waybill files --status partly": latest(status="partly"),
        "waybill files --status partly --feed": latest(status="partly", feed=FEED),
        "waybill files --status done --feed, another feed": latest(status="done", feed="other"),
        "waybill show, by id": lambda: ledger.files.find(done.file_id[:10]),
        "waybill show, by name": lambda: ledger.files.find(done.item.name),
        "a file's timeline": lambda: ledger.timelines.of(newest.file_id),
        "waybill held": ledger.holds.latest,
    }


def _asked_of_senders(ledger: SqlLedger, history: History) -> dict[str, Callable[[], object]]:
    newest = file(history.files - 1, history.senders)
    who = sender((history.files - 1) % history.senders)
    day = f"{newest.item.sent_at:%Y-%m-%d}"
    since = newest.item.sent_at - timedelta(days=1)
    return {
        "a file against its sender's day": lambda: ledger.holds.count_against_sender_quota(
            newest, who, day, 10_000, None
        ),
        "replies to a sender of a day": lambda: ledger.replies.count_since(who, None, since),
        "an earlier reply about a file's name": lambda: ledger.replies.earlier(
            FEED, who, newest.item.name, ("<1@elsewhere.example>",), newest.file_id
        ),
        "the thread of a mail": lambda: ledger.replies.thread_of(["<1@elsewhere.example>"]),
    }


@contextmanager
def statements(ledger: SqlLedger) -> Iterator[list[tuple[str, Any]]]:
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


def plans(ledger: SqlLedger, statements: list[tuple[str, Any]]) -> tuple[str, ...]:
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
