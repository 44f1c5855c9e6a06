"""Versions: which files are active once a batch has ended, and what that means for others."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from itertools import batched

from sqlalchemy import Connection, update

from connectors.ledger.daily_counts import count_no_more
from connectors.ledger.file_rows import files_by, start_again
from connectors.ledger.records import facts_of
from connectors.ledger.tables import REPEATS, SUPERSEDED, files
from schemas.batch import Batch, Committed
from schemas.file import BRINGING, File, Outcome, Status

_AT_ONCE = 500


def loaded(connection: Connection, batch: Batch, now: datetime) -> None:
    """The batch's files are loaded; those that brought rows are in force, and their older versions
    no longer."""
    members = (files.c.batch_id == batch.batch_id, files.c.status == Status.LOADING)
    given_up = []
    for file in batch.files:
        if file.outcome in (Outcome.SUPERSEDED, Outcome.QUARANTINED):
            statement = update(files).where(files.c.file_id == file.file_id, *members)
            connection.execute(statement.values(**facts_of(file)))
            given_up.append(file.file_id)
    bringing = files.c.outcome.in_(BRINGING)
    connection.execute(update(files).where(*members, bringing).values(in_force=True))
    connection.execute(
        update(files)
        .where(*members)
        .values(status=Status.LOADED, tries=0, retry_at=None, may_lose=False)
    )
    for old, new in batch.superseded.items():
        connection.execute(
            update(files).where(files.c.file_id == old).values(in_force=False, superseded_by=new)
        )
    _copies_start_again(connection, [*given_up, *batch.superseded], now)


def unloaded(connection: Connection, batch: Batch, now: datetime) -> None:
    """The batch's files are unloaded. What they had superseded is in force again, unless something
    still newer is; a version that came too late for them is given its chance."""
    connection.execute(
        update(files)
        .where(files.c.batch_id == batch.batch_id, files.c.status == Status.UNLOADING)
        .values(status=Status.UNLOADED, in_force=False)
    )
    leaving = [file.file_id for file in batch.files]
    for file in batch.files:
        count_no_more(connection, file)
    for older in _superseded_by(connection, leaving):
        if older.corrects in leaving:
            continue
        heir = batch.heir_of(older)
        connection.execute(
            update(files)
            .where(files.c.file_id == older.file_id)
            .values(superseded_by=heir, in_force=heir is None and older.outcome in BRINGING)
        )
        if heir is None and older.outcome is Outcome.SUPERSEDED and older.status is Status.DONE:
            start_again(connection, older, now, why="the newer version was unloaded")
    for old, by in batch.superseded.items():
        connection.execute(
            update(files).where(files.c.file_id == old).values(in_force=False, superseded_by=by)
        )


def note_covered(connection: Connection, batch: Batch, committed: Committed) -> None:
    """Remember that rows of those files lie beneath the batch's now, or beneath those of later
    files: their bytes are needed should these leave."""
    gave_way = {each.file_id for each in committed.removals} - batch.removed.keys()
    if committed.may_yield:
        gave_way |= {file.file_id for file in (*batch.files, *batch.restored)}
    for some in batched(sorted(gave_way), _AT_ONCE, strict=False):
        connection.execute(update(files).where(files.c.file_id.in_(some)).values(covered=True))


def stay_loaded(connection: Connection, batch: Batch) -> None:
    """The batch's files are not unloaded after all."""
    connection.execute(
        update(files)
        .where(files.c.batch_id == batch.batch_id, files.c.status == Status.UNLOADING)
        # The attempts make the batch id, and an abandoned id must not come again.
        .values(status=Status.DONE, batch_id=None, attempt=files.c.attempt + 1)
    )


def _superseded_by(connection: Connection, newer: Collection[str]) -> list[File]:
    """The files that those superseded, less themselves."""
    return [
        each
        for each in files_by(connection, files.c.superseded_by, newer, SUPERSEDED)
        if each.file_id not in newer
    ]


def _copies_start_again(connection: Connection, gone: Collection[str], now: datetime) -> None:
    """Files that were left out because they repeat one of these, which the table no longer has."""
    due = (REPEATS, files.c.status == Status.DONE, files.c.outcome != Outcome.UNCHANGED)
    for copy in files_by(connection, files.c.repeats, gone, *due):
        start_again(connection, copy, now, why="what it repeats is not loaded any more")
