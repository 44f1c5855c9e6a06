"""Unmatched: what lies at sources and no feed takes, in groups."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, func, select, update

from connectors.ledger.database import Database, insert_into
from connectors.ledger.tables import unmatched as table
from schemas.item import Item
from schemas.unmatched import (
    MAX_GROUPS,
    MAX_ITEMS,
    OTHERS,
    Unmatched,
    UnmatchedItem,
    Why,
    group_id_of,
    shape_of,
)

_AT_ONCE = 500


class UnmatchedItems:
    """Groups of things that no feed takes, each with the first of them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def note(self, source: str, found: Sequence[Unmatched], *, is_whole: bool = False) -> None:
        with self._database.read() as connection:
            before = {each.group_id: each for each in _of_source(connection, source)}
        news = [each for each in found if _merged(before.get(each.group_id), each, is_whole)]
        ids = {each.group_id for each in found}
        gone = [each for each in before if each not in ids] if is_whole else []
        if not news and not gone:
            return
        with self._database.write() as connection:
            for each in news:
                self._note(connection, each, is_whole)
            for some in gone:
                mine = table.c.group_id == some
                connection.execute(delete(table).where(mine, table.c.dismissed_at.is_(None)))
                connection.execute(update(table).where(mine).values(count=0, items=[]))

    def _note(self, connection: Connection, found: Unmatched, is_whole: bool) -> None:
        old = _one(connection, found.group_id)
        if old is None and found.shape != OTHERS:
            query = select(func.count()).where(table.c.source == found.source)
            if connection.scalars(query).one() >= MAX_GROUPS:
                id_ = group_id_of(found.source, found.why, None, OTHERS)
                found = replace(found, group_id=id_, shape=OTHERS, sender=None)
                old = _one(connection, id_)
        new = _merged(old, found, is_whole)
        if new is None:
            return
        if old is None:
            statement = insert_into(connection, table).values(**_row_of(new))
            connection.execute(statement.on_conflict_do_nothing())
        else:
            mine = table.c.group_id == new.group_id
            connection.execute(update(table).where(mine).values(**_row_of(new)))

    def latest(self, source: str | None = None, *, dismissed: bool = False) -> Sequence[Unmatched]:
        query = select(table).where(table.c.count > 0)
        query = query.where(
            table.c.dismissed_at.is_not(None) if dismissed else table.c.dismissed_at.is_(None)
        )
        if source is not None:
            query = query.where(table.c.source == source)
        query = query.order_by(table.c.last_seen.desc(), table.c.group_id)
        with self._database.read() as connection:
            return [_group_of(row) for row in connection.execute(query).mappings()]

    def take(self, source: str, items: Sequence[Item]) -> None:
        shapes = sorted({OTHERS, *(shape_of(each.name) for each in items)})
        keys = {each.key for each in items}
        if not keys:
            return
        found: list[Unmatched] = []
        with self._database.read() as connection:
            for at in range(0, len(shapes), _AT_ONCE):
                some = table.c.shape.in_(shapes[at : at + _AT_ONCE])
                query = select(table).where(table.c.source == source, some)
                found += (_group_of(row) for row in connection.execute(query).mappings())
        if not any(item.key in keys for group in found for item in group.items):
            return
        with self._database.write() as connection:
            for each in found:
                group = _one(connection, each.group_id)
                if group is None:
                    continue
                left = tuple(item for item in group.items if item.key not in keys)
                count = group.count - (len(group.items) - len(left))
                if count < 1 and group.dismissed_at is None:
                    connection.execute(delete(table).where(table.c.group_id == each.group_id))
                elif len(left) < len(group.items):
                    _write(connection, replace(group, items=left, count=max(count, 0)))

    def dismiss(self, group_id: str, who: str | None) -> Unmatched:
        now = self._database.now()
        with self._database.write() as connection:
            group = _one(connection, group_id)
            if group is None:
                raise KeyError(group_id)
            at = now if who is not None else None
            new = replace(group, dismissed_at=at, dismissed_by=who)
            _write(connection, new)
            return new

    def mark_told(self, group_id: str, keys: Collection[str]) -> None:
        with self._database.write() as connection:
            group = _one(connection, group_id)
            if group is None:
                return
            items = tuple(
                replace(each, owed=each.owed and each.key not in keys) for each in group.items
            )
            _write(connection, replace(group, items=items))

    def forget(self, before: datetime) -> int:
        with self._database.write() as connection:
            return connection.execute(delete(table).where(table.c.last_seen < before)).rowcount


def _merged(old: Unmatched | None, found: Unmatched, is_whole: bool) -> Unmatched | None:
    """The group as it is with what was found; None if that is nothing new."""
    if old is None:
        return found
    known = {each.key: each for each in old.items}
    if is_whole:
        items = tuple(known.get(each.key, each) for each in found.items)
        count = found.count
    else:
        new = [each for each in found.items if each.key not in known]
        # Beyond what is kept one by one, what was counted before may be counted again.
        beyond = found.count - len(found.items)
        items = (*old.items, *new)[:MAX_ITEMS]
        count = old.count + len(new) + beyond
    if (items, count, found.feed) == (old.items, old.count, old.feed):
        return None
    return replace(
        old, items=items, count=count, feed=found.feed, last_seen=found.last_seen,
        is_likely=old.is_likely or found.is_likely,
    )  # fmt: skip


def _of_source(connection: Connection, source: str) -> Iterable[Unmatched]:
    rows = connection.execute(select(table).where(table.c.source == source)).mappings()
    return [_group_of(row) for row in rows]


def _one(connection: Connection, group_id: str) -> Unmatched | None:
    query = select(table).where(table.c.group_id == group_id).with_for_update()
    row = connection.execute(query).mappings().first()
    return _group_of(row) if row is not None else None


def _write(connection: Connection, group: Unmatched) -> None:
    mine = table.c.group_id == group.group_id
    connection.execute(update(table).where(mine).values(**_row_of(group)))


def _row_of(group: Unmatched) -> dict[str, Any]:
    items = [asdict(each) | {"sent_at": each.sent_at.isoformat()} for each in group.items]
    plain = {name: getattr(group, name) for name in group.__slots__}
    return plain | {"why": group.why.name, "items": items}


def _group_of(row: RowMapping) -> Unmatched:
    items = tuple(
        UnmatchedItem(**{**each, "sent_at": datetime.fromisoformat(each["sent_at"])})
        for each in row["items"]
    )
    return Unmatched(**{**row, "why": Why[row["why"]], "items": items})
