"""What a warehouse says of its tables, its rows and its statements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from schemas.accounted import Accounted


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One difference between the warehouse and the contracts.

    `safe` changes are made by `apply`; the others need a person, and `todo` says what to decide.
    """

    target: str
    what: str
    safe: bool
    todo: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class PartitionCount:
    """Rows of one partition of a table, counted in the warehouse itself."""

    partition: str
    rows: int


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadCounts:
    """A file's figures as its last load recorded them."""

    outcome: str | None
    read: int
    loaded: int
    rejected: int
    dropped: int
    aggregated: int = 0
    accounted: Accounted | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class FileAudit:
    """What the warehouse holds and has recorded of one file, as of one moment.

    `rows` are counted in the table itself; `loaded` and `removed` are summed over all loads;
    `rejected_rows` are those of the `last` one, which is None for rows nobody has recorded.
    """

    file_id: str
    feed: str | None
    rows: int
    loaded: int
    removed: int
    rejected_rows: int
    partitions: frozenset[str]
    last: LoadCounts | None


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundRow:
    """A row of a table: its values by column, and its lineage."""

    values: Mapping[str, object]
    file_id: str
    row: int
    batch_id: str
    loaded_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """A statement that was tried without being run: what it is for, its text, the bytes it would
    read, and the error it would get, with what to do about it."""

    what: str
    sql: str
    bytes_read: int = 0
    error: str | None = None
    todo: str | None = None
