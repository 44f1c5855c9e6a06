"""Acts: who did what, one after the other, each sealed by the hash of the one before."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, RowMapping, insert, or_, select, text

from connectors.ledger.database import Database
from connectors.ledger.tables import acts as table
from schemas.act import BEGINNING, Act, Actor, Phase

_APPENDING = 0x77617963  # any constant will do: it names the lock under which acts are numbered
_AT_ONCE = 1000


class Acts:
    """The acts of the ledger. The database itself refuses to change one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def together(self) -> AbstractContextManager[None]:
        return self._database.together()

    def append(self, act: Act) -> Act:
        with self._database.write() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": _APPENDING})
            newest = select(table.c.number, table.c.hash).order_by(table.c.number.desc()).limit(1)
            last = connection.execute(newest).first()
            number, previous = (last.number, last.hash) if last is not None else (0, BEGINNING)
            now = self._database.now()
            act = replace(act, number=number + 1, previous=previous, at=now)
            act = replace(act, hash=act.hashed())
            connection.execute(insert(table).values(**_row_of(act)))
            return act

    def latest(
        self,
        *,
        feeds: Collection[str] | None = None,
        subject: str | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> Sequence[Act]:
        query = select(table).order_by(table.c.number.desc()).limit(limit)
        if feeds is not None:
            query = query.where(table.c.feed.in_(sorted(feeds)))
        if subject is not None:
            query = query.where(or_(table.c.subject == subject, table.c.feed == subject))
        if before is not None:
            query = query.where(table.c.number < before)
        with self._database.read() as connection:
            return [_act_of(row) for row in connection.execute(query).mappings()]

    def page(self, after: int) -> Sequence[Act]:
        with self._database.read() as connection:
            return _page(connection, after)


def _page(connection: Connection, after: int) -> list[Act]:
    query = select(table).where(table.c.number > after).order_by(table.c.number).limit(_AT_ONCE)
    return [_act_of(row) for row in connection.execute(query).mappings()]


def _row_of(act: Act) -> dict[str, Any]:
    actor = act.actor
    return {
        "number": act.number,
        "at": act.at,
        "who": actor.who,
        "via": actor.via,
        "origin": actor.origin,
        "request_id": actor.request_id,
        "action": act.action,
        "phase": act.phase,
        "about": act.about,
        "subject_kind": act.subject_kind,
        "subject": act.subject,
        "feed": act.feed,
        "before": act.before,
        "after": act.after,
        "previous": act.previous,
        "hash": act.hash,
    }


def _act_of(row: RowMapping) -> Act:
    facts = dict(row)
    actor = Actor(**{name: facts.pop(name) for name in ("who", "via", "origin", "request_id")})
    return Act(**{**facts, "actor": actor, "phase": Phase(row["phase"])})
