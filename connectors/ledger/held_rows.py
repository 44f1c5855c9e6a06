"""Held rows: work that one process has taken for a while, and may write about as long as it is
its."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, Table, update

from connectors.ledger.file_rows import Condition
from schemas.errors import LeaseLostError


def take(
    connection: Connection, table: Table, owner: str, until: datetime, *which: Condition
) -> RowMapping:
    """The row of an outbox that those conditions find, which is there, as it is once an owner has
    taken it until then."""
    taken = {"owner": owner, "tries": table.c.tries + 1, "next_at": until}
    statement = update(table).where(*which).values(**taken).returning(*table.c)
    return connection.execute(statement).mappings().one()


def write_held(
    connection: Connection,
    table: Table,
    owner: str | None,
    values: Mapping[str, Any],
    *which: Condition,
) -> None:
    """Change a row that an owner has taken; raises LeaseLostError if it is no more theirs."""
    statement = update(table).where(*which, table.c.owner == owner).values(**values)
    if not connection.execute(statement).rowcount:
        raise LeaseLostError
