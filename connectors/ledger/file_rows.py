"""Rows of files: reading them, and putting them back to their start, within a transaction."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from itertools import batched
from typing import Any

from sqlalchemy import ColumnElement, Connection, select, update
from sqlalchemy.sql.elements import TextClause

from connectors.ledger.daily_counts import count_no_more
from connectors.ledger.records import facts_of, file_of, write_events
from connectors.ledger.tables import files as files_table
from schemas.file import Event, File, Status

_AT_ONCE = 500

Condition = ColumnElement[bool] | TextClause


def files_by(
    connection: Connection,
    column: ColumnElement[Any],
    values: Collection[str],
    *more: Condition,
) -> list[File]:
    """The files whose column holds one of those values, if some more holds, in no order."""
    return [
        file_of(row)
        for some in batched(sorted(values), _AT_ONCE, strict=False)
        # One value, the usual case, needs no list, which is made anew for each length.
        for row in connection.execute(
            select(files_table).where(
                *more, column.in_(some) if len(some) > 1 else column == some[0]
            )
        ).mappings()
    ]


def one_file(connection: Connection, file_id: str, *, lock: bool = False) -> File:
    """The file, and with `lock` nobody else's to change in this transaction; raises KeyError."""
    query = select(files_table).where(files_table.c.file_id == file_id)
    row = connection.execute(query.with_for_update() if lock else query).mappings().first()
    if row is None:
        raise KeyError(file_id)
    return file_of(row)


def start_again(
    connection: Connection,
    old: File,
    now: datetime,
    *,
    quiet: bool = False,
    may_lose: bool = False,
    why: str = "requested",
) -> None:
    """Put a file that is at rest back to its start, in the caller's transaction."""
    count_no_more(connection, old)
    fresh = File(
        file_id=old.file_id,
        feed=old.feed,
        source=old.source,
        item=old.item,
        status=Status.DISCOVERED,
        sha256=old.sha256,
        size=old.size,
        landing_key=old.landing_key,
        corrects=old.corrects,
    )
    connection.execute(
        update(files_table)
        .where(files_table.c.file_id == old.file_id)
        .values(
            status=Status.DISCOVERED,
            tries=0,
            batch_id=None,
            quiet=quiet,
            may_lose=may_lose,
            **facts_of(fresh),
        )
    )
    write_events(connection, [Event(file_id=old.file_id, at=now, step="retry", outcome=why)])
