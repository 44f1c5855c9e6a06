"""Replay and backfill: what landed once more under today's contract, and what came before us."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import batched

from pipelines.discover.step import register
from pipelines.operations.run import drain
from pipelines.runtime import Runtime, Work
from schemas.errors import ConfigError
from schemas.file import LEFT_OUT, File, Outcome, Status
from schemas.item import Page

type Progress = Callable[[Work, int], None]

_AT_ONCE = 1000
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
        and _within(file.item.sent_at, since, until)
    ]
    return sorted(files, key=File.order)


def replay(
    runtime: Runtime, files: Sequence[File], progress: Progress, *, quiet: bool = True
) -> None:
    """Prepare those files of one feed again from landing, and put their new rows where the old
    ones were: rows of files loaded later stay on top.

    Goes on by `limits.batch_files` at a time. `quiet`: nobody gets mail about it. Raises
    ValueError for a file that is on its way.
    """
    for some in batched(files, runtime.limits.batch_files, strict=False):
        for file in some:
            runtime.ledger.retry(file.file_id, quiet=quiet)
        drain(runtime, [some[0].feed], (), progress)


def backfill(
    runtime: Runtime,
    feed_name: str,
    since: datetime | None,
    until: datetime | None,
    progress: Progress,
) -> tuple[int, list[str]]:
    """Take in all that the source holds and the feed has not seen, wherever its cursor stands.

    Files take their place by when they were sent: rows of files loaded since stay on top. Safe to
    break off and to repeat. Returns how many items were in question, and the new file ids.
    """
    feed = runtime.feeds[feed_name]
    state = runtime.ledger.feed_state(feed_name)
    if state.stopped_at is not None:
        raise ConfigError(
            f"feed {feed_name} is stopped: {state.reason}",
            hint=f"mend it, then: waybill resume {feed_name}",
        )
    seen, new = 0, list[str]()
    for page in runtime.sources[feed.source].list(feed.match, None):
        items = tuple(each for each in page.items if _within(each.sent_at, since, until))
        seen += len(items)
        # The cursor stays where it is: what is in the past is no reason to list it again.
        new += register(runtime, feed_name, Page(items=items), past=True)
        if runtime.ledger.waiting(feed_name) >= runtime.limits.queued_files:
            drain(runtime, [feed_name], (), progress)
    drain(runtime, [feed_name], (), progress)
    return seen, new


def _at_rest(runtime: Runtime, feed: str) -> Iterator[File]:
    after = ""
    while page := runtime.ledger.at_rest(feed, after, _AT_ONCE):
        yield from page
        after = page[-1].file_id


def _within(moment: datetime, since: datetime | None, until: datetime | None) -> bool:
    return (since is None or moment >= since) and (until is None or moment < until)
