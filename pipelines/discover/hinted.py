"""Hinted: take in exactly what a watched source tells, without a listing."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from connectors.protocols import Hinted
from pipelines.discover.step import bundled, first_moment, register
from pipelines.discover.taking import taken
from pipelines.discover.unmatched import feeds_of, note_left
from pipelines.feed import Feed
from pipelines.runtime import Runtime, Work
from schemas.errors import WaybillError
from schemas.item import Hint, Item, Left, Page
from schemas.unmatched import Why

log = logging.getLogger(__name__)


def watch_of(source: str) -> str:
    """The name in the ledger of the service that tells what arrives at a source."""
    return f"watch {source}"


def register_hinted(runtime: Runtime, source_name: str, hints: Sequence[Hint]) -> list[Work]:
    """Register what the hints name for the feeds that take it, and write down what none takes; the
    work that it makes. Hints are heeded once the ledger has that, and not before.

    None at all only says that the source is listened to. What a stopped feed or one with a full
    queue is told of waits for a whole listing, which it is owed from then on. Raises a WaybillError
    when the source or the ledger is away.
    """
    source = runtime.sources[source_name]
    if not isinstance(source, Hinted):
        raise TypeError(f"{source_name} gives no hints")
    items: dict[tuple[str, str], Item] = {}
    heeded: list[Hint] = []
    for hint, found in source.hinted(hints) if hints else ():
        if isinstance(found, WaybillError):
            log.warning("source %s, %r: %s", source_name, hint.key[:200], found.message)
            continue
        if found is not None:
            items[found.key, found.version] = found
        heeded.append(hint)
    work: list[Work] = []
    if items:
        arrived = sorted(items.values(), key=lambda item: item.sent_at)
        for feed in feeds_of(runtime, source_name):
            work += _register(runtime, feed, arrived)
        note_left(runtime, source_name, [Left(item, Why.NAME.name) for item in arrived])
    source.heed(heeded)
    runtime.ledger.services.note(watch_of(source_name))
    return work


def _register(runtime: Runtime, feed: Feed, arrived: Sequence[Item]) -> list[Work]:
    """Register what the feed takes of it."""
    ledger, state = runtime.ledger, runtime.ledger.feeds.state(feed.name)
    since = first_moment(runtime, feed, state)
    ours = [
        item
        for item in taken(feed, runtime.sources[feed.source], arrived)
        if since is None or item.sent_at >= since
    ]
    if not ours:
        return []
    room = runtime.limits.queued_files - ledger.files.waiting(feed.name)
    if state.stopped_at is not None or room < len(ours):
        ledger.feeds.note_listed(feed.name, None)
        return []
    # A version that comes after a later one of its key takes its place before that.
    versions = ledger.files.versions(feed.name, {item.key for item in ours})
    newest = {file.item.key: file.item.sent_at for file in versions}
    late = [item for item in ours if item.sent_at < newest.get(item.key, item.sent_at)]
    rest = [item for item in ours if item not in late]
    work: list[Work] = []
    for some, past in ((late, True), (rest, False)):
        page = Page(items=tuple(some))
        work += bundled(runtime, feed.name, page, register(runtime, feed.name, page, past=past))
    return work
