"""A ledger's history: finished files with their batches, contents, timelines and senders.

On SQLite the rows are made here and inserted. PostgreSQL makes them itself, with its constraints
and indexes away meanwhile: ten million files take minutes then, and not hours.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import batched
from typing import Any

from sqlalchemy import Connection, Table, bindparam, insert, text

from connectors.ledger.ledger import SqlLedger
from connectors.ledger.records import row_of
from connectors.ledger.tables import admissions, batches, contents, events, files, replies
from schemas.file import Counts, File, Outcome, Status, file_id_of
from schemas.item import Item
from schemas.receipt import Receipt
from schemas.reply import ReplyState

FEED, SOURCE, TABLE = "history", "drop", "demo.bench.history"
START = datetime(2024, 1, 1, tzinfo=UTC)
_APART = 5
"""Seconds between two files: ten million of them are of a year and a half."""
_PER_BATCH = 100
_AT_ONCE = 20_000
_STEPS = ("discover", "prepare", "load", "acknowledge")
_TABLES = (batches, files, contents, events, admissions, replies)


@dataclass(frozen=True, slots=True)
class History:
    """How much there is: so many files of so many senders; the `newest` of them have timelines,
    admissions and replies, as retention leaves them."""

    files: int
    newest: int
    senders: int = 50_000

    @property
    def recent(self) -> range:
        """The numbers of the newest files."""
        return range(max(0, self.files - self.newest), self.files)


def fill(ledger: SqlLedger, history: History) -> None:
    """Write that much history into an empty ledger, and let the database gather its statistics."""
    with ledger.database.write() as connection:
        if connection.dialect.name == "postgresql":
            with _bare(connection):
                _generate(connection, history)
        else:
            for each in batched(range(history.files), _AT_ONCE, strict=False):
                _insert(connection, history, each)
        connection.execute(text(_SENDERS))
    with ledger.database.engine.connect() as connection:
        # What autovacuum would have done by itself while the files came one by one; without the
        # visibility it writes down, PostgreSQL reads the row behind every index entry.
        upkeep = "VACUUM (ANALYZE)" if connection.dialect.name == "postgresql" else "ANALYZE"
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(text(upkeep))


def item(number: int, senders: int) -> Item:
    """The item of a number."""
    name = f"report-{number:07}.csv"
    return Item(
        key=f"history/{name}",
        version=f"{number:032x}",
        name=name,
        sent_at=START + timedelta(seconds=_APART * number),
        size=1000,
        sender=sender(number % senders),
    )


def sender(number: int) -> str:
    """The address of a sender."""
    return f"desk@business-{number:05}.example"


def file(number: int, senders: int) -> File:
    """The finished file of a number."""
    made = item(number, senders)
    return File(
        file_id=file_id_of(FEED, made.key, made.version),
        feed=FEED,
        source=SOURCE,
        item=made,
        status=Status.DONE,
        outcome=Outcome.ACCEPTED if number % 8 else Outcome.PARTLY,
        attempt=2,
        discovered_at=made.sent_at,
        done_at=made.sent_at,
        sha256=f"{number:064x}",
        size=1000,
        landing_key=f"landing/{number:x}",
        partitions=("2026-10-01",),
        contract_version="1",
        counts=Counts(read=100, loaded=100, rejected=0, dropped=0),
        batch_id=f"{number // _PER_BATCH:016x}",
    )


def rows_of(history: History, number: int) -> Iterator[tuple[Table, dict[str, Any]]]:
    """All rows that the file of a number brings, in an order that their keys allow."""
    found = file(number, history.senders)
    if number % _PER_BATCH == 0:
        yield batches, {
            "batch_id": found.batch_id, "feed": FEED, "table_name": TABLE, "attempt": 1,
            "status": "committed", "created_at": START, "finished_at": START, "rows": 1000,
            "rows_removed": 0,
        }  # fmt: skip
    yield files, _row(found)
    yield contents, {"feed": FEED, "sha256": found.sha256, "file_id": found.file_id}
    if number not in history.recent:
        return
    at, who = found.item.sent_at, found.item.sender
    for step in _STEPS:
        yield events, {"file_id": found.file_id, "at": at, "step": step, "outcome": "ok"}
    day = f"{at:%Y-%m-%d}"
    yield admissions, {
        "file_id": found.file_id, "feed": FEED, "sender": who, "day": day, "size": 1000
    }  # fmt: skip
    yield replies, {
        "reply_id": f"{number:024x}", "message_id": f"<{number:x}@waybill.example>",
        "file_id": found.file_id, "feed": FEED, "recipient": who, "name": found.item.name,
        "root": found.item.name, "receipt": _receipt(), "state": ReplyState.SENT,
        "is_digest": False, "planned_at": at, "closed_at": at,
    }  # fmt: skip


def _row(made: File) -> dict[str, Any]:
    assert made.discovered_at is not None
    row = row_of(made.file_id, made.feed, made.source, made.item, made.discovered_at, past=False)
    return {
        **row,
        "status": made.status,
        "outcome": made.outcome,
        "attempt": made.attempt,
        "done_at": made.done_at,
        "sha256": made.sha256,
        "size": made.size,
        "landing_key": made.landing_key,
        "partitions": list(made.partitions),
        "contract_version": made.contract_version,
        "rows_read": made.counts.read,
        "rows_loaded": made.counts.loaded,
        "batch_id": made.batch_id,
    }


@cache
def _receipt() -> dict[str, Any]:
    """One receipt for all: what it says is asked for, but not looked for."""
    told = Receipt(
        file_id="0" * 16, feed=FEED, table=TABLE, name="report.csv", key="history/report.csv",
        outcome=Outcome.ACCEPTED, counts=Counts(read=100, loaded=100), sent_at=START,
        loaded_at=START,
    )  # fmt: skip
    plain: dict[str, Any] = json.loads(json.dumps(asdict(told), default=str))
    return plain


def _insert(connection: Connection, history: History, numbers: Sequence[int]) -> None:
    made: dict[Table, list[dict[str, Any]]] = {table: [] for table in _TABLES}
    for number in numbers:
        for table, row in rows_of(history, number):
            made[table].append(row)
    for table, rows in made.items():
        if rows:
            connection.execute(insert(table), rows)


_SENDERS = """
INSERT INTO sender_counts (sender, feed, first_sent, last_sent, last_day, days, accepted, partly,
    rows_read, rows_loaded)
