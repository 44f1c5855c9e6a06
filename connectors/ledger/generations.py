"""Generations: a number that rises with every batch of a table, kept by ledger and warehouse.

Each commit compares the two. Where one of them was restored from an older copy they differ, and
nothing is loaded until they are reconciled. A number is drawn as a batch opens, and counts as
committed only with it, so that a crash in between looks like no restore.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, case, select, update

from connectors.ledger.database import Database, insert_into
from connectors.ledger.tables import generations
from schemas.batch import Batch
from schemas.recorded import LastCommit


class Generations:
    """The tables' numbers, as the ledger has them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def last_commit(self, table: str) -> LastCommit:
        with self._database.read() as connection:
            found = last_commit(connection, table)
        return LastCommit(number=found["before"], at=found["before_at"])

    def reset(self, table: str, number: int | None, at: datetime | None) -> None:
        values = {"committed": number, "committed_at": at}
        highest = number or 0
        with self._database.write() as connection:
            statement = insert_into(connection, generations)
            connection.execute(
                statement.values(table_name=table, drawn=highest, **values).on_conflict_do_update(
                    index_elements=["table_name"],
                    set_={
                        **values,
                        "drawn": case(
                            (generations.c.drawn > highest, generations.c.drawn), else_=highest
                        ),
                    },
                )
            )


def drawn(connection: Connection, table: str) -> int:
    """The table's next number."""
    statement = insert_into(connection, generations).values(table_name=table, drawn=1)
    number: int = connection.scalars(
        statement.on_conflict_do_update(
            index_elements=["table_name"], set_={"drawn": generations.c.drawn + 1}
        ).returning(generations.c.drawn)
    ).one()
    return number


def last_commit(connection: Connection, table: str) -> Mapping[str, Any]:
    """The number and the time of the table's last commit, as a batch names them."""
    row = connection.execute(
        select(generations.c.committed, generations.c.committed_at).where(
            generations.c.table_name == table
        )
    ).first()
    return {"before": row[0] if row else None, "before_at": row[1] if row else None}


def note_committed(connection: Connection, batch: Batch) -> None:
    """The batch's number is the table's last one now. When it was opened is kept, for the warehouse
    may have committed it long before the ledger hears of it."""
    if batch.generation is None:
        return
    later = generations.c.committed > batch.generation
    connection.execute(
        update(generations)
        .where(generations.c.table_name == batch.table, later.is_not(True))
        .values(committed=batch.generation, committed_at=batch.created_at)
    )
