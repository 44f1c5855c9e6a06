"""Keys: who may ask, by the hashes of their secrets."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import RowMapping, insert, select, update

from connectors.ledger.database import Database
from connectors.ledger.tables import keys as table
from schemas.key import Key, Role

_A_USE = timedelta(minutes=1)


class Keys:
    """The keys of the ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, key: Key, secret_sha256: str) -> None:
        with self._database.write() as connection:
            connection.execute(insert(table).values(**_row_of(key), secret_sha256=secret_sha256))

    def find(self, key_id: str) -> tuple[Key, str] | None:
        query = select(table).where(table.c.key_id == key_id)
        with self._database.read() as connection:
            row = connection.execute(query).mappings().first()
        return (_key_of(row), row["secret_sha256"]) if row is not None else None

    def all(self) -> Sequence[Key]:
        query = select(table).order_by(table.c.created_at, table.c.key_id)
        with self._database.read() as connection:
            return [_key_of(row) for row in connection.execute(query).mappings()]

    def revoke(self, key_id: str, who: str) -> bool:
        mine = (table.c.key_id == key_id, table.c.revoked_at.is_(None))
        with self._database.write() as connection:
            there = connection.scalar(select(table.c.key_id).where(table.c.key_id == key_id))
            if there is None:
                raise KeyError(key_id)
            now = self._database.now()
            done = update(table).where(*mine).values(revoked_at=now, revoked_by=who)
            return bool(connection.execute(done).rowcount)

    def note_use(self, key: Key) -> None:
        now = self._database.now()
        if key.last_used_at is not None and now - key.last_used_at < _A_USE:
            return
        with self._database.write() as connection:
            mine = update(table).where(table.c.key_id == key.key_id)
            connection.execute(mine.values(last_used_at=now))

    def note_failure(self, key_id: str) -> None:
        with self._database.write() as connection:
            mine = update(table).where(table.c.key_id == key_id)
            failures = table.c.failures + 1
            now = self._database.now()
            connection.execute(mine.values(failures=failures, last_failed_at=now))


def _row_of(key: Key) -> dict[str, Any]:
    facts = {name: getattr(key, name) for name in key.__slots__}
    return facts | {"feeds": list(key.feeds), "role": str(key.role)}


def _key_of(row: RowMapping) -> Key:
    facts = {name: value for name, value in row.items() if name != "secret_sha256"}
    return Key(**{**facts, "role": Role(row["role"]), "feeds": tuple(row["feeds"])})
