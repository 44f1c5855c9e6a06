"""Unload: take the rows of loaded files out of their table again, as if they had never come."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipelines.acknowledge.taken_out import tell_taken_out
from pipelines.load.restage import beneath, can_come_back
from pipelines.load.step import load
from pipelines.load.versions import with_corrections
from pipelines.operations.acts import acting_outside
from pipelines.operations.files import file_named
from pipelines.runtime import Runtime
from schemas.batch import Batch, BatchKind
from schemas.errors import ConflictError, FatalError, NotFoundError, RetryableError
from schemas.file import AT_REST, File, Status

_BATCH = re.compile(r"[0-9a-f]{16}")
_PAUSE = 0.5
_WAIT_SECONDS = 300


@dataclass(frozen=True, kw_only=True, slots=True)
class Undo:
    """What an unload takes out, and the files whose rows it may bring back."""

    feed: str
    table: str
    files: tuple[File, ...]
    rows: int
    back: tuple[File, ...]


@dataclass(frozen=True, slots=True)
class Unloaded:
    """What an unload has done: its batch, the files as they are now, and how many rows went and
    came back."""

    batch_id: str
    table: str
    files: tuple[File, ...]
    rows_removed: int
    rows_restored: int


def files_to_unload(runtime: Runtime, text: str) -> Sequence[File]:
    """The files of a batch, or the one that the text names. Raises as `file_named`."""
    if _BATCH.fullmatch(text) and (members := runtime.ledger.files.of_batch(text)):
        return members
    return [file_named(runtime, text)]


def plan_unload(runtime: Runtime, files: Sequence[File]) -> Undo:
    """What unloading those files of one feed would do; changes nothing.

    Raises ConflictError if none of them has rows in the table, and FatalError if rows under theirs
    could not be brought back.
    """
    chosen = tuple(
        file
        for file in files
        if file.in_force and (file.status in AT_REST or file.status is Status.UNLOADING)
    )
    if not chosen:
        words = ", ".join(sorted({str(file.status) for file in files}))
        raise ConflictError(f"nothing to unload: no such file is loaded and at rest ({words})")
    feed = runtime.feeds.get(chosen[0].feed)
    if feed is None:
        raise NotFoundError(f"there is no feed {chosen[0].feed}")
    table = runtime.warehouse.table_id(runtime.contract_of(feed))
    batch = Batch(batch_id="", feed=feed.name, table=table, files=chosen, kind=BatchKind.UNLOAD)
    batch = with_corrections(runtime, batch)
    back = tuple(beneath(runtime, batch))
    lost = [file for file in back if not can_come_back(runtime, file)]
    if lost:
        raise FatalError(
            f"{len(lost)} files under these cannot come back, such as {lost[0].item.name}:"
            " their raw files are not in storage any more",
            hint="drop them again once this is unloaded, or load a corrected version instead",
        )
    rows = runtime.warehouse.row_counts(table, batch.removed)
    return Undo(feed=feed.name, table=table, files=chosen, rows=sum(rows.values()), back=back)


def unload(
    runtime: Runtime, undo: Undo, progress: Callable[[str], None] = lambda doing: None
) -> Unloaded:
    """Unload those files, and renew their receipts; safe to repeat, whatever became of an earlier
    try.

    Once it is in the ledger the service finishes it, should this process die. Raises ConflictError
    when a file has changed meanwhile, RetryableError when the table stays busy.
    """
    named = ", ".join(file.file_id for file in undo.files)
    rows = {"table": undo.table, "rows": undo.rows}
    with acting_outside(runtime, "unload", "file", named, undo.feed, before=rows) as told:
        before = _rows_beneath(runtime, undo)
        _take_out(runtime, undo, progress)
        files = tuple(runtime.ledger.files.many([file.file_id for file in undo.files]))
        for file in files:
            tell_taken_out(runtime, file)
        restored = _rows_beneath(runtime, undo) - before
        told.after = {"batch_id": files[0].batch_id, "rows_restored": restored}
    return Unloaded(files[0].batch_id or "", undo.table, files, undo.rows, restored)


def _rows_beneath(runtime: Runtime, undo: Undo) -> int:
    """How many rows the table holds of the files whose rows may come back."""
    ids = [file.file_id for file in undo.back]
    return sum(runtime.warehouse.row_counts(undo.table, ids).values()) if ids else 0


def _take_out(runtime: Runtime, undo: Undo, progress: Callable[[str], None]) -> None:
    ids = [file.file_id for file in undo.files]
    limit = time.monotonic() + _WAIT_SECONDS
    progress("waiting for the table")
    while True:
        try:
            batch = runtime.ledger.batches.open_unload(undo.feed, undo.table, ids)
            break
        except ValueError as error:
            raise ConflictError(str(error)) from error
        except RetryableError:
            if time.monotonic() > limit:
                raise
            load(runtime, undo.feed)
            time.sleep(_PAUSE)
    progress(f"unloading {len(ids)} files")
    while any(file.batch_id == batch.batch_id for file in _unloading(runtime, ids)):
        load(runtime, undo.feed)
        if not _unloading(runtime, ids):
            break
        if time.monotonic() > limit:
            raise RetryableError(
                f"the table is busy; batch {batch.batch_id} will be unloaded by the service",
                hint="run `waybill run` if no service is up",
            )
        time.sleep(_PAUSE)


def _unloading(runtime: Runtime, ids: Sequence[str]) -> list[File]:
    return [file for file in runtime.ledger.files.many(ids) if file.status is Status.UNLOADING]
