"""Leases: who works on a file, and for how long they may."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, or_, select, update

from connectors.ledger.daily_counts import count_ended
from connectors.ledger.database import Database
from connectors.ledger.records import FACTS, facts_of, file_of, write_events
from connectors.ledger.tables import OWED, WAITING, files
from schemas.errors import LeaseLostError
from schemas.file import LEASED, TRANSITIONS, Event, File, Status

_HELD = {fallback: held for held, fallback in LEASED.items()}
_WORDS = {Status.DISCOVERED: WAITING, Status.LOADED: OWED}
"""The words by which a partial index of files in that status is found."""


class Leases:
    """Files in hand. A lease's token is its owner and its attempt: one process may hold, lose and
    hold a file again, and its first holding must not write over the second."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def due(self, status: Status, limit: int) -> Sequence[str]:
        statuses = [status, _HELD[status]] if status in _HELD else [status]
        query = (
            select(files.c.file_id)
            .where(files.c.status.in_(statuses), OWED, _due(status, self._database.now()))
            .order_by(files.c.discovered_at, files.c.sent_at, files.c.file_id)
            .limit(limit)
        )
        with self._database.read() as connection:
            return list(connection.scalars(query))

    def claim(self, file_id: str, status: Status, owner: str, seconds: float) -> File | None:
        if status not in _HELD:
            raise ValueError(f"a file is claimed under {' or '.join(_HELD)}, not {status}")
        now = self._database.now()
        statement = (
            update(files)
            .where(files.c.file_id == file_id, _due(status, now))
            .values(**_taken(status, owner, now, seconds))
            .returning(*files.c)
        )
        with self._database.write() as connection:
            row = connection.execute(statement).mappings().first()
        return file_of(row) if row is not None else None

    def claim_many(
        self,
        feed: str,
        status: Status,
        owner: str,
        seconds: float,
        *,
        max_files: int,
        max_bytes: int | None = None,
        file_bytes: int | None = None,
    ) -> Sequence[File]:
        now = self._database.now()
        fresh = [files.c.feed == feed, files.c.status == status, files.c.owner.is_(None)]
        fresh += [files.c.tries == 0, or_(files.c.retry_at.is_(None), files.c.retry_at <= now)]
        if file_bytes is not None:
            fresh.append(files.c.item_size <= file_bytes)
        query = (
            select(files.c.file_id, files.c.item_size)
            .where(*fresh, _WORDS[status])
            .order_by(files.c.discovered_at, files.c.sent_at, files.c.key, files.c.file_id)
            .limit(max_files)
            # Another worker's bundle is being claimed: these go with the next.
            .with_for_update(skip_locked=True)
        )
        with self._database.write() as connection:
            chosen, size = list[str](), 0
            for file_id, item_size in connection.execute(query):
                size += item_size or 0
                if chosen and max_bytes is not None and size > max_bytes:
                    break
                chosen.append(file_id)
            statement = (
                update(files)
                .where(files.c.file_id.in_(chosen))
                .values(**_taken(status, owner, now, seconds))
                .returning(*files.c)
            )
            rows = connection.execute(statement).mappings().all() if chosen else []
        claimed = {row["file_id"]: file_of(row) for row in rows}
        return [claimed[file_id] for file_id in chosen]

    def renew_many(self, held: Sequence[File], seconds: float) -> None:
        until = self._database.now() + timedelta(seconds=seconds)
        renewed = 0
        with self._database.write() as connection:
            for owner in {file.owner for file in held}:
                ids = [file.file_id for file in held if file.owner == owner]
                same = and_(files.c.file_id.in_(ids), files.c.owner == owner)
                statement = update(files).where(same).values(lease_until=until)
                renewed += connection.execute(statement).rowcount
        if not renewed:
            raise LeaseLostError

    def renew(self, file: File, seconds: float) -> None:
        until = self._database.now() + timedelta(seconds=seconds)
        statement = update(files).where(_held_by(file)).values(lease_until=until)
        with self._database.write() as connection:
            if not connection.execute(statement).rowcount:
                raise LeaseLostError

    def advance(self, file: File, event: Event) -> File:
        with self._database.write() as connection:
            return advanced(connection, file, event, self._database.now())

    def advance_many(self, steps: Sequence[tuple[File, Event]]) -> Sequence[str]:
        """One statement for all files, and one for all events."""
        now = self._database.now()
        wanted = {file.file_id: file for file, _ in steps}
        query = (
            select(files.c.file_id, files.c.owner, files.c.attempt, files.c.status)
            .where(files.c.file_id.in_(wanted))
            .order_by(files.c.file_id)
            .with_for_update()
        )
        with self._database.write() as connection:
            held = {
                row.file_id: Status(row.status)
                for row in connection.execute(query)
                if (row.owner, row.attempt)
                == (wanted[row.file_id].owner, wanted[row.file_id].attempt)
                and row.owner is not None
            }
            kept = [(_ended(file, now), event) for file, event in steps if file.file_id in held]
            for file, _ in kept:
                _check_transition(file, held[file.file_id])
            if kept:
                connection.execute(_ADVANCE_ONE, [_bound(file) for file, _ in kept])
                write_events(connection, [event for _, event in kept])
                count_ended(connection, [file for file, _ in kept if file.status is Status.DONE])
        return [file_id for file_id in wanted if file_id not in held]

    def release(
        self, file: File, retry_at: datetime | None, event: Event, *, is_try: bool = True
    ) -> None:
        tries = files.c.tries if is_try else files.c.tries - 1
        with self._database.write() as connection:
            for held, fallback in LEASED.items():
                given = connection.execute(
                    update(files)
                    .where(_held_by(file), files.c.status == held)
                    .values(
                        status=fallback,
                        owner=None,
                        lease_until=None,
                        retry_at=retry_at,
                        tries=tries,
                    )
                ).rowcount
                if given:
                    write_events(connection, [event])
                    return
            raise LeaseLostError