SELECT sender, feed, min(sent_at), max(sent_at), substr(CAST(max(sent_at) AS TEXT), 1, 10), 5,
    sum(CASE WHEN outcome = 'accepted' THEN 1 ELSE 0 END),
    sum(CASE WHEN outcome = 'partly' THEN 1 ELSE 0 END), sum(rows_read), sum(rows_loaded)
FROM files GROUP BY sender, feed
"""

# The same in SQL, of a number n: what a row has beside these is the same in all rows.
_NAME = "'report-' || lpad(n::text, greatest(7, length(n::text)), '0') || '.csv'"
_KEY = f"'history/' || {_NAME}"
_VERSION = "lpad(to_hex(n), 32, '0')"
_BETWEEN = r"'\x00'::bytea"
_ID = (
    f"left(encode(sha256(convert_to('{FEED}', 'UTF8') || {_BETWEEN} || convert_to({_KEY}, 'UTF8')"
    f" || {_BETWEEN} || convert_to({_VERSION}, 'UTF8')), 'hex'), 16)"
)
_AT = f"timestamptz '{START.isoformat()}' + n * interval '{_APART} seconds'"
_SENDER = "'desk@business-' || lpad((n % :senders)::text, 5, '0') || '.example'"
_HASH = "lpad(to_hex(n), 64, '0')"
_BATCH = f"lpad(to_hex(n / {_PER_BATCH}), 16, '0')"
_VARYING: Mapping[str, Mapping[str, str]] = {
    "batches": {"batch_id": _BATCH},
    "files": {
        "file_id": _ID, "key": _KEY, "version": _VERSION, "name": _NAME, "sent_at": _AT,
        "sender": _SENDER, "discovered_at": _AT, "done_at": _AT, "sha256": _HASH,
        "landing_key": "'landing/' || to_hex(n)", "batch_id": _BATCH,
        "outcome": "CASE n % 8 WHEN 0 THEN 'partly' ELSE 'accepted' END",
    },
    "contents": {"sha256": _HASH, "file_id": _ID},
    "events": {"file_id": _ID, "at": _AT, "step": "step"},
    "admissions": {
        "file_id": _ID, "sender": _SENDER, "day": f"to_char({_AT}, 'YYYY-MM-DD')",
    },
    "replies": {
        "reply_id": "lpad(to_hex(n), 24, '0')", "file_id": _ID, "recipient": _SENDER,
        "message_id": "'<' || to_hex(n) || '@waybill.example>'", "name": _NAME, "root": _NAME,
        "planned_at": _AT, "closed_at": _AT,
    },
}  # fmt: skip


def _generate(connection: Connection, history: History) -> None:
    """Let PostgreSQL make the rows; one of each table is made here and says what is in them."""
    # Whatever a person's session says, hours of a day are those of UTC.
    connection.execute(text("SET LOCAL TIME ZONE 'UTC'"))
    newest = History(1, 1, history.senders)
    like: dict[Table, dict[str, Any]] = dict(rows_of(newest, 0))
    for table in _TABLES:
        varying = _VARYING[table.name]
        fixed = {
            name: value
            for name, value in like[table].items()
            if name not in varying and value is not None
        }
        bounds = ", ".join(f"CAST(:{each} AS bigint)" for each in ("first", "last", "step_by"))
        numbers = f"generate_series({bounds}) AS numbers(n)"
        if table is events:
            steps = ", ".join(f"('{step}')" for step in _STEPS)
            numbers += f" CROSS JOIN (VALUES {steps}) AS steps(step)"
        values = [*varying.values(), *(f":{name}" for name in fixed)]
        names = ", ".join(f'"{name}"' for name in (*varying, *fixed))
        statement = text(
            f"INSERT INTO {table.name} ({names}) SELECT {', '.join(values)} FROM {numbers}"
        )
        few = table in (events, admissions, replies)
        first = history.recent.start if few else 0
        own = [bindparam(name, value, type_=table.c[name].type) for name, value in fixed.items()]
        asked = {"first": first, "last": history.files - 1,
                 "step_by": _PER_BATCH if table is batches else 1}  # fmt: skip
        if any(":senders" in each for each in varying.values()):
            asked["senders"] = history.senders
        connection.execute(statement.bindparams(*own), asked)


_CONSTRAINTS = """
SELECT conrelid::regclass::text, quote_ident(conname), pg_get_constraintdef(oid)
FROM pg_constraint
WHERE connamespace = 'public'::regnamespace AND contype IN ('f', 'p', 'u')
ORDER BY contype = 'f' DESC, conname
"""


@contextmanager
def _bare(connection: Connection) -> Iterator[None]:
    """Take the constraints and indexes away while the block runs, within its transaction."""
    constraints = connection.execute(text(_CONSTRAINTS)).all()
    indexes = [index for table in _TABLES for index in table.indexes]
    for table, name, _ in constraints:
        connection.execute(text(f"ALTER TABLE {table} DROP CONSTRAINT {name}"))
    for index in indexes:
        index.drop(connection)
    yield
    connection.execute(text("SET LOCAL maintenance_work_mem = '1GB'"))
    for table, name, definition in reversed(constraints):
        connection.execute(text(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}"))
    for index in indexes:
        index.create(connection)
