"""Posts: receipts on their way to webhooks, written down before they are sent and after."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import RowMapping, func, select, update

from connectors.ledger.database import Database, insert_into
from connectors.ledger.held_rows import take, write_held
from connectors.ledger.replies import receipt_from, receipt_row
from connectors.ledger.tables import UNPOSTED
from connectors.ledger.tables import posts as table
from schemas.webhook import PostState, WebhookPost


class Posts:
    """The outbox of webhooks."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def plan(self, posts: Sequence[WebhookPost]) -> None:
        if not posts:
            return
        with self._database.write() as connection:
            statement = insert_into(connection, table).on_conflict_do_nothing()
            connection.execute(statement, [_row_of(each) for each in posts])

    def feeds(self) -> Sequence[str]:
        now = self._database.now()
        query = select(table.c.feed).where(UNPOSTED, table.c.next_at <= now).distinct()
        with self._database.read() as connection:
            return sorted(connection.scalars(query))

    def claim(self, feed: str, owner: str, seconds: float) -> WebhookPost | None:
        now = self._database.now()
        due = select(table.c.post_id).where(UNPOSTED, table.c.feed == feed, table.c.next_at <= now)
        first = due.order_by(table.c.next_at, table.c.post_id).limit(1)
        with self._database.write() as connection:
            post_id = connection.scalar(first.with_for_update(skip_locked=True))
            if post_id is None:
                return None
            mine = table.c.post_id == post_id
            return _post_of(take(connection, table, owner, now + timedelta(seconds=seconds), mine))

    def close(self, post: WebhookPost, state: PostState, note: str) -> None:
        now = self._database.now()
        self._update(post, state=state, note=note, closed_at=now, owner=None)

    def again(self, post: WebhookPost, at: datetime, note: str) -> None:
        self._update(post, next_at=at, note=note, owner=None)

    def delay(self, webhook_id: str, at: datetime) -> None:
        waiting = (UNPOSTED, table.c.webhook_id == webhook_id, table.c.owner.is_(None))
        with self._database.write() as connection:
            early = update(table).where(*waiting, table.c.next_at < at)
            connection.execute(early.values(next_at=at))

    def of(self, file_id: str) -> Sequence[WebhookPost]:
        query = select(table).where(table.c.file_id == file_id)
        return self._found(query.order_by(table.c.planned_at, table.c.post_id))

    def last_closed(self, webhook_id: str, since: datetime) -> WebhookPost | None:
        ours = (table.c.webhook_id == webhook_id, table.c.planned_at >= since)
        query = select(table).where(*ours, table.c.closed_at.is_not(None))
        found = self._found(query.order_by(table.c.closed_at.desc(), table.c.post_id).limit(1))
        return found[0] if found else None

    def waiting(self, webhook_id: str) -> int:
        ours = (UNPOSTED, table.c.webhook_id == webhook_id)
        with self._database.read() as connection:
            return connection.scalars(select(func.count()).select_from(table).where(*ours)).one()

    def _found(self, query: Any) -> list[WebhookPost]:
        with self._database.read() as connection:
            return [_post_of(row) for row in connection.execute(query).mappings()]

    def _update(self, post: WebhookPost, **values: Any) -> None:
        mine = (table.c.post_id == post.post_id, UNPOSTED)
        with self._database.write() as connection:
            write_held(connection, table, post.owner, values, *mine)


def _row_of(post: WebhookPost) -> dict[str, Any]:
    return {
        "post_id": post.post_id,
        "webhook_id": post.webhook_id,
        "file_id": post.file_id,
        "feed": post.feed,
        "receipt": receipt_row(post.receipt),
        "state": post.state,
        "planned_at": post.planned_at,
        "next_at": post.planned_at,
    }


def _post_of(row: RowMapping) -> WebhookPost:
    facts = {**row, "receipt": receipt_from(row["receipt"]), "state": PostState(row["state"])}
    return WebhookPost(**facts)
