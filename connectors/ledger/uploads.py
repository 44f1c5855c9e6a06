"""Uploads: what is sent directly, before and after it becomes a file."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, delete, select, update

from connectors.ledger.database import Database, insert_into
from connectors.ledger.tables import uploads as table
from schemas.upload import Upload, UploadState

_WAITING = (UploadState.OPEN, UploadState.STORED)


class Uploads:
    """The uploads of the ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, upload: Upload) -> Upload:
        row = {name: getattr(upload, name) for name in upload.__slots__}
        with self._database.write() as connection:
            now = self._database.now()
            made = insert_into(connection, table).values(**row | {"created_at": now})
            new = made.on_conflict_do_nothing().returning(table.c.upload_id)
            if connection.scalar(new) is None and upload.key_hash is not None:
                # Begun before: it is as fresh as the request that asks for it again.
                same = table.c.key_hash == upload.key_hash
                fresh = update(table).where(same, table.c.state == UploadState.OPEN)
                connection.execute(fresh.values(created_at=now))
                found = connection.execute(select(table).where(same)).mappings().first()
            else:
                mine = select(table).where(table.c.upload_id == upload.upload_id)
                found = connection.execute(mine).mappings().first()
        # It was cleaned away just now.
        return _upload_of(found) if found is not None else self.begin(upload)

    def get(self, upload_id: str) -> Upload | None:
        return self._one(table.c.upload_id == upload_id)

    def by_key(self, key_hash: str) -> Upload | None:
        return self._one(table.c.key_hash == key_hash)

    def stored(self, upload_id: str, **facts: Any) -> bool:
        mine = table.c.upload_id == upload_id
        changed = update(table).where(mine, table.c.state == UploadState.OPEN)
        with self._database.write() as connection:
            done = connection.execute(changed.values(state=UploadState.STORED, **facts))
            return bool(done.rowcount)

    def close(self, upload_id: str, feed: str, file_id: str) -> bool:
        mine = update(table).where(table.c.upload_id == upload_id, table.c.state.in_(_WAITING))
        end = {"state": UploadState.REGISTERED, "feed": feed, "file_id": file_id}
        with self._database.write() as connection:
            return bool(connection.execute(mine.values(**end)).rowcount)

    def waiting(self, before: datetime, most: int) -> Sequence[Upload]:
        return self._page(_WAITING, before, most)

    def registered(self, before: datetime, most: int) -> Sequence[Upload]:
        return self._page((UploadState.REGISTERED,), before, most)

    def forget(self, upload: Upload) -> bool:
        mine = delete(table).where(
            table.c.upload_id == upload.upload_id,
            table.c.state == upload.state,
            table.c.created_at == upload.created_at,
        )
        with self._database.write() as connection:
            return bool(connection.execute(mine).rowcount)

    def _one(self, condition: Any) -> Upload | None:
        with self._database.read() as connection:
            row = connection.execute(select(table).where(condition)).mappings().first()
        return _upload_of(row) if row is not None else None

    def _page(self, states: Sequence[str], before: datetime, most: int) -> Sequence[Upload]:
        query = select(table).where(table.c.state.in_(states), table.c.created_at < before)
        query = query.order_by(table.c.created_at, table.c.upload_id).limit(most)
        with self._database.read() as connection:
            return [_upload_of(row) for row in connection.execute(query).mappings()]


def _upload_of(row: RowMapping) -> Upload:
    return Upload(**{**row, "state": UploadState(row["state"])})
