"""Look: the scheduled look at a feed's source, which is rarer where the source tells what comes."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from connectors.protocols import Hinted
from pipelines.discover.hinted import watch_of
from pipelines.discover.step import discover
from pipelines.runtime import Runtime, Work

log = logging.getLogger(__name__)

_SILENT = timedelta(minutes=3)
"""A listener says more often than that that it listens."""
_LATE = timedelta(minutes=5)
"""Events may come that much after the listing shows their objects."""
_MOST = 1000


def full_listing_of(runtime: Runtime, source_name: str) -> timedelta | None:
    """How often a source is listed whole while it is watched; None if it is listed on schedule."""
    source = runtime.sources[source_name]
    return source.full_listing if isinstance(source, Hinted) else None


def look(runtime: Runtime, feed_name: str) -> list[Work]:
    """Discover the feed, unless its source is watched and was listed whole less than its
    `full_listing` ago.

    Where nobody watches, every look lists. What such a listing finds although a watched source
    should have told of it is logged, and kept as what the service `events <source>` did not do.
    """
    feed = runtime.feeds[feed_name]
    period = full_listing_of(runtime, feed.source)
    if period is None:
        return discover(runtime, feed_name)
    begun, listed_at = runtime.now(), runtime.ledger.feeds.state(feed_name).listed_at
    is_watched = _is_watched(runtime, feed.source)
    if is_watched and listed_at is not None and begun - listed_at < period:
        return []
    work = discover(runtime, feed_name)
    if is_watched and listed_at is not None:
        _say_what_was_missed(runtime, feed_name, listed_at, begun)
    return work


def _is_watched(runtime: Runtime, source_name: str) -> bool:
    """Whether somebody listens; if it seems to be nobody, that is written down."""
    name = watch_of(source_name)
    service = runtime.ledger.services.get(name)
    if service.failing_since is not None:
        return False
    if service.good_at is not None and runtime.now() - service.good_at < _SILENT:
        return True
    runtime.ledger.services.note(name, "nobody listens; start waybill watch")
    return False


def _say_what_was_missed(
    runtime: Runtime, feed_name: str, listed_at: datetime, begun: datetime
) -> None:
    source = runtime.feeds[feed_name].source
    found = runtime.ledger.files.latest(feed=feed_name, since=begun, limit=_MOST)
    missed = [file for file in found if listed_at < file.item.sent_at < begun - _LATE]
    name = f"events {source} for {feed_name}"
    if not missed:
        runtime.ledger.services.note(name)
        return
    says = (
        f"the whole listing found {len(missed):,} that no event told of, the latest sent"
        f" {max(file.item.sent_at for file in missed):%Y-%m-%d %H:%M} UTC"
    )
    log.warning("source %s, feed %s: %s", source, feed_name, says)
    runtime.ledger.services.note(name, says)
