"""Locks: one load at a time writes a table."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete, or_

from connectors.ledger.database import Database, insert_into
from connectors.ledger.tables import table_locks


class Locks:
    """The leases on the warehouse's tables."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self, table: str, owner: str, seconds: float) -> bool:
        now = self._database.now()
        until = now + timedelta(seconds=seconds)
        with self._database.write() as connection:
            statement = insert_into(connection, table_locks)
            taken = connection.execute(
                statement.values(table_name=table, owner=owner, until=until)
                .on_conflict_do_update(
                    index_elements=["table_name"],
                    set_={"owner": owner, "until": until},
                    where=or_(table_locks.c.owner == owner, table_locks.c.until <= now),
                )
                .returning(table_locks.c.table_name)
            )
            return taken.first() is not None

    def give_back(self, table: str, owner: str) -> None:
        with self._database.write() as connection:
            connection.execute(
                delete(table_locks).where(
                    table_locks.c.table_name == table, table_locks.c.owner == owner
                )
            )
