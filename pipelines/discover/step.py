"""Discover: list a source and write down every version that was not seen yet."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from connectors.failpoints import crash_point
from connectors.protocols import FeedState, Hinted, Surveyed
from pipelines.discover.taking import taken
from pipelines.discover.unmatched import note_left, tell_senders
from pipelines.failure import stop_feed
from pipelines.feed import Feed
from pipelines.prepare.bundle import bundles_of
from pipelines.runtime import Runtime, Work
from schemas.batch import WriteMode
from schemas.errors import AwayError, FatalError, RetryableError
from schemas.file import file_id_of
from schemas.item import Item, Left, Page
from schemas.unmatched import Why

_BEFORE = timedelta(days=1)
"""Mail that came so shortly before its feed was there was sent for it."""
log = logging.getLogger(__name__)


def discover(runtime: Runtime, feed_name: str) -> list[Work]:
    """Register the feed's new items and return the work they make; what of a page no feed of the
    source takes is written down before the cursor moves on.

    Does nothing for a stopped feed, and stops listing while more files wait than
    `limits.queued_files`. Raises RetryableError when the source cannot be listed; a FatalError
    stops the feed.
    """
    feed = runtime.feeds[feed_name]
    state = runtime.ledger.feeds.state(feed_name)
    if state.stopped_at is not None:
        log.warning("feed %s is stopped: %s", feed_name, state.reason)
        return []
    service = f"source {feed.source}"
    until = runtime.ledger.services.get(service).retry_at
    if until is not None and until > runtime.now():
        log.warning("source %s has asked to be left alone until %s", feed.source, until)
        return []
    room = runtime.limits.queued_files - runtime.ledger.files.waiting(feed_name)
    work, found = list[Work](), 0
    begun = runtime.now()
    try:
        if room > 0:
            begins = first_moment(runtime, feed, state)
            _say_what_fits_now(runtime, feed)
            for page in runtime.sources[feed.source].list(feed.match, state.cursor, begins):
                new = register(runtime, feed_name, page)
                crash_point("discover.registered")
                found += len(new)
                work += bundled(runtime, feed_name, page, new)
                if found >= room:
                    log.info("feed %s: %d files wait, listing goes on later", feed_name, found)
                    break
            else:
                _note_listed(runtime, feed, begun)
            runtime.ledger.services.note(service)
            tell_senders(runtime, feed.source)
    except FatalError as error:
        stop_feed(runtime, feed_name, error)
        raise
    except RetryableError as error:
        wait = error.wait if isinstance(error, AwayError) else None
        retry_at = runtime.now() + timedelta(seconds=wait) if wait else None
        runtime.ledger.services.note(service, error.message, retry_at)
        raise
    return work


def bundled(runtime: Runtime, feed: str, page: Page, file_ids: Sequence[str]) -> list[Work]:
    """The work that new files of a page make."""
    sizes = {file_id_of(feed, item.key, item.version): item.size for item in page.items}
    return bundles_of(runtime, feed, [(file_id, sizes.get(file_id)) for file_id in file_ids])


def _say_what_fits_now(runtime: Runtime, feed: Feed) -> None:
    """After a change of `match`, say what came before and fits it now: a mailbox's cursor is past
    it. A bucket or a folder is listed whole, and brings it by itself."""
    before = runtime.ledger.feeds.note_match(feed.name, feed.match)
    source = runtime.sources[feed.source]
    if before is None or isinstance(source, Surveyed):
        return
    fits = [
        item
        for group in runtime.ledger.unmatched.latest(feed.source)
        for item in group.items
        if group.why is Why.NAME
        and source.matches(
            feed.match, Item(key=item.key, version="", name=item.name, sent_at=item.sent_at)
        )
    ]
    if fits:
        since = min(item.sent_at for item in fits).date()
        log.warning(
            "feed %s looks for %s now, not for %s: %d files that came before fit it;"
            " waybill backfill %s --since %s takes them in",
            feed.name, feed.match, before, len(fits), feed.name, since,
        )  # fmt: skip


def _note_listed(runtime: Runtime, feed: Feed, begun: datetime) -> None:
    source = runtime.sources[feed.source]
    if isinstance(source, Hinted) and source.full_listing is not None:
        runtime.ledger.feeds.note_listed(feed.name, begun)


def first_moment(runtime: Runtime, feed: Feed, state: FeedState) -> datetime | None:
    """From when on items are the feed's. Nobody is answered about mails of last year because a feed
    is new; what lies in a bucket or a folder is there to be loaded."""
    if feed.begins is not None or isinstance(runtime.sources[feed.source], Surveyed):
        return feed.begins
    runtime.ledger.feeds.watch([feed.name])
    first = runtime.ledger.feeds.arrived(feed.name).since
    return first - _BEFORE if first is not None else None


def register(runtime: Runtime, feed_name: str, page: Page, *, past: bool = False) -> list[str]:
    """Write a page of a listing into the ledger; the new file ids."""
    feed = runtime.feeds[feed_name]
    source = runtime.sources[feed.source]
    items = taken(feed, source, page.items)
    ours = {id(item) for item in items}
    others = (Left(item, Why.NAME.name) for item in page.items if id(item) not in ours)
    if page.cursor is not None or page.left:
        # A source whose listing is always whole is surveyed instead.
        note_left(runtime, feed.source, (*page.left, *others))
    late = () if past else tuple(each for each in items if _is_late(runtime, feed, each))
    new = list(runtime.ledger.files.register(feed_name, feed.source, Page(items=late), past=True))
    known = {id(item) for item in late}
    rest = replace(page, items=tuple(each for each in items if id(each) not in known))
    new += runtime.ledger.files.register(feed_name, feed.source, rest, past=past)
    if new or page.readable:
        runtime.ledger.unmatched.take(feed.source, [*page.readable, *(items if new else ())])
    return new


def _is_late(runtime: Runtime, feed: Feed, item: Item) -> bool:
    """Whether the mail comes after a later one of the same sender about a file of the same name:
    its rows must not take the place of those that correct them."""
    if item.group is None or item.sender is None or feed.mode is WriteMode.APPEND:
        return False
    if runtime.ledger.files.many([file_id_of(feed.name, item.key, item.version)]):
        return False
    return any(
        each.feed == feed.name
        and each.item.sender == item.sender
        and each.item.sent_at > item.sent_at
        for each in runtime.ledger.files.find(item.name)
    )
