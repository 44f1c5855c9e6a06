"""After a load: a command of the feed, which is told of each batch that has changed the table.

What it is told is written down in the transaction that closes the batch, and it runs afterwards, as
a step of its own: no load waits for it, and none is undone for it. It runs at least once for each
batch, each time with the same batch id.
"""

from __future__ import annotations

import json
import logging
from datetime import timedelta
from typing import Any

from connectors.failpoints import crash_point
from pipelines.feed import Feed
from pipelines.lease import keep_lease
from pipelines.runtime import Runtime, Work
from pipelines.telemetry import TimedStep, timed_step
from schemas.after_load import AfterLoad, AfterLoadState, Ended
from schemas.batch import Batch, BatchKind, Committed
from schemas.errors import ConfigError, LeaseLostError
from schemas.file import Event, File

log = logging.getLogger(__name__)

STEP = "after_load"
_TRIES = 8
_SHOWN_IN = 20
"""In the timelines of so many files stands what the command has printed."""
_GROWTH, _LONGEST = 6, 3600.0
"""Each pause before the next try is so many times the one before, up to an hour."""


def plan_after_load(runtime: Runtime, batch: Batch, committed: Committed) -> list[Work]:
    """Write down that the feed's command is to be told of a batch; the work that runs it. Nothing
    for a feed that has none. Safe to repeat."""
    if not runtime.feeds[batch.feed].after_load:
        return []
    run = AfterLoad(
        batch_id=batch.batch_id,
        feed=batch.feed,
        batch=told_of(runtime, batch, committed),
        file_ids=tuple(file.file_id for file in batch.files),
        planned_at=runtime.now(),
    )
    runtime.ledger.after_loads.plan(run)
    return [Work(STEP, batch.feed)]


def told_of(runtime: Runtime, batch: Batch, committed: Committed) -> dict[str, Any]:
    """The batch as the command's JSON has it."""
    gone = runtime.ledger.files.many(list(batch.superseded))
    touched = {part for file in (*batch.files, *batch.restored, *gone) for part in file.partitions}
    return {
        "batch_id": batch.batch_id,
        "kind": str(batch.kind),
        "feed": batch.feed,
        "table": batch.table,
        "committed_at": runtime.now().isoformat(),
        "rows_loaded": committed.rows,
        "rows_removed": sum(each.rows for each in committed.removals),
        "partitions": sorted(touched),
        "files": [_file(batch, file) for file in batch.files],
    }


def after_load(runtime: Runtime, feed_name: str) -> list[Work]:
    """Run the feed's command for its oldest batch that it is still to be told of; nothing if that
    is not due, or runs elsewhere. A command that ends with another status than 0 runs again after a
    growing pause, and is given up after some tries: an alert says so then."""
    if runtime.commands is None:
        return []
    lease = runtime.limits.lease_seconds
    claimed = runtime.ledger.after_loads.claim(feed_name, runtime.new_lease(), lease)
    if claimed is None:
        return []
    crash_point("after_load.claimed")
    timed = timed_step(runtime, STEP)
    try:
        _run(runtime, runtime.feeds[feed_name], claimed, timed)
    except LeaseLostError:
        log.warning("after_load of %s: another worker has taken it over", claimed.batch_id)
    return [Work(STEP, feed_name)]


def _run(runtime: Runtime, feed: Feed, claimed: AfterLoad, timed: TimedStep) -> None:
    runs, seconds = runtime.ledger.after_loads, runtime.limits.lease_seconds
    if not feed.after_load:
        runs.close(claimed, AfterLoadState.GIVEN_UP, "the feed has no command any more", ())
        return
    with keep_lease(lambda: runs.renew(claimed, seconds), seconds / 3) as check:
        ended = _ended(runtime, feed, claimed, check)
    crash_point("after_load.ran")
    note = _note(ended, feed)
    if ended.is_well:
        told = _events(runtime, claimed, timed, "done", note)
        runs.close(claimed, AfterLoadState.DONE, note, told)
    elif claimed.tries >= _TRIES:
        note = f"given up after {claimed.tries} tries: {note}"
        _log(logging.ERROR, claimed, note)
        told = _events(runtime, claimed, timed, "given up", note)
        runs.close(claimed, AfterLoadState.GIVEN_UP, note, told)
    else:
        pause = min(runtime.limits.retry_seconds * _GROWTH ** (claimed.tries - 1), _LONGEST)
        note = f"try {claimed.tries}, again in {pause:,.0f} s: {note}"
        _log(logging.WARNING, claimed, note)
        told = _events(runtime, claimed, timed, "failed", note)
        runs.again(claimed, runtime.now() + timedelta(seconds=pause), note, told)


def _ended(runtime: Runtime, feed: Feed, claimed: AfterLoad, check: Any) -> Ended:
    assert runtime.commands is not None
    told = json.dumps(claimed.batch, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
    try:
        return runtime.commands.run(
            feed.after_load, told, feed.after_load_env, feed.after_load_seconds, check
        )
    except ConfigError as error:
        return Ended(127, error.message)


def _log(level: int, claimed: AfterLoad, note: str) -> None:
    """Log what we say of it: what the command printed may be anything, and is in the timelines."""
    said = note.partition("\n")[0]
    log.log(level, "after_load of batch %s of feed %s: %s", claimed.batch_id, claimed.feed, said)


def _note(ended: Ended, feed: Feed) -> str:
    """How it ended, and what it said."""
    said = "" if not ended.output else f"\n{ended.output}"
    if ended.status is None:
        return f"it was ended after {feed.after_load_seconds:,.0f} s{said}"
    return f"status {ended.status}{said}"


def _events(
    runtime: Runtime, claimed: AfterLoad, timed: TimedStep, outcome: str, note: str
) -> list[Event]:
    """What the timelines of the batch's files say of it. Files may have been forgotten since. What
    the command printed stands in those of the first files only: a batch may have a thousand."""
    found = {each.file_id for each in runtime.ledger.files.many(claimed.file_ids)}
    there = [each for each in claimed.file_ids if each in found]
    said, seconds = f"batch {claimed.batch_id}: {note}", timed.seconds
    short, _, printed = said.partition("\n")
    if printed:
        short = f"{short}; what it printed stands in the timeline of {there[0] if there else ''}"
    return [
        timed.event(each, outcome, message=said if at < _SHOWN_IN else short, seconds=seconds)
        for at, each in enumerate(there)
    ]


def _file(batch: Batch, file: File) -> dict[str, Any]:
    is_unload = batch.kind is BatchKind.UNLOAD
    return {
        "file_id": file.file_id,
        "name": file.item.name,
        "rows_read": file.counts.read,
        "rows_loaded": 0 if is_unload else file.counts.loaded,
        "rows_rejected": file.counts.rejected,
    }
