"""Digests: replies that wait to be mailed together, one mail a sender."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from sqlalchemy import select, update

from connectors.ledger.database import Database
from connectors.ledger.replies import reply_of
from connectors.ledger.tables import DIGESTED, replies
from schemas.reply import Reply, ReplyState


class Digests:
    """The digests of feeds."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def due(self, feed: str) -> Sequence[str]:
        query = select(replies.c.recipient).where(DIGESTED, replies.c.feed == feed).distinct()
        with self._database.read() as connection:
            return sorted(connection.scalars(query))

    def open(self, feed: str, to: str, most: int) -> Sequence[Reply]:
        waiting = (
            select(replies)
            .where(DIGESTED, replies.c.feed == feed, replies.c.recipient == to)
            .order_by(replies.c.planned_at, replies.c.reply_id)
        )
        begun = waiting.where(replies.c.state == ReplyState.PLANNED)
        with self._database.write() as connection:
            found = connection.execute(begun).mappings().all()
            if not found:
                ids = [
                    row["reply_id"]
                    for row in connection.execute(waiting.limit(most).with_for_update()).mappings()
                ]
                named = hashlib.sha256(".".join(ids).encode()).hexdigest()[:24]
                connection.execute(
                    update(replies)
                    .where(replies.c.reply_id.in_(ids))
                    .values(state=ReplyState.PLANNED, message_id=f"<digest.{named}@waybill>")
                )
                found = connection.execute(begun).mappings().all()
            return [reply_of(row) for row in found]

    def feeds(self) -> Mapping[str, bool]:
        query = select(replies.c.feed, replies.c.state).where(DIGESTED).distinct()
        found: dict[str, bool] = {}
        with self._database.read() as connection:
            for feed, state in connection.execute(query):
                found[feed] = found.get(feed, False) or state == ReplyState.PLANNED
        return found