def advanced(connection: Connection, file: File, event: Event, now: datetime) -> File:
    """Advance a held file in the caller's transaction."""
    file = _ended(file, now)
    was = connection.scalar(select(files.c.status).where(_held_by(file)).with_for_update())
    if was is None:
        raise LeaseLostError
    _check_transition(file, Status(was))
    facts = facts_of(file)
    statement = (
        update(files)
        .where(_held_by(file))
        .values(status=file.status, owner=None, lease_until=None, tries=0, **facts)
        .returning(*files.c)
    )
    row = connection.execute(statement).mappings().one()
    write_events(connection, [event])
    there = file_of(row)
    if there.status is Status.DONE:
        count_ended(connection, [there])
    return there


def _taken(status: Status, owner: str, now: datetime, seconds: float) -> dict[str, Any]:
    """What a claim writes."""
    return {
        "status": _HELD[status],
        "owner": owner,
        "lease_until": now + timedelta(seconds=seconds),
        "retry_at": None,
        "attempt": files.c.attempt + 1,
        "tries": files.c.tries + 1,
    }


def _ended(file: File, now: datetime) -> File:
    return replace(file, done_at=now) if file.status is Status.DONE and not file.done_at else file


def _check_transition(file: File, was: Status) -> None:
    if file.status in LEASED or file.status not in TRANSITIONS[was]:
        raise ValueError(f"{file.item.name} cannot advance from {was} to {file.status}")


def _bound(file: File) -> dict[str, Any]:
    """The values of `_ADVANCE_ONE` for a file, whose names are no column's."""
    facts = {**facts_of(file), "status": file.status, "file_id": file.file_id}
    return {f"new_{name}": value for name, value in facts.items()}


_ADVANCE_ONE = (
    update(files)
    .where(files.c.file_id == bindparam("new_file_id"))
    .values(
        owner=None,
        lease_until=None,
        tries=0,
        **{name: bindparam(f"new_{name}") for name in ("status", *FACTS)},
    )
)


def _due(status: Status, now: datetime) -> ColumnElement[bool]:
    """Nobody holds the file and its pause is over, or its holder's lease has run out."""
    free = and_(
        files.c.status == status,
        files.c.owner.is_(None),
        or_(files.c.retry_at.is_(None), files.c.retry_at <= now),
    )
    if status not in _HELD:
        return free
    return or_(free, and_(files.c.status == _HELD[status], files.c.lease_until <= now))


def _held_by(file: File) -> ColumnElement[bool]:
    """The lease that `file` was claimed under is still the one in the ledger."""
    return and_(
        files.c.file_id == file.file_id,
        files.c.owner == file.owner,
        files.c.owner.is_not(None),
        files.c.attempt == file.attempt,
    )
