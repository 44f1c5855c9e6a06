"""Batch files: which prepared files the next batch takes."""

from __future__ import annotations

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    exists,
    literal_column,
    select,
)

from connectors.ledger.records import file_of
from connectors.ledger.tables import PREPARED, files
from schemas.file import File

IN_ORDER = (files.c.sent_at, files.c.key, files.c.discovered_at, files.c.file_id)


def choose(
    connection: Connection, feed: str, max_files: int, max_bytes: int, max_partitions: int | None
) -> list[File]:
    """The oldest prepared files, up to the first that does not fit: at least one.

    None is passed over, neither for its size nor for its contract version, so that a newer version
    of a key is never loaded before an older one. What one sender mailed under one name is in
    versions too, each with a key of its own: a newer one waits until the older ones are prepared.
    """
    query = (
        select(files)
        .where(files.c.feed == feed, PREPARED, ~_waits_for_older())
        .order_by(*IN_ORDER)
        .limit(max_files)
        .with_for_update()
    )
    chosen: list[File] = []
    partitions: set[str] = set()
    size = 0
    for row in connection.execute(query).mappings():
        file = file_of(row)
        size += file.bytes_to_load
        partitions.update(file.partitions)
        full = size > max_bytes or (max_partitions is not None and len(partitions) > max_partitions)
        alone = file.corrects is not None or (chosen and chosen[0].corrects is not None)
        if chosen and (full or alone or file.contract_version != chosen[0].contract_version):
            break
        chosen.append(file)
    return chosen


def _waits_for_older() -> ColumnElement[bool]:
    """Whether a mailed file has an older namesake of its sender's that is not prepared yet."""
    older = files.alias("older")
    namesake = (
        older.c.feed == files.c.feed,
        older.c.name == files.c.name,
        older.c.sender == files.c.sender,
        older.c.sent_at < files.c.sent_at,
        # Written out, for an index that has only these.
        older.c.status.in_([literal_column("'discovered'"), literal_column("'preparing'")]),
    )
    return and_(files.c.item_group.is_not(None), exists().where(*namesake))
