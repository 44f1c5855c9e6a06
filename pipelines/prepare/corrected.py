"""Corrected: what a file of corrections corrects, and what its rows are staged by.

A correction is no version of the file it corrects, nor a file by itself: its rows take the place
among the loads that the other file has, and leave with that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from pipelines.cast.errors import is_error
from pipelines.parse import parsed
from pipelines.parse.registry import reader_of
from pipelines.prepare.stage_file import Terms
from pipelines.rejects.correction import Correcting, correction_dialect, file_named, rejected_lines
from pipelines.runtime import Runtime
from pipelines.stored_files import stored_rejects
from schemas.dialect import Dialect
from schemas.draft import DRAFT, Line
from schemas.errors import DataError
from schemas.file import File, Outcome
from schemas.item import Item, Page
from schemas.language import translate
from schemas.reject import RejectedRow
from schemas.upload import UPLOADS

_UNREAD = frozenset({"encoding", "cell_error", "uncalculated", "inexact"})
"""Rules against cells that hold a mark of ours, or of a spreadsheet, in place of a value."""
_UNKNOWN = "its column {column} names the file {file}, which nobody here has sent"


def corrected_file(
    runtime: Runtime, file: File, raw: Path, dialect: Dialect, folder: Path
) -> File | None:
    """The file that a correction names, whichever feed it belongs to; None if it names none, as
    those of earlier releases do. A draft that was submitted is known by its own record, whatever
    its rows may be. Raises DataError for a name that nobody knows."""
    named = _drafted(runtime, file) or _name_in(runtime, raw, dialect, folder)
    if named is None:
        return None
    target = _known(runtime, named)
    # Whoever uploads may do so for the one feed that they name.
    is_others = target is not None and file.source == UPLOADS and target.feed != file.feed
    if target is None or is_others or not may_speak(file.item, target):
        raise DataError(
            _UNKNOWN,
            hint="leave the three columns at the end as they were when you got them",
            column="_file",
            file=named[:40],
        )
    return target


def _drafted(runtime: Runtime, file: File) -> str | None:
    draft_id = file.item.detail.get(DRAFT)
    if draft_id is None or file.source != UPLOADS:
        return None
    try:
        return runtime.ledger.drafts.get(draft_id).file_id
    except KeyError:
        return None  # it is forgotten with the rows of its file


def named_file(runtime: Runtime, raw: Path, dialect: Dialect, folder: Path) -> File | None:
    """The file that a correction names; None if it names none, or one that nobody knows."""
    named = _name_in(runtime, raw, dialect, folder)
    return _known(runtime, named) if named is not None else None


def _name_in(runtime: Runtime, raw: Path, dialect: Dialect, folder: Path) -> str | None:
    with parsed(raw, dialect, runtime.limits, folder, ()) as found:
        return file_named(found)


def _known(runtime: Runtime, named: str) -> File | None:
    target = next(iter(runtime.ledger.files.many([named.lower()])), None)
    return target if target is not None and target.feed in runtime.feeds else None


def may_speak(item: Item, target: File) -> bool:
    """Whether a mailed correction comes from where the file came from; what lies in a bucket or a
    folder was put there by people who may write to it."""
    if item.sender is None or target.item.sender is None:
        return item.sender is None
    ours, theirs = (each.rpartition("@")[2].lower() for each in (item.sender, target.item.sender))
    return ours == theirs


def handed_over(runtime: Runtime, file: File, target: File) -> File:
    """The correction of another feed's file, given to that feed, where it is a file of its own."""
    page = Page(items=(file.item,))
    new = runtime.ledger.files.register(target.feed, file.source, page)
    known = runtime.ledger.files.versions(target.feed, {file.item.key})
    same = [each.file_id for each in known if each.item.version == file.item.version]
    reason = translate(
        "it corrects a file of feed {feed}, which takes it",
        feed=target.feed,
    )
    return replace(file, outcome=Outcome.UNCHANGED, repeats=(*new, *same)[0], reason=reason)


def correction_terms(
    runtime: Runtime, file: File, target: File, raw: Path, check: Callable[[], None]
) -> Terms:
    """What the correction is staged by: its feed's contract, in the form it came in."""
    feed = runtime.feeds[target.feed]
    contract = runtime.contract_of(feed)
    padding = reader_of(contract.dialect.format).traits.padding
    dialect = correction_dialect(raw, contract.dialect, runtime.limits)
    assert dialect is not None
    contract = replace(contract, dialect=dialect, reject_threshold=1.0)
    assert target.rejects_key is not None
    with stored_rejects(runtime, target) as rejects:
        unread: set[Line] = set()
        rejected = rejected_lines(replace(rejects, rows=_noted(rejects.rows, unread)))
    correcting = Correcting(
        file_id=target.file_id,
        name=target.item.name,
        rejected=rejected,
        delimiter=dialect.delimiter,
        padding=padding,
        unread={rejected[each] for each in unread},
        is_mark=lambda cell: "\ufffd" in cell or is_error(cell),
    )
    return Terms.of(
        file.file_id, feed, contract, runtime.limits, runtime.now(),
        check=check, correcting=correcting,
    )  # fmt: skip


def _noted(rows: Iterator[RejectedRow], unread: set[Line]) -> Iterator[RejectedRow]:
    """The same rows; of which some value could not be read is noted."""
    for row in rows:
        if any(each.rule in _UNREAD for each in row.problems):
            unread.add((row.member, row.line))
        yield row
