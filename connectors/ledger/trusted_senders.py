"""Trusted senders: addresses that somebody trusts for a feed, until they do no more."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import ColumnElement, and_, delete, or_, select

from connectors.ledger.database import Database, insert_into
from connectors.ledger.sender_counts import place_of
from connectors.ledger.tables import trusted_senders as table
from schemas.trust import TrustedSender


class TrustedSenders:
    """The trusted senders of the ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, trusted: TrustedSender) -> bool:
        facts = {name: getattr(trusted, name) for name in trusted.__slots__}
        with self._database.write() as connection:
            added = insert_into(connection, table).values(**facts).on_conflict_do_nothing()
            return connection.scalar(added.returning(table.c.sender)) is not None

    def remove(self, feed: str, sender: str) -> TrustedSender | None:
        same = (table.c.sender == sender, table.c.feed == feed)
        with self._database.write() as connection:
            row = connection.execute(select(table).where(*same)).mappings().first()
            gone = connection.execute(delete(table).where(*same)).rowcount
            return TrustedSender(**row) if row is not None and gone else None

    def has(self, feed: str, sender: str) -> bool:
        query = select(table.c.sender).where(table.c.sender == sender, table.c.feed == feed)
        with self._database.read() as connection:
            return connection.scalar(query) is not None

    def of(self, sender: str) -> Sequence[TrustedSender]:
        query = select(table).where(table.c.sender == sender).order_by(table.c.feed)
        with self._database.read() as connection:
            return [TrustedSender(**row) for row in connection.execute(query).mappings()]

    def page(
        self,
        contains: str | None,
        feeds: Collection[str] | None,
        after: tuple[str, str] | None,
        limit: int,
    ) -> Sequence[TrustedSender]:
        wanted: list[ColumnElement[bool]] = []
        if feeds is not None:
            wanted.append(table.c.feed.in_(sorted(feeds)))
        if contains:
            wanted.append(place_of(self._database, table.c.sender, contains) > 0)
        if after is not None:
            sender, feed = after
            later = and_(table.c.sender == sender, table.c.feed > feed)
            wanted.append(or_(table.c.sender > sender, later))
        query = select(table).where(*wanted).order_by(table.c.sender, table.c.feed).limit(limit)
        with self._database.read() as connection:
            return [TrustedSender(**row) for row in connection.execute(query).mappings()]
