"""Webhooks: to which addresses receipts are posted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, delete, or_, select, update

from connectors.ledger.database import Database, insert_into
from connectors.ledger.tables import UNPOSTED, posts
from connectors.ledger.tables import webhooks as table
from schemas.webhook import PostState, Webhook, WebhookScope


class Webhooks:
    """The webhooks of the ledger, at most one for a feed or a sender."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, webhook: Webhook) -> Webhook:
        mine = (table.c.scope == webhook.scope, table.c.subject == webhook.subject)
        with self._database.write() as connection:
            connection.execute(
                insert_into(connection, table).values(**_row_of(webhook)).on_conflict_do_nothing()
            )
            changed = {"url": webhook.url, "disabled_at": None, "disabled_why": None}
            statement = update(table).where(*mine).values(**changed).returning(*table.c)
            return _webhook_of(connection.execute(statement).mappings().one())

    def all(self) -> Sequence[Webhook]:
        query = select(table).order_by(table.c.scope, table.c.subject)
        with self._database.read() as connection:
            return [_webhook_of(row) for row in connection.execute(query).mappings()]

    def get(self, webhook_id: str) -> Webhook:
        query = select(table).where(table.c.webhook_id == webhook_id)
        with self._database.read() as connection:
            row = connection.execute(query).mappings().first()
        if row is None:
            raise KeyError(webhook_id)
        return _webhook_of(row)

    def told_of(self, feed: str, sender: str | None) -> Sequence[Webhook]:
        of_feed = (table.c.scope == WebhookScope.FEED) & (table.c.subject == feed)
        of_sender = (table.c.scope == WebhookScope.SENDER) & (table.c.subject == (sender or ""))
        query = select(table).where(or_(of_feed, of_sender), table.c.disabled_at.is_(None))
        with self._database.read() as connection:
            return [_webhook_of(row) for row in connection.execute(query).mappings()]

    def rotate(self, webhook_id: str, previous_until: datetime) -> Webhook:
        values = {"version": table.c.version + 1, "previous_until": previous_until}
        return self._changed(webhook_id, values)

    def disable(self, webhook_id: str, why: str, url: str) -> bool:
        now = self._database.now()
        with self._database.write() as connection:
            mine = update(table).where(table.c.webhook_id == webhook_id, table.c.url == url)
            if not connection.execute(mine.values(disabled_at=now, disabled_why=why)).rowcount:
                return False
            _give_up(connection, webhook_id, now, why)
        return True

    def remove(self, webhook_id: str) -> Webhook:
        now = self._database.now()
        with self._database.write() as connection:
            statement = delete(table).where(table.c.webhook_id == webhook_id).returning(*table.c)
            row = connection.execute(statement).mappings().first()
            if row is None:
                raise KeyError(webhook_id)
            _give_up(connection, webhook_id, now, "the webhook was removed")
        return _webhook_of(row)

    def _changed(self, webhook_id: str, values: dict[str, Any]) -> Webhook:
        statement = update(table).where(table.c.webhook_id == webhook_id).values(**values)
        with self._database.write() as connection:
            row = connection.execute(statement.returning(*table.c)).mappings().first()
        if row is None:
            raise KeyError(webhook_id)
        return _webhook_of(row)


def _give_up(connection: Any, webhook_id: str, now: datetime, why: str) -> None:
    """Nothing that waits is posted to that address any more."""
    waiting = update(posts).where(UNPOSTED, posts.c.webhook_id == webhook_id)
    connection.execute(waiting.values(state=PostState.GIVEN_UP, closed_at=now, note=why))


def _row_of(webhook: Webhook) -> dict[str, Any]:
    return {name: getattr(webhook, name) for name in webhook.__slots__}


def _webhook_of(row: RowMapping) -> Webhook:
    return Webhook(**{**row, "scope": WebhookScope(row["scope"])})
