"""Workers: their signs of life."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import delete, select

from connectors.ledger.database import Database, insert_into
from connectors.ledger.tables import workers
from schemas.alert import Worker


class Workers:
    """The worker processes that have said that they are alive."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def note_alive(self, name: str) -> None:
        now = self._database.now()
        with self._database.write() as connection:
            connection.execute(
                insert_into(connection, workers)
                .values(name=name, started_at=now, seen_at=now)
                .on_conflict_do_update(index_elements=["name"], set_={"seen_at": now})
            )

    def all(self) -> Sequence[Worker]:
        query = select(workers).order_by(workers.c.started_at, workers.c.name)
        with self._database.read() as connection:
            return [Worker(**row) for row in connection.execute(query).mappings()]

    def forget(self, names: Collection[str]) -> None:
        with self._database.write() as connection:
            connection.execute(delete(workers).where(workers.c.name.in_(names)))
