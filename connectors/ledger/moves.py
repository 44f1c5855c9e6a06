"""Moves: originals that are answered, and stay until nobody needs them any more."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, func, select

from connectors.ledger.database import Database, insert_into
from connectors.ledger.file_rows import Condition
from connectors.ledger.records import file_of
from connectors.ledger.tables import GROUPED, files, moves
from schemas.file import File, Status

_MAX = 200
"""So many at a time, whichever: those that wait for long must not hide the others."""


class Moves:
    """The originals that wait to be moved or marked."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def defer(self, file: File) -> None:
        now = self._database.now()
        with self._database.write() as connection:
            statement = insert_into(connection, moves).values(file_id=file.file_id, since=now)
            connection.execute(statement.on_conflict_do_nothing())

    def deferred(self) -> Sequence[tuple[File, datetime]]:
        query = (
            select(files, moves.c.since)
            .join(moves, moves.c.file_id == files.c.file_id)
            .order_by(func.random())
            .limit(_MAX)
        )
        with self._database.read() as connection:
            rows = connection.execute(query).mappings().all()
        return [(file_of(row), row["since"]) for row in rows]

    def close(self, file_id: str) -> None:
        with self._database.write() as connection:
            connection.execute(delete(moves).where(moves.c.file_id == file_id))

    def needing(self, file: File) -> Sequence[File]:
        same: list[Condition] = [files.c.source == file.source, files.c.file_id != file.file_id]
        if file.item.group is not None:
            same += [files.c.item_group == file.item.group, GROUPED]
        else:
            settled = (Status.DONE, Status.UNLOADED)
            same += [
                files.c.key == file.item.key,
                files.c.version == file.item.version,
                files.c.status.not_in(settled),
            ]
        query = select(files).where(*same)
        with self._database.read() as connection:
            return [file_of(row) for row in connection.execute(query).mappings()]
