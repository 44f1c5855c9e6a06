"""Arrivals: since when each feed is watched, and what was last loaded of it."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import func, select, update

from connectors.ledger.database import Database, insert_into
from connectors.ledger.tables import IN_FORCE, batches, feeds, files
from schemas.batch import BatchKind, BatchStatus
from schemas.sla import Arrived

_NEWEST = 1000


class Arrivals:
    """When feeds were last fed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def watch(self, names: Collection[str]) -> None:
        """Begin to watch feeds that are not watched yet."""
        watched = select(feeds.c.feed).where(feeds.c.watched_since.is_not(None))
        with self._database.read() as connection:
            new = sorted(set(names) - set(connection.scalars(watched)))
        if not new:
            return
        now = self._database.now()
        with self._database.write() as connection:
            for feed in new:
                connection.execute(
                    insert_into(connection, feeds).values(feed=feed).on_conflict_do_nothing()
                )
                connection.execute(
                    update(feeds)
                    .where(feeds.c.feed == feed, feeds.c.watched_since.is_(None))
                    .values(watched_since=now)
                )

    def arrived(self, feed: str) -> Arrived:
        """What has come of the feed and is in its table.

        A file that claims to be from the future does not count until then. The latest partition
        is that of the newest thousand files.
        """
        of_feed = (files.c.feed == feed, IN_FORCE, files.c.sent_at <= self._database.now())
        newest = select(files.c.partitions).where(*of_feed)
        loads = select(func.max(batches.c.finished_at)).where(
            batches.c.feed == feed,
            batches.c.finished_at.is_not(None),
            batches.c.status == BatchStatus.COMMITTED,
            batches.c.kind == BatchKind.LOAD,
        )
        since = select(feeds.c.watched_since).where(feeds.c.feed == feed)
        with self._database.read() as connection:
            partitions = connection.scalars(
                newest.order_by(files.c.sent_at.desc()).limit(_NEWEST)
            ).all()
            return Arrived(
                since=connection.scalar(since),
                last_load=connection.scalar(loads),
                last_sent=connection.scalar(select(func.max(files.c.sent_at)).where(*of_feed)),
                latest_partition=_latest({each for some in partitions for each in some}),
            )


def _latest(partitions: set[str]) -> str | None:
    """The latest of partitions' starts, which are dates, times or whole numbers."""
    starts = partitions - {"null"}
    return max(starts, key=lambda start: (_number(start), start), default=None)


def _number(start: str) -> int:
    return int(start) if start.removeprefix("-").isdecimal() else 0
