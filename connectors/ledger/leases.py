"""Leases: who works on a file, and for how long they may."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, and_, or_, select, update

from connectors.ledger.daily_counts import count_ended
from connectors.ledger.database import Database
from connectors.ledger.records import facts_of, file_of, write_events
from connectors.ledger.tables import OWED, files
from schemas.errors import LeaseLostError
from schemas.file import LEASED, TRANSITIONS, Event, File, Status

_HELD = {fallback: held for held, fallback in LEASED.items()}


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
            .values(
                status=_HELD[status],
                owner=owner,
                lease_until=now + timedelta(seconds=seconds),
                retry_at=None,
                attempt=files.c.attempt + 1,
                tries=files.c.tries + 1,
            )
            .returning(*files.c)
        )
        with self._database.write() as connection:
            row = connection.execute(statement).mappings().first()
        return file_of(row) if row is not None else None

    def renew(self, file: File, seconds: float) -> None:
        until = self._database.now() + timedelta(seconds=seconds)
        statement = update(files).where(_held_by(file)).values(lease_until=until)
        with self._database.write() as connection:
            if not connection.execute(statement).rowcount:
                raise LeaseLostError

    def advance(self, file: File, event: Event) -> File:
        with self._database.write() as connection:
            return advanced(connection, file, event, self._database.now())

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
    if file.status is Status.DONE and file.done_at is None:
        file = replace(file, done_at=now)
    was = connection.scalar(select(files.c.status).where(_held_by(file)).with_for_update())
    if was is None:
        raise LeaseLostError
    if file.status in LEASED or file.status not in TRANSITIONS[Status(was)]:
        raise ValueError(f"{file.item.name} cannot advance from {was} to {file.status}")
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
        count_ended(connection, there)
    return there


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
