"""Replies: what senders are told by mail, written down before it is sent and after."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import RowMapping, Select, delete, func, select, update

from connectors.ledger.database import Database, insert_into
from connectors.ledger.tables import replies, template_mails
from schemas.receipt import Receipt
from schemas.reply import Reply, ReplyState, root_of

if TYPE_CHECKING:
    from pydantic import TypeAdapter


class Replies:
    """The mails to senders."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def plan(self, reply: Reply) -> Reply:
        query = select(replies).where(replies.c.reply_id == reply.reply_id)
        with self._database.write() as connection:
            statement = insert_into(connection, replies).values(**_row_of(reply))
            connection.execute(statement.on_conflict_do_nothing())
            return reply_of(connection.execute(query).mappings().one())

    def close(self, message_id: str, state: ReplyState, note: str | None = None) -> None:
        now = self._database.now()
        with self._database.write() as connection:
            connection.execute(
                update(replies)
                .where(replies.c.message_id == message_id, replies.c.state == ReplyState.PLANNED)
                .values(state=state, note=note, closed_at=now)
            )

    def is_first_refusal(self, reply: Reply) -> bool:
        noted = {
            "feed": reply.feed,
            "recipient": reply.to,
            "reply_id": reply.reply_id,
            "noted_at": self._database.now(),
        }
        ours = template_mails.c.feed == reply.feed, template_mails.c.recipient == reply.to
        with self._database.write() as connection:
            statement = insert_into(connection, template_mails).values(**noted)
            connection.execute(statement.on_conflict_do_nothing())
            first = connection.scalar(select(template_mails.c.reply_id).where(*ours))
            return bool(first == reply.reply_id)

    def forget_refusals(self, before: datetime) -> int:
        old = delete(template_mails).where(template_mails.c.noted_at < before)
        with self._database.write() as connection:
            return connection.execute(old).rowcount

    def of(self, file_id: str) -> Sequence[Reply]:
        query = select(replies).where(replies.c.file_id == file_id)
        return self._found(query.order_by(replies.c.planned_at, replies.c.reply_id))

    def earlier(
        self, feed: str, to: str, name: str, message_ids: Collection[str], but: str
    ) -> Reply | None:
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

    def thread_of(self, message_ids: Collection[str]) -> str | None:
        query = select(replies.c.thread).where(replies.c.message_id.in_(message_ids))
        with self._database.read() as connection:
            return connection.scalar(query.where(replies.c.thread.is_not(None)).limit(1))

    def count_since(self, to: str, thread: str | None, since: datetime) -> tuple[int, int]:
        count = select(func.count()).select_from(replies).where(replies.c.planned_at >= since)
        with self._database.read() as connection:
            in_thread = connection.scalars(count.where(replies.c.thread == thread)).one()
            return in_thread, connection.scalars(count.where(replies.c.recipient == to)).one()

    def _found(self, query: Select[Any]) -> list[Reply]:
        with self._database.read() as connection:
            return [reply_of(row) for row in connection.execute(query).mappings()]


def _row_of(reply: Reply) -> dict[str, Any]:
    return {
        "reply_id": reply.reply_id,
        "message_id": reply.message_id,
        "file_id": reply.file_id,
        "feed": reply.feed,
        "recipient": reply.to,
        "name": reply.name,
        "root": root_of(reply.name),
        "receipt": receipt_row(reply.receipt),
        "state": reply.state,
        "is_digest": reply.is_digest,
        "planned_at": reply.planned_at,
        "thread": reply.thread,
    }


def reply_of(row: RowMapping) -> Reply:
    """The reply of a row."""
    return Reply(
        reply_id=row["reply_id"],
        message_id=row["message_id"],
        file_id=row["file_id"],
        feed=row["feed"],
        to=row["recipient"],
        name=row["name"],
        receipt=receipt_from(row["receipt"]),
        state=ReplyState(row["state"]),
        is_digest=row["is_digest"],
        planned_at=row["planned_at"],
        closed_at=row["closed_at"],
        note=row["note"],
        thread=row["thread"],
    )


def receipt_row(receipt: Receipt) -> dict[str, Any]:
    """A receipt as a column keeps it: whoever reads the ledger shall not find its link there."""
    kept = replace(receipt, link=None, link_until=None)
    found: dict[str, Any] = json.loads(json.dumps(asdict(kept), default=_plain))
    return found


def receipt_from(row: dict[str, Any]) -> Receipt:
    """The receipt of a column."""
    return _receipts().validate_python(_in_todays_words(row))


def _in_todays_words(receipt: dict[str, Any]) -> dict[str, Any]:
    """A receipt as it was kept; those of an earlier release say `held` of what is waiting."""
    for each in (receipt, *receipt["drift"]):
        if "held" in each:
            each["waiting"] = each.pop("held")
    return receipt


@cache
def _receipts() -> TypeAdapter[Receipt]:
    """Reads a receipt back from its JSON."""
    from pydantic import TypeAdapter

    return TypeAdapter(Receipt)


def _plain(value: Any) -> str:
    """A moment as text."""
    return str(value.isoformat())
