"""Timelines: what happened to each file, and when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, func, select

from connectors.ledger.database import Database
from connectors.ledger.records import event_of
from connectors.ledger.tables import events as events_table
from connectors.ledger.tables import files as files_table
from schemas.file import Event, Status


class Timelines:
    """The events of the ledger's files."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, file_id: str) -> Sequence[Event]:
        query = (
            select(events_table)
            .where(events_table.c.file_id == file_id)
            .order_by(events_table.c.event_id)
        )
        with self._database.read() as connection:
            return [event_of(row) for row in connection.execute(query).mappings()]

    def since(self, at: datetime) -> Sequence[str]:
        query = (
            select(events_table.c.file_id, func.min(events_table.c.event_id))
            .where(events_table.c.at >= at)
            .group_by(events_table.c.file_id)
            .order_by(func.min(events_table.c.event_id))
        )
        with self._database.read() as connection:
            return [file_id for file_id, _ in connection.execute(query)]

    def prune(self, before: datetime, most: int = 10_000, *, dry_run: bool = False) -> int:
        done = select(files_table.c.file_id).where(
            files_table.c.file_id == events_table.c.file_id,
            files_table.c.status == Status.DONE,
            files_table.c.done_at < before,
        )
        # A file's events are not later than its end, so the old events are enough to look at.
        old = select(events_table.c.event_id).where(events_table.c.at < before, done.exists())
        if dry_run:
            with self._database.read() as connection:
                return connection.scalars(select(func.count()).select_from(old.subquery())).one()
        some = old.order_by(events_table.c.at).limit(most)
        with self._database.write() as connection:
            gone = delete(events_table).where(events_table.c.event_id.in_(some))
            return connection.execute(gone).rowcount
