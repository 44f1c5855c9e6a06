"""Sender counts: what has ended by sender and feed, kept with each end so that no question adds up
history."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, case, delete, func, select, update

from connectors.ledger.columns import AnyText
from connectors.ledger.database import Database, insert_into
from connectors.ledger.tables import sender_counts as table
from schemas.file import File, Outcome
from schemas.sender import KEPT_ADDRESS, SenderCount

_NAMES = {
    Outcome.ACCEPTED: "accepted",
    Outcome.PARTLY: "partly",
    Outcome.QUARANTINED: "quarantined",
}
_COUNTED = (*_NAMES.values(), "left_out", "rows_read", "rows_loaded")


class SenderCounts:
    """The senders of the ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(
        self, contains: str | None, feeds: Collection[str] | None, after: str | None, limit: int
    ) -> Sequence[SenderCount]:
        seen = [] if feeds is None else [table.c.feed.in_(sorted(feeds))]
        wanted: list[ColumnElement[bool]] = [*seen]
        if contains:
            wanted.append(place_of(self._database, table.c.sender, contains) > 0)
        if after is not None:
            wanted.append(table.c.sender > after)
        senders = select(table.c.sender).where(*wanted).group_by(table.c.sender)
        with self._database.read() as connection:
            names = list(connection.scalars(senders.order_by(table.c.sender).limit(limit)))
            query = select(table).where(table.c.sender.in_(names), *seen)
            rows = connection.execute(query.order_by(table.c.sender, table.c.feed)).mappings()
            return [SenderCount(**row) for row in rows]

    def of(self, sender: str, feeds: Collection[str] | None) -> Sequence[SenderCount]:
        query = select(table).where(table.c.sender == sender[:KEPT_ADDRESS])
        if feeds is not None:
            query = query.where(table.c.feed.in_(sorted(feeds)))
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(table.c.feed)).mappings()
            return [SenderCount(**row) for row in rows]

    def forget(self, before: datetime) -> int:
        with self._database.write() as connection:
            return int(connection.execute(delete(table).where(table.c.last_sent < before)).rowcount)


def outcome_name(file: File) -> str:
    """As what a file that has ended is counted."""
    return _NAMES.get(file.outcome, "left_out") if file.outcome else "left_out"


def count_senders(connection: Connection, files: Sequence[File], sign: int) -> None:
    """Count files of known senders that have ended, or (-1) that are on their way again, in the
    transaction in which they do."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    # The oldest first: whether its day is a further one depends on those before it.
    for file in sorted(files, key=lambda each: each.item.sent_at):
        if file.item.sender is None or file.done_at is None:
            continue
        key = (file.item.sender[:KEPT_ADDRESS], file.feed)
        sent = file.item.sent_at
        day = sent.astimezone(UTC).date().isoformat()
        row = found.setdefault(key, {**_nothing(), "first_sent": sent, "last_day": day, "days": 1})
        row["days"] += day > row["last_day"]
        row |= {"last_sent": sent, "last_day": day}
        row[outcome_name(file)] += sign
        row["rows_read"] += sign * file.counts.read
        row["rows_loaded"] += sign * file.counts.loaded
    # In one order, so that two workers cannot wait for each other.
    rows = [{"sender": key[0], "feed": key[1], **row} for key, row in sorted(found.items())]
    if rows and sign > 0:
        _write(connection, rows)
    for row in rows if sign < 0 else ():
        # No upsert: a sender who was forgotten meanwhile stays so.
        same = (table.c.sender == row["sender"], table.c.feed == row["feed"])
        changed = {name: table.c[name] + row[name] for name in _COUNTED}
        connection.execute(update(table).where(*same).values(changed))


def _write(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    statement = insert_into(connection, table)
    new = statement.excluded
    later = new.last_sent > table.c.last_sent
    # A day that was counted before is not counted again.
    further = case((new.last_day > table.c.last_day, new.days), else_=0)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["sender", "feed"],
            set_={
                **{name: table.c[name] + new[name] for name in _COUNTED},
                "days": table.c.days + further,
                "last_sent": case((later, new.last_sent), else_=table.c.last_sent),
                "last_day": case((later, new.last_day), else_=table.c.last_day),
            },
        ),
        rows,
    )


def _nothing() -> dict[str, int]:
    return dict.fromkeys(_COUNTED, 0)


def place_of(database: Database, column: ColumnElement[Any], text: str) -> Any:
    """Where a text stands in a column, in whatever case; nothing in it has a meaning of its own."""
    find = func.strpos if database.engine.dialect.name == "postgresql" else func.instr
    return find(func.lower(column, type_=AnyText()), text.lower())
