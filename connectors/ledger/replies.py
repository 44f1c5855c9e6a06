"""Replies: what senders are told by mail, written down before it is sent and after."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import RowMapping, Select, delete, func, select, update

from connectors.ledger.database import Database, insert_into
from connectors.ledger.tables import DIGESTED, replies, sent_files
from schemas.receipt import Receipt
from schemas.reply import Reply, ReplyState, root_of

if TYPE_CHECKING:
    from pydantic import TypeAdapter


class Replies:
    """The mails to senders."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def plan_reply(self, reply: Reply) -> Reply:
        """Write down a reply before it is sent; the one of that id if there is one already."""
        query = select(replies).where(replies.c.reply_id == reply.reply_id)
        with self._database.write() as connection:
            statement = insert_into(connection, replies).values(**_row_of(reply))
            connection.execute(statement.on_conflict_do_nothing())
            return _reply_of(connection.execute(query).mappings().one())

    def close_reply(self, message_id: str, state: ReplyState, note: str | None = None) -> None:
        """Write down what became of all replies that went with a mail."""
        now = self._database.now()
        with self._database.write() as connection:
            connection.execute(
                update(replies)
                .where(replies.c.message_id == message_id, replies.c.state == ReplyState.PLANNED)
                .values(state=state, note=note, closed_at=now)
            )

    def replies(self, file_id: str) -> Sequence[Reply]:
        """The replies about a file, oldest first."""
        query = select(replies).where(replies.c.file_id == file_id)
        return self._found(query.order_by(replies.c.planned_at, replies.c.reply_id))

    def earlier_reply(
        self, feed: str, to: str, name: str, message_ids: Collection[str], but: str
    ) -> Reply | None:
        """The latest reply to that address that went in one of those mails, else the latest one
        about a file of that name; `but` not one about that file."""
        to_them = select(replies).where(
            replies.c.feed == feed, replies.c.recipient == to, replies.c.file_id != but
        )
        newest = to_them.order_by(replies.c.planned_at.desc(), replies.c.reply_id).limit(1)
        same_name = newest.where(replies.c.root == root_of(name))
        same_mail = newest.where(replies.c.message_id.in_(message_ids))
        for query in (same_mail.where(replies.c.root == root_of(name)), same_mail, same_name):
            if found := self._found(query):
                return found[0]
        return None

    def digest_due(self, feed: str) -> Sequence[str]:
        """The addresses for which a digest of the feed waits."""
        query = select(replies.c.recipient).where(DIGESTED, replies.c.feed == feed).distinct()
        with self._database.read() as connection:
            return sorted(connection.scalars(query))

    def open_digest(self, feed: str, to: str, most: int) -> Sequence[Reply]:
        """The replies of the digest that is to be sent now: one that was begun and not sent, else
        a new one of at most that many that wait, under a Message-ID of its own."""
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
            return [_reply_of(row) for row in found]

    def digest_feeds(self) -> Mapping[str, bool]:
        """Feeds for which digests wait, each with whether one was begun and not sent."""
        query = select(replies.c.feed, replies.c.state).where(DIGESTED).distinct()
        found: dict[str, bool] = {}
        with self._database.read() as connection:
            for feed, state in connection.execute(query):
                found[feed] = found.get(feed, False) or state == ReplyState.PLANNED
        return found

    def thread_of(self, message_ids: Collection[str]) -> str | None:
        """The thread of a reply that went in one of those mails."""
        query = select(replies.c.thread).where(replies.c.message_id.in_(message_ids))
        with self._database.read() as connection:
            return connection.scalar(query.where(replies.c.thread.is_not(None)).limit(1))

    def replied_since(self, to: str, thread: str | None, since: datetime) -> tuple[int, int]:
        """How many replies were planned since then in the thread, and to the address."""
        count = select(func.count()).select_from(replies).where(replies.c.planned_at >= since)
        with self._database.read() as connection:
            in_thread = connection.scalars(count.where(replies.c.thread == thread)).one()
            return in_thread, connection.scalars(count.where(replies.c.recipient == to)).one()

    def note_sent(self, sha256: Collection[str], message_id: str) -> None:
        """Keep what was attached to a mail of ours, by its bytes."""
        now = self._database.now()
        rows = [{"sha256": each, "message_id": message_id, "sent_at": now} for each in sha256]
        if rows:
            with self._database.write() as connection:
                statement = insert_into(connection, sent_files).on_conflict_do_nothing()
                connection.execute(statement, rows)

    def was_sent(self, sha256: str) -> bool:
        """Whether those bytes were attached to a mail of ours."""
        query = select(sent_files.c.sha256).where(sent_files.c.sha256 == sha256)
        with self._database.read() as connection:
            return connection.scalar(query) is not None

    def forget_sent(self, before: datetime) -> int:
        """Forget what was sent before that time; how many files."""
        with self._database.write() as connection:
            old = delete(sent_files).where(sent_files.c.sent_at < before)
            return connection.execute(old).rowcount

    def _found(self, query: Select[Any]) -> list[Reply]:
        with self._database.read() as connection:
            return [_reply_of(row) for row in connection.execute(query).mappings()]


def _row_of(reply: Reply) -> dict[str, Any]:
    receipt = json.loads(json.dumps(asdict(reply.receipt), default=_plain))
    return {
        "reply_id": reply.reply_id,
        "message_id": reply.message_id,
        "file_id": reply.file_id,
        "feed": reply.feed,
        "recipient": reply.to,
        "name": reply.name,
        "root": root_of(reply.name),
        "receipt": receipt,
        "state": reply.state,
        "is_digest": reply.is_digest,
        "planned_at": reply.planned_at,
        "thread": reply.thread,
    }


def _reply_of(row: RowMapping) -> Reply:
    return Reply(
        reply_id=row["reply_id"],
        message_id=row["message_id"],
        file_id=row["file_id"],
        feed=row["feed"],
        to=row["recipient"],
        name=row["name"],
        receipt=_receipts().validate_python(row["receipt"]),
        state=ReplyState(row["state"]),
        is_digest=row["is_digest"],
        planned_at=row["planned_at"],
        closed_at=row["closed_at"],
        note=row["note"],
        thread=row["thread"],
    )


@cache
def _receipts() -> TypeAdapter[Receipt]:
    """Reads a receipt back from its JSON."""
    from pydantic import TypeAdapter

    return TypeAdapter(Receipt)


def _plain(value: Any) -> str:
    """A moment as text."""
    return str(value.isoformat())
