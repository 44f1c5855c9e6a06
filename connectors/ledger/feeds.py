"""Feeds: cursors, stops, and which of them have something to load."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select, union, update

from connectors.ledger.database import Database, insert_into
from connectors.ledger.tables import OPEN, PREPARED, batches, feeds, files
from connectors.protocols import FeedState


class Feeds:
    """What the ledger knows of each feed as a whole."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def feed_state(self, feed: str) -> FeedState:
        """The feed's cursor and whether it is stopped."""
        query = select(feeds.c.cursor, feeds.c.stopped_at, feeds.c.reason)
        with self._database.read() as connection:
            row = connection.execute(query.where(feeds.c.feed == feed)).first()
        if row is None:
            return FeedState(feed=feed)
        return FeedState(feed=feed, cursor=row[0], stopped_at=row[1], reason=row[2])

    def stop_feed(self, feed: str, reason: str) -> bool:
        """Stop a feed; True if it was running. The first reason stays."""
        with self._database.write() as connection:
            ensure_feed(connection, feed)
            return bool(
                connection.execute(
                    update(feeds)
                    .where(feeds.c.feed == feed, feeds.c.stopped_at.is_(None))
                    .values(stopped_at=self._database.now(), reason=reason)
                ).rowcount
            )

    def resume_feed(self, feed: str) -> bool:
        """Let a stopped feed run again; True if it was stopped."""
        with self._database.write() as connection:
            return bool(
                connection.execute(
                    update(feeds)
                    .where(feeds.c.feed == feed, feeds.c.stopped_at.is_not(None))
                    .values(stopped_at=None, reason=None)
                ).rowcount
            )

    def note_match(self, feed: str, match: str) -> str | None:
        """Keep by which glob the feed looks; the one before, if it was another."""
        query = select(feeds.c.matched).where(feeds.c.feed == feed)
        with self._database.read() as connection:
            before: str | None = connection.scalar(query)
        if before == match:
            return None
        with self._database.write() as connection:
            ensure_feed(connection, feed)
            connection.execute(update(feeds).where(feeds.c.feed == feed).values(matched=match))
        return before

    def request_load(self, feed: str) -> bool:
        """Note that the feed has prepared files; True if nobody had noted it yet."""
        with self._database.write() as connection:
            ensure_feed(connection, feed)
            return bool(
                connection.execute(
                    update(feeds)
                    .where(feeds.c.feed == feed, feeds.c.load_requested_at.is_(None))
                    .values(load_requested_at=self._database.now())
                ).rowcount
            )

    def feeds_to_load(self) -> Sequence[str]:
        """Feeds that have prepared files or an open batch, by name."""
        query = union(select(files.c.feed).where(PREPARED), select(batches.c.feed).where(OPEN))
        with self._database.read() as connection:
            return sorted(connection.scalars(query))


def clear_request(connection: Connection, feed: str) -> None:
    """Forget the load request; until the transaction ends, no other gets past this call."""
    statement = insert_into(connection, feeds).values(feed=feed)
    connection.execute(
        statement.on_conflict_do_update(index_elements=["feed"], set_={"load_requested_at": None})
    )


def ensure_feed(connection: Connection, feed: str) -> None:
    """Make sure that the feed has a row."""
    connection.execute(insert_into(connection, feeds).values(feed=feed).on_conflict_do_nothing())
