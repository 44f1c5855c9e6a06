"""A batch: the files that one transaction loads into one table."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from schemas.file import File


class WriteMode(StrEnum):
    """What a load does to rows that are already there."""

    APPEND = "append"
    MERGE = "merge"
    REPLACE_PARTITION = "replace_partition"


class BatchStatus(StrEnum):
    """Where a batch is: `open` until its transaction is known to have committed."""

    OPEN = "open"
    COMMITTED = "committed"
    ABANDONED = "abandoned"


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """Files of one feed, in the order in which they were sent, loaded together or not at all.

    `attempt` is part of the load job's id; it rises only once the earlier attempt is known to have
    failed, because BigQuery refuses a used job id for months.
    """

    batch_id: str
    feed: str
    table: str
    files: tuple[File, ...]
    attempt: int = 1
    status: BatchStatus = BatchStatus.OPEN
    created_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Removal:
    """Rows that a batch took out of a table, by the file that had brought them."""

    file_id: str
    rows: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Committed:
    """What a committed batch did: rows inserted in all, and the rows it replaced."""

    rows: int
    removals: tuple[Removal, ...] = field(default=())


def batch_id_of(table: str, files: Iterable[File]) -> str:
    """The batch id: 16 hex digits that depend only on the table and the files' attempts."""
    named = [table, *sorted(f"{file.file_id}.{file.attempt}" for file in files)]
    return hashlib.sha256("\x00".join(named).encode()).hexdigest()[:16]
