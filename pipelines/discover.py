"""Discover: list a source and write down every version that was not seen yet."""

from __future__ import annotations

import logging

from connectors.crash import crash_point
from pipelines.failure import stop_feed
from pipelines.runtime import Runtime, Work
from schemas.errors import FatalError

log = logging.getLogger(__name__)


def discover(runtime: Runtime, feed_name: str) -> list[Work]:
    """Register the feed's new items and return the work they make.

    Does nothing for a stopped feed, and stops listing while more files wait than
    `limits.queued_files`. Raises RetryableError when the source cannot be listed; a FatalError
    stops the feed.
    """
    feed = runtime.feeds[feed_name]
    state = runtime.ledger.feed_state(feed_name)
    if state.stopped_at is not None:
        log.warning("feed %s is stopped: %s", feed_name, state.reason)
        return []
    room = runtime.limits.queued_files - runtime.ledger.waiting(feed_name)
    work: list[Work] = []
    try:
        if room > 0:
            for page in runtime.sources[feed.source].list(feed.match, state.cursor):
                new = runtime.ledger.register(feed_name, feed.source, page)
                crash_point("discover.registered")
                work.extend(Work("prepare", file_id) for file_id in new)
                if len(work) >= room:
                    log.info("feed %s: %d files wait, listing goes on later", feed_name, len(work))
                    break
    except FatalError as error:
        stop_feed(runtime, feed_name, error)
        raise
    return work
