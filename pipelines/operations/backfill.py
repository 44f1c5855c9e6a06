"""Backfill: what a source holds from before its feed looked."""

from __future__ import annotations

from datetime import datetime

from pipelines.discover.step import register
from pipelines.feed import Feed
from pipelines.operations.acts import acting_outside
from pipelines.operations.replay import Progress, is_within
from pipelines.operations.run import drain_or_raise
from pipelines.runtime import Runtime
from schemas.errors import ConfigError
from schemas.item import Page


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
    state = runtime.ledger.feeds.state(feed_name)
    if state.stopped_at is not None:
        raise ConfigError(
            f"feed {feed_name} is stopped: {state.reason}",
            hint=f"fix it, then: waybill resume {feed_name}",
        )
    bounds = {
        "since": since.isoformat() if since is not None else None,
        "until": until.isoformat() if until is not None else None,
    }
    with acting_outside(runtime, "backfill", "feed", feed_name, feed_name, before=bounds) as told:
        seen, new = _take_in(runtime, feed, since, until, progress)
        told.after = {"seen": seen, "new": len(new)}
    return seen, new


def _take_in(
    runtime: Runtime,
    feed: Feed,
    since: datetime | None,
    until: datetime | None,
    progress: Progress,
) -> tuple[int, list[str]]:
    seen, new, feed_name = 0, list[str](), feed.name
    for page in runtime.sources[feed.source].list(feed.match, None):
        items = tuple(each for each in page.items if is_within(each.sent_at, since, until))
        seen += len(items)
        # The cursor stays where it is: what is in the past is no reason to list it again.
        new += register(runtime, feed_name, Page(items=items), past=True)
        if runtime.ledger.files.waiting(feed_name) >= runtime.limits.queued_files:
            drain_or_raise(runtime, feed_name, progress)
    drain_or_raise(runtime, feed_name, progress)
    return seen, new
