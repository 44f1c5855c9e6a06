"""Replay: what has landed is prepared again under today's contract."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import batched

from pipelines.operations.acts import acting_outside
from pipelines.operations.run import drain_or_raise
from pipelines.runtime import Runtime, Work
from schemas.errors import ConflictError
from schemas.file import LEFT_OUT, File, Outcome, Status

type Progress = Callable[[Work, int], None]

_AT_ONCE, _TOLD = 1000, 100
_NOT_AGAIN = LEFT_OUT | {Outcome.SUPERSEDED}


def replayable(
    runtime: Runtime, feed: str, since: datetime | None, until: datetime | None
) -> list[File]:
    """The feed's files that a replay runs again, oldest first: those in force, and those that were
    quarantined or failed. `since` and `until` bound when they were sent, `until` not included.

    Left out are repeats, superseded versions, and what a person has unloaded.
    """
    files = [
        file
        for file in _at_rest(runtime, feed)
        if file.status is not Status.UNLOADED
        and file.outcome not in _NOT_AGAIN
        and (file.in_force or file.superseded_by is None)
        and is_within(file.item.sent_at, since, until)
    ]
    return sorted(files, key=File.order)


def replay(
    runtime: Runtime, files: Sequence[File], progress: Progress, *, quiet: bool = True
) -> None:
    """Prepare those files of one feed again from landing, and put their new rows where the old
    ones were: rows of files loaded later stay on top.

    Goes on by `limits.batch_files` at a time. `quiet`: nobody gets mail about it. Raises
    ConflictError for a file that is on its way.
    """
    if not files:
        return
    feed = files[0].feed
    with acting_outside(runtime, "replay", "feed", feed, feed, before=_named(files)):
        for some in batched(files, runtime.limits.batch_files, strict=False):
            for file in some:
                _send_again(runtime, file, quiet)
            drain_or_raise(runtime, feed, progress)


def _named(files: Sequence[File]) -> dict[str, object]:
    """How many files, and the first of them by id."""
    return {"files": len(files), "file_ids": [file.file_id for file in files[:_TOLD]]}


def _at_rest(runtime: Runtime, feed: str) -> Iterator[File]:
    after = ""
    while page := runtime.ledger.history.at_rest(feed, after, _AT_ONCE):
        yield from page
        after = page[-1].file_id


def _send_again(runtime: Runtime, file: File, quiet: bool) -> None:
    try:
        runtime.ledger.files.retry(file.file_id, quiet=quiet)
    except ValueError as error:
        raise ConflictError(str(error)) from error


def is_within(moment: datetime, since: datetime | None, until: datetime | None) -> bool:
    """Whether a moment lies between two bounds, the later not included."""
    return (since is None or moment >= since) and (until is None or moment < until)
