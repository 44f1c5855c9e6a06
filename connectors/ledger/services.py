"""Services: since when a source or a mail server answers badly, and what it says."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from connectors.ledger.database import Database, insert_into
from connectors.ledger.tables import services
from schemas.service import Service

_FRESH = timedelta(minutes=1)


class Services:
    """What is outside, by name: `source drop`, `mail`, `receipts drop`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def note(self, name: str, error: str | None = None, retry_at: datetime | None = None) -> None:
        now = self._database.now()
        old = self._one(name)
        if error is None:
            if old and old.failing_since is None and old.good_at and now - old.good_at < _FRESH:
                return
            values: dict[str, Any] = {
                "good_at": now,
                "failing_since": None,
                "error": None,
                "retry_at": None,
            }
        else:
            since = (old and old.failing_since) or now
            values = {"failing_since": since, "error": error, "retry_at": retry_at}
        with self._database.write() as connection:
            statement = insert_into(connection, services).values(name=name, **values)
            connection.execute(
                statement.on_conflict_do_update(index_elements=["name"], set_=values)
            )

    def all(self) -> Sequence[Service]:
        with self._database.read() as connection:
            query = select(services).order_by(services.c.name)
            return [Service(**row) for row in connection.execute(query).mappings()]

    def get(self, name: str) -> Service:
        return self._one(name) or Service(name=name)

    def _one(self, name: str) -> Service | None:
        with self._database.read() as connection:
            query = select(services).where(services.c.name == name)
            row = connection.execute(query).mappings().first()
        return Service(**row) if row is not None else None
