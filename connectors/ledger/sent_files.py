"""Sent files: what was attached to mails of ours, so that it is no news when it comes back."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import delete, select

from connectors.ledger.database import Database, insert_into
from connectors.ledger.tables import sent_files


class SentFiles:
    """The SHA-256 of what we have sent."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def note(self, sha256: Collection[str], message_id: str) -> None:
        now = self._database.now()
        rows = [{"sha256": each, "message_id": message_id, "sent_at": now} for each in sha256]
        if rows:
            with self._database.write() as connection:
                statement = insert_into(connection, sent_files).on_conflict_do_nothing()
                connection.execute(statement, rows)

    def has(self, sha256: str) -> bool:
        query = select(sent_files.c.sha256).where(sent_files.c.sha256 == sha256)
        with self._database.read() as connection:
            return connection.scalar(query) is not None

    def forget(self, before: datetime) -> int:
        with self._database.write() as connection:
            old = delete(sent_files).where(sent_files.c.sent_at < before)
            return connection.execute(old).rowcount
