"""Feeds: cursors, stops, which of them have something to load, and what has come of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Connection, func, select, union, update

from connectors.ledger.database import Database, insert_into
from connectors.ledger.tables import IN_FORCE, OPEN, PREPARED, batches, feeds, files
from connectors.protocols import FeedState
from schemas.batch import BatchKind, BatchStatus
from schemas.sla import Arrived

_NEWEST = 1000


class Feeds:
    """What the ledger knows of each feed as a whole."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def state(self, feed: str) -> FeedState:
        query = select(feeds.c.cursor, feeds.c.stopped_at, feeds.c.reason, feeds.c.listed_at)
        with self._database.read() as connection:
            row = connection.execute(query.where(feeds.c.feed == feed)).first()
        if row is None:
            return FeedState(feed=feed)
        return FeedState(
            feed=feed, cursor=row[0], stopped_at=row[1], reason=row[2], listed_at=row[3]
        )

    def stop(self, feed: str, reason: str) -> bool:
        with self._database.write() as connection:
            ensure_feed(connection, feed)
            return bool(
                connection.execute(
                    update(feeds)
                    .where(feeds.c.feed == feed, feeds.c.stopped_at.is_(None))
                    .values(stopped_at=self._database.now(), reason=reason)
                ).rowcount
            )

    def resume(self, feed: str) -> bool:
        with self._database.write() as connection:
            return bool(
                connection.execute(
                    update(feeds)
                    .where(feeds.c.feed == feed, feeds.c.stopped_at.is_not(None))
                    .values(stopped_at=None, reason=None)
                ).rowcount
            )

    def note_match(self, feed: str, match: str) -> str | None:
        query = select(feeds.c.matched).where(feeds.c.feed == feed)
        with self._database.read() as connection:
            before: str | None = connection.scalar(query)
        if before == match:
            return None
        with self._database.write() as connection:
            ensure_feed(connection, feed)
            connection.execute(update(feeds).where(feeds.c.feed == feed).values(matched=match))
        return before

    def note_listed(self, feed: str, at: datetime | None) -> None:
        with self._database.write() as connection:
            ensure_feed(connection, feed)
            connection.execute(update(feeds).where(feeds.c.feed == feed).values(listed_at=at))

    def request_load(self, feed: str) -> bool:
        with self._database.write() as connection:
            ensure_feed(connection, feed)
            return bool(
                connection.execute(
                    update(feeds)
                    .where(feeds.c.feed == feed, feeds.c.load_requested_at.is_(None))
                    .values(load_requested_at=self._database.now())
                ).rowcount
            )

    def to_load(self) -> Sequence[str]:
        query = union(select(files.c.feed).where(PREPARED), select(batches.c.feed).where(OPEN))
        with self._database.read() as connection:
            return sorted(connection.scalars(query))

    def watch(self, names: Collection[str]) -> None:
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


def clear_request(connection: Connection, feed: str) -> None:
    """Forget the load request; until the transaction ends, no other gets past this call."""
    statement = insert_into(connection, feeds).values(feed=feed)
    connection.execute(
        statement.on_conflict_do_update(index_elements=["feed"], set_={"load_requested_at": None})
    )


def ensure_feed(connection: Connection, feed: str) -> None:
    """Make sure that the feed has a row."""
    connection.execute(insert_into(connection, feeds).values(feed=feed).on_conflict_do_nothing())


def _latest(partitions: set[str]) -> str | None:
    """The latest of partitions' starts, which are dates, times or whole numbers."""
    starts = partitions - {"null"}
    return max(starts, key=lambda start: (_number(start), start), default=None)


def _number(start: str) -> int:
    return int(start) if start.removeprefix("-").isdecimal() else 0
