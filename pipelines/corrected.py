"""Corrected: what a file of corrections corrects, and what its rows are staged by.

A correction is no version of the file it corrects, nor a file by itself: its rows take the place
among the loads that the other file has, and leave with that.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from pipelines.correction import Correcting, correction_dialect, file_corrected, rejected_lines
from pipelines.parse import parsed
from pipelines.runtime import Runtime, Work
from pipelines.staging import Terms
from schemas.dialect import Dialect
from schemas.errors import BusyError, DataError
from schemas.file import File, Outcome, Status
from schemas.item import Item, Page
from schemas.language import say

_UNKNOWN = "its column {column} names the file {file}, which nobody here has sent"
_ON_ITS_WAY = frozenset(
    {Status.DISCOVERED, Status.PREPARING, Status.PREPARED, Status.LOADING, Status.UNLOADING}
)
_STRAY_SINCE, _STRAY_BYTES = timedelta(days=7), 16 * 1024 * 1024
_WHOLE_HINT = "send that file again, whole, with its rows corrected"


def corrected_file(
    runtime: Runtime, file: File, raw: Path, dialect: Dialect, folder: Path
) -> File | None:
    """The file that a correction names, whichever feed it belongs to; None if it names none, as
    those of earlier releases do. Raises DataError for a name that nobody knows."""
    feed = runtime.feeds[file.feed]
    with parsed(raw, dialect, runtime.limits, folder, (), feed.language) as found:
        named, _ = file_corrected(found)
    if named is None:
        return None
    target = next(iter(runtime.ledger.many([named.lower()])), None)
    if target is None or target.feed not in runtime.feeds or not _may_speak(file, target):
        raise DataError(
            _UNKNOWN,
            hint="leave the three columns at the end as they were when you got them",
            column="_file",
            file=named[:40],
        )
    return target


def _may_speak(file: File, target: File) -> bool:
    """Whether a mailed correction comes from where the file came from; what lies in a bucket or a
    folder was put there by people who may write to it."""
    if file.item.sender is None or target.item.sender is None:
        return file.item.sender is None
    ours, theirs = (each.item.sender or "" for each in (file, target))
    return ours.rpartition("@")[2].lower() == theirs.rpartition("@")[2].lower()


def handed_over(runtime: Runtime, file: File, target: File) -> File:
    """The correction of another feed's file, given to that feed, where it is a file of its own."""
    page = Page(items=(file.item,))
    new = runtime.ledger.register(target.feed, file.source, page)
    known = runtime.ledger.versions(target.feed, {file.item.key})
    same = [each.file_id for each in known if each.item.version == file.item.version]
    reason = say(
        "it corrects a file of feed {feed}, which takes it",
        runtime.feeds[file.feed].language,
        feed=target.feed,
    )
    return replace(file, outcome=Outcome.UNCHANGED, repeats=(*new, *same)[0], reason=reason)


def stray_correction(runtime: Runtime, source: str, item: Item) -> Work | None:
    """The work that a correction makes whose name no feed of its source takes, once it is given to
    the feed of the file that it corrects; None for anything else.

    Only the small and recent are looked into. Raises RetryableError when the source is away.
    """
    is_recent = item.sent_at > runtime.now() - _STRAY_SINCE
    if not is_recent or not 0 < (item.size or 0) <= _STRAY_BYTES:
        return None
    with tempfile.TemporaryDirectory(dir=runtime.work_folder, prefix="stray-") as name:
        folder = Path(name)
        raw = folder / "raw"
        try:
            with runtime.sources[source].open(item) as stream, raw.open("wb") as copy:
                shutil.copyfileobj(stream, copy)
            dialect = correction_dialect(raw, Dialect(), runtime.limits)
            if dialect is None:
                return None
            with parsed(raw, dialect, runtime.limits, folder) as found:
                named, _ = file_corrected(found)
        except DataError:
            return None
    target = next(iter(runtime.ledger.many([(named or "").lower()])), None)
    stranger = File(file_id="", feed="", source=source, item=item, status=Status.DISCOVERED)
    if target is None or target.feed not in runtime.feeds or not _may_speak(stranger, target):
        return None
    new = runtime.ledger.register(target.feed, source, Page(items=(item,)))
    return Work("prepare", new[0]) if new else Work("load", target.feed)


def refuse_correction(runtime: Runtime, target: File, file: File) -> None:
    """Raise DataError for a file whose rejected rows cannot be corrected one by one, and BusyError
    for one that is on its way: what of it is rejected is not known yet."""
    feed = runtime.feeds[target.feed]
    name = target.item.name
    if target.status in _ON_ITS_WAY:
        raise BusyError(f"{name}, which it corrects, is on its way")
    if target.item.key == file.item.key:
        raise DataError(
            "it lies where {name} lay, whose rejected rows it corrects: as its new version it would"
            " take all other rows away",
            hint="save it under another name, and send the file itself again",
            name=name,
        )
    if feed.makes_rows:
        raise DataError(
            "the rows of {name} are computed from all of its lines", hint=_WHOLE_HINT, name=name
        )
    if target.outcome is Outcome.QUARANTINED or not target.in_force:
        why = (
            "{name} itself is not loaded"
            if target.superseded_by is None
            else "{name} has been replaced by a newer version, which stands by itself"
        )
        raise DataError(why, hint=_WHOLE_HINT, name=name)
    if target.rejects_key is None or not runtime.storage.exists(target.rejects_key):
        why = (
            "the rejected rows of {name} are not kept any more"
            if target.counts.rejected
            else "no row of {name} was rejected"
        )
        raise DataError(why, hint=_WHOLE_HINT, name=name)


def correction_terms(
    runtime: Runtime, file: File, target: File, raw: Path, check: Callable[[], None]
) -> Terms:
    """What the correction is staged by: its feed's contract, in the form it came in."""
    feed = runtime.feeds[target.feed]
    contract = runtime.contract_of(feed)
    dialect = correction_dialect(raw, contract.dialect, runtime.limits)
    assert dialect is not None
    contract = replace(contract, dialect=dialect, reject_threshold=1.0)
    assert target.rejects_key is not None
    with tempfile.TemporaryFile(dir=runtime.work_folder) as copy:
        with runtime.storage.open(target.rejects_key) as stream:
            while block := stream.read(1024 * 1024):
                copy.write(block)
        copy.seek(0)
        rejected = rejected_lines(copy)
    correcting = Correcting(
        file_id=target.file_id,
        name=target.item.name,
        language=feed.language,
        rejected=rejected,
        delimiter=dialect.delimiter,
    )
    return Terms.of(
        file.file_id, feed, contract, runtime.limits, runtime.now(),
        check=check, correcting=correcting,
    )  # fmt: skip
