"""Corrections: files that bring rejected rows of another file corrected, and what moves them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Connection, case, update

from connectors.ledger.database import Database
from connectors.ledger.file_rows import files_by, start_again
from connectors.ledger.tables import CORRECTING, files
from schemas.batch import Batch, BatchKind, Committed
from schemas.file import AT_REST, BRINGING, File, Status


class Corrections:
    """The corrections of the ledger's files."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def active(self, file_ids: Collection[str]) -> Sequence[File]:
        with self._database.read() as connection:
            return [each for each in _of(connection, file_ids) if each.in_force]


def corrections_moved(
    connection: Connection, batch: Batch, committed: Committed, now: datetime
) -> None:
    """After a commit: count the corrected rows of the files it touched, and send corrections on
    their way again that are to be applied anew.

    Those of a file that has come (back) into the table, the later ones of a file of which one has
    been loaded, and all others of one of which one has left.
    """
    _count(connection, batch, committed)
    leaving, came, own = set(batch.removed), set[str](), list[File]()
    if batch.kind is BatchKind.LOAD:
        leaving -= {file.file_id for file in batch.files}
        came = {file.file_id for file in batch.files if file.corrects is None}
        own = [file for file in batch.files if file.corrects is not None]
    came |= {file.file_id for file in batch.restored if not file.in_force}
    gone = files_by(connection, files.c.file_id, leaving, CORRECTING)
    back = (each for each in _of(connection, came) if each.superseded_by == each.corrects)
    later = (
        each
        for each in _of(connection, {file.corrects for file in own})
        if any(each.order() > file.order() for file in own)
    )
    alone = {each.corrects for each in gone if each.superseded_by != each.corrects}
    again = {each.file_id: each for each in (*back, *later, *_of(connection, alone))}
    for each in again.values():
        is_due = each.in_force or each.superseded_by == each.corrects
        is_own = any(each.file_id == file.file_id for file in own)
        if is_due and not is_own and each.status in AT_REST - {Status.UNLOADED}:
            start_again(connection, each, now, quiet=True, why="what it corrects has changed")


def _count(connection: Connection, batch: Batch, committed: Committed) -> None:
    """Keep how many rows of a file are corrected: what its corrections bring, less what leaves."""
    moved: Counter[str] = Counter()
    for each in committed.removals:
        moved[each.file_id] -= each.rows
    for each in committed.restored:
        moved[each.file_id] += each.rows
    if batch.kind is BatchKind.LOAD:
        for file in batch.files:
            if file.corrects is not None and file.outcome in BRINGING:
                moved[file.file_id] += file.counts.loaded
    for correction in files_by(connection, files.c.file_id, moved, CORRECTING):
        # A ledger that was rebuilt does not know of all of them.
        after = files.c.rows_corrected + moved[correction.file_id]
        connection.execute(
            update(files)
            .where(files.c.file_id == correction.corrects)
            .values(rows_corrected=case((after < 0, 0), else_=after))
        )
        # It is applied again when its file comes back, however late.
        connection.execute(
            update(files).where(files.c.file_id == correction.file_id).values(covered=True)
        )


def _of(connection: Connection, file_ids: Collection[str | None]) -> list[File]:
    """All corrections of those files, as they were sent."""
    named = {each for each in file_ids if each is not None}
    return sorted(files_by(connection, files.c.corrects, named, CORRECTING), key=File.order)
