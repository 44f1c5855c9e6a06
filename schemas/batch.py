"""A batch: the files that one transaction loads into one table."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from schemas.file import BRINGING, File


class WriteMode(StrEnum):
    """What a load does to rows that are already there."""

    APPEND = "append"
    MERGE = "merge"
    REPLACE_PARTITION = "replace_partition"


class BatchKind(StrEnum):
    """What a batch does with its files: load them, or take their rows out again."""

    LOAD = "load"
    UNLOAD = "unload"


class BatchStatus(StrEnum):
    """Where a batch is: `open` until its transaction is known to have committed."""

    OPEN = "open"
    COMMITTED = "committed"
    ABANDONED = "abandoned"


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """Files of one feed, in the order in which they were sent, loaded together or not at all.

    `superseded` are loaded files whose rows leave with this batch, each with the newer version that
    takes its place.
    `restored` are files that lay under rows that leave: theirs come back where nothing later
    stands. A file of `restored` that is not in force is so again with this batch. Corrections of a
    file that leaves or comes again are among `superseded`, with that file. `earlier` are the
    corrections in force of the file that this batch's one file corrects: a line of theirs gives way
    to its own.

    `attempt` is part of the load job's id; it rises only once the earlier attempt is known to have
    failed, because BigQuery refuses a used job id for months. `generation` is the number drawn for
    it from the ledger, `before` that of the table's last commit the ledger knows of, and
    `before_at` when that was opened. `known_since` is when the first of the files it speaks of was
    found: nothing about them was committed before.
    """

    batch_id: str
    feed: str
    table: str
    files: tuple[File, ...]
    attempt: int = 1
    status: BatchStatus = BatchStatus.OPEN
    created_at: datetime | None = None
    kind: BatchKind = BatchKind.LOAD
    superseded: Mapping[str, str] = field(default_factory=dict)
    restored: tuple[File, ...] = ()
    earlier: tuple[str, ...] = ()
    known_since: datetime | None = None
    generation: int | None = None
    before: int | None = None
    before_at: datetime | None = None

    @property
    def removed(self) -> dict[str, str]:
        """The files all of whose rows leave the table first, each with the reason."""
        if self.kind is BatchKind.UNLOAD:
            return dict.fromkeys(
                [*(file.file_id for file in self.files), *self.superseded], "unloaded"
            )
        again = (file for file in self.files if file.in_force and file.outcome in BRINGING)
        return {
            **dict.fromkeys(self.superseded, "superseded"),
            **{file.file_id: "replaced" for file in again},
        }

    @property
    def bringing(self) -> list[File]:
        """The files of the batch that have rows for the table."""
        if self.kind is BatchKind.UNLOAD:
            return []
        return [file for file in self.files if file.staged_keys and file.counts.loaded]

    @property
    def rows_brought(self) -> int:
        """How many rows the batch has for the table."""
        return sum(file.counts.loaded for file in self.bringing)

    @property
    def contenders(self) -> list[File]:
        """All files whose rows are staged: those that the batch brings, and those under them."""
        return [*self.restored, *self.bringing]

    @property
    def rows_staged(self) -> int:
        """How many rows are staged for it, those that come back included."""
        return sum(file.counts.loaded for file in self.contenders)

    def heir_of(self, older: File) -> str | None:
        """What supersedes a file once this batch is unloaded; None if nothing does any more."""
        next_one = {file.file_id: file.superseded_by for file in self.files}
        heir = older.superseded_by
        while heir in next_one:
            heir = next_one[heir]
        return heir


@dataclass(frozen=True, kw_only=True, slots=True)
class Removal:
    """Rows that a batch took out of a table (or brought back), by the file they came with."""

    file_id: str
    rows: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Committed:
    """What a committed batch did: rows it brought, took out, and brought back from under them.
    `may_yield`: rows of its own files may have given way to those of later ones."""

    rows: int
    removals: tuple[Removal, ...] = field(default=())
    restored: tuple[Removal, ...] = field(default=())
    may_yield: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenBatch:
    """A batch that has not ended yet, and since when."""

    batch_id: str
    feed: str
    table: str
    kind: BatchKind
    created_at: datetime


def batch_id_of(
    table: str,
    files: Iterable[File],
    kind: BatchKind = BatchKind.LOAD,
    generation: int | None = None,
) -> str:
    """The batch id: 16 hex digits that depend only on table, kind, generation and the files'
    attempts."""
    named = [table, *sorted(f"{file.file_id}.{file.attempt}" for file in files)]
    if generation is not None:
        named.append(f"#{generation}")
    if kind is not BatchKind.LOAD:
        named.append(kind)
    return hashlib.sha256("\x00".join(named).encode()).hexdigest()[:16]
