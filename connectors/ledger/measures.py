"""Measures: what is on its way, and how long its steps take of late."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select

from connectors.ledger.database import Database
from connectors.ledger.tables import OWED, daily_counts, events, files
from schemas.daily_count import DailyCount
from schemas.file import Status
from schemas.measure import FilesOnTheWay, StepTime

_OWED = [each for each in Status if each is not Status.DONE]


class Measures:
    """The measures of the ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def on_the_way(self) -> Sequence[FilesOnTheWay]:
        query = (
            select(
                files.c.feed,
                files.c.status,
                func.count().label("files"),
                func.min(files.c.discovered_at, type_=files.c.discovered_at.type).label("oldest"),
            )
            # The statuses as well, or SQLite would walk through all files in the order of feeds.
            .where(OWED, files.c.status.in_(_OWED))
            .group_by(files.c.feed, files.c.status)
            .order_by(files.c.feed, files.c.status)
        )
        with self._database.read() as connection:
            return [FilesOnTheWay(**row) for row in connection.execute(query).mappings()]

    def step_times(self, since: datetime) -> Sequence[StepTime]:
        query = (
            select(
                events.c.step,
                events.c.outcome,
                func.count().label("count"),
                func.sum(events.c.seconds).label("seconds"),
            )
            .where(events.c.at >= since, events.c.seconds.is_not(None))
            .group_by(events.c.step, events.c.outcome)
            .order_by(events.c.step, events.c.outcome)
        )
        with self._database.read() as connection:
            return [StepTime(**row) for row in connection.execute(query).mappings()]

    def ended(self, day: str) -> Sequence[DailyCount]:
        query = select(daily_counts).where(daily_counts.c.day == day)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(daily_counts.c.feed)).mappings()
            return [DailyCount(**row) for row in rows]
