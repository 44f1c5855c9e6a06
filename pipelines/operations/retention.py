"""Retention: deletes objects and ledger rows past their retention, unless still referenced.

Files are cleaned in the order in which they were done; the ledger remembers how far each kind has
come. Only files that are done are looked at, so that whatever waits, is being worked on, has failed
or has yet to be told keeps everything. Each step is bounded, and safe to break off and to repeat:
an object is removed before the mark moves past its file.

Raw bytes are shared by content, so their removal could race with a file that brings them again.
It does not: cleaning locks the key in the ledger, forgets every old reference to it in the same
transaction that finds no young one, and only then removes the object; a file that finds its bytes
landed already goes through `prepare.landing_lock` before the ledger
learns of them. Whichever comes first, the other sees it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime, timedelta

from connectors.protocols import PreloadsParts
from pipelines.acknowledge.names import mark_of
from pipelines.operations.acts import acting_outside
from pipelines.operations.cleaned import Cleaned
from pipelines.operations.cleaned_uploads import abandoned, finished
from pipelines.prepare.landing_lock import LOCK_SECONDS
from pipelines.runtime import Runtime
from schemas import storage_keys
from schemas.act import SERVICE
from schemas.file import File, Status
from schemas.upload import UPLOADS

log = logging.getLogger(__name__)

_PAGES_A_LISTING = 100


def clean(runtime: Runtime, *, dry_run: bool = False) -> list[Cleaned]:
    """One bounded step of every kind; with `dry_run` nothing is removed, and everything that would
    go is counted. What the service does by itself is no act. Raises RetryableError when a part is
    away."""
    if dry_run or runtime.actor == SERVICE:
        return _clean(runtime, dry_run)
    with acting_outside(runtime, "clean", "storage", "retention") as told:
        done = _clean(runtime, dry_run)
        told.after = {each.kind: each.count for each in done if each.count}
    return done


def _clean(runtime: Runtime, dry_run: bool) -> list[Cleaned]:
    keep = runtime.retention
    done = [
        _by_file(runtime, kind, days, remove, dry_run)
        for kind, days, remove in (
            ("receipts", keep.receipts_days, _receipts),
            ("staged", keep.staged_days, _staged),
            ("rejects", keep.rejects_days, _rejects),
            ("landing", keep.landing_days, _landing),
        )
        if days is not None
    ]
    if keep.staged_days is not None:
        done.append(_bundles(runtime, keep.staged_days, dry_run))
    if keep.landing_days is not None:
        done.append(_uncovered(runtime, keep.landing_days, dry_run))
    done.append(abandoned(runtime, dry_run))
    if keep.uploads_days is not None:
        done.append(finished(runtime, keep.uploads_days, dry_run))
    done += _rows(runtime, dry_run)
    done += [_leftovers(runtime, dry_run), _brought_back(runtime, dry_run)]
    return done


def _by_file(
    runtime: Runtime,
    kind: str,
    days: int,
    remove: Callable[[Runtime, File, datetime, bool], int],
    dry_run: bool,
) -> Cleaned:
    """Clean the next files of one kind."""
    before = runtime.now() - timedelta(days=days)
    most, count = runtime.retention.clean_files, 0
    after = runtime.ledger.history.cleaned_to(kind)
    while page := runtime.ledger.history.done_before(before, after, most):
        count += sum(remove(runtime, file, before, dry_run) for file in page)
        last = page[-1]
        assert last.done_at is not None
        after = (last.done_at, last.file_id)
        if not dry_run:
            runtime.ledger.history.set_cleaned(kind, last)
            return Cleaned(kind=kind, count=count, more=len(page) == most)
    return Cleaned(kind=kind, count=count)


def _receipts(runtime: Runtime, file: File, before: datetime, dry_run: bool) -> int:
    source = runtime.sources.get(file.source)
    if source is None:
        return 0
    return 1 if dry_run else source.forget(file.item, mark_of(runtime, file))


def _staged(runtime: Runtime, file: File, before: datetime, dry_run: bool) -> int:
    """Everything that attempts up to this one have staged, but the rejects in use."""
    keys = [key for key in _attempts(runtime, file) if key != file.rejects_key]
    return _delete(runtime, keys, dry_run)


def _rejects(runtime: Runtime, file: File, before: datetime, dry_run: bool) -> int:
    if file.rejects_key is None:
        return 0
    if not dry_run and not runtime.ledger.history.forget_rejects(file):
        return 0
    if dry_run or not storage_keys.is_shared(file.rejects_key) or file.bundle is None:
        return _delete(runtime, [file.rejects_key], dry_run)
    # Rejects of other files lie beside them: the last one's go with the object.
    if not runtime.ledger.history.bundle_needed(file.bundle, before, rejects=True):
        _delete(runtime, [file.rejects_key], dry_run)
    return 1


def _attempts(runtime: Runtime, file: File) -> Iterator[str]:
    """The keys of the file's attempts up to the one we know; a later one is being made."""
    for key in runtime.storage.list(storage_keys.staged_of(file.feed, file.file_id)):
        attempt = storage_keys.attempt_of(key)
        if attempt is None or attempt <= file.attempt:
            yield key


def _landing(runtime: Runtime, file: File, before: datetime, dry_run: bool) -> int:
    """The raw bytes, unless a file that is younger or not done refers to them."""
    key = file.landing_key
    if key is None:
        return 0
    if dry_run:
        return int(not runtime.ledger.history.landing_needed(key, before))
    if not runtime.ledger.locks.take(key, runtime.owner, LOCK_SECONDS):
        return 0  # whoever holds it is about to need it
    try:
        if not runtime.ledger.history.forget_landing(key, before):
            return 0
        runtime.storage.delete(key)
        return 1
    finally:
        runtime.ledger.locks.give_back(key, runtime.owner)


def _bundles(runtime: Runtime, days: int, dry_run: bool) -> Cleaned:
    """What small files have staged together, once none of them needs it; the day that a bundle's
    name begins with tells whether it can be old enough."""
    before, count = runtime.now() - timedelta(days=days), 0
    for key in [*runtime.storage.list(storage_keys.BUNDLES)]:
        name = storage_keys.bundle_of(key)
        if name >= f"{before:%Y%m%d}":
            continue
        is_rejects = key == storage_keys.rejects(key.rpartition("/")[0])
        if not runtime.ledger.history.bundle_needed(name, before, rejects=is_rejects):
            count += _delete(runtime, [key], dry_run)
    return Cleaned(kind="bundles", count=count)


def _uncovered(runtime: Runtime, days: int, dry_run: bool) -> Cleaned:
    """Raw bytes that were kept beyond their time, because rows of theirs lay beneath others, of
    files that are not in force any more."""
    before, most = runtime.now() - timedelta(days=days), runtime.retention.clean_files
    files = runtime.ledger.history.uncovered(before, most)
    count = sum(_landing(runtime, file, before, dry_run) for file in files)
    return Cleaned(kind="landing kept", count=count, more=count == most)


def _brought_back(runtime: Runtime, dry_run: bool) -> Cleaned:
    """Rows that were staged to come back with batches that are over."""
    found = [*runtime.storage.list(storage_keys.AGAIN)]
    open_ids = set(runtime.ledger.batches.open_ids())
    over = [key for key in found if storage_keys.batch_of(key) not in open_ids]
    return Cleaned(kind="rows that came back", count=_delete(runtime, over, dry_run))


def _delete(runtime: Runtime, keys: Sequence[str], dry_run: bool) -> int:
    if not dry_run:
        for key in keys:
            runtime.storage.delete(key)
    return len(keys)


def _rows(runtime: Runtime, dry_run: bool) -> Iterator[Cleaned]:
    """Rows of the ledger: charges of past days, timelines, costs, files."""
    keep, now = runtime.retention, runtime.now()
    if not dry_run:
        runtime.ledger.quota.forget(
            runtime.warehouse.capabilities.quota_day(now - timedelta(days=2))
        )
    most = keep.clean_files
    if keep.timelines_days is not None:
        before = now - timedelta(days=keep.timelines_days)
        if not dry_run:
            # What was dismissed stays as long as its file would be told of.
            told = now - timedelta(days=runtime.alert_rules.file_days)
            runtime.ledger.alerts.forget(min(before, told))
            runtime.ledger.costs.forget(before)
            runtime.ledger.after_loads.forget(before)
            runtime.ledger.unmatched.forget(before)
            runtime.ledger.sent_files.forget(before)
        count = runtime.ledger.timelines.prune(before, most, dry_run=dry_run)
        yield Cleaned(kind="timelines", count=count, more=not dry_run and count == most)
    if keep.files_days is not None:
        if not dry_run:
            before = now - timedelta(days=keep.files_days)
            runtime.ledger.senders.forget(before)
            runtime.ledger.replies.forget_refusals(before)
        yield _files(runtime, now - timedelta(days=keep.files_days), dry_run)


def _files(runtime: Runtime, before: datetime, dry_run: bool) -> Cleaned:
    """The rows of files that no source lists any more; those of a mailbox stay.

    To list a source costs more than to forget many files, so that a step goes on with what it has
    listed for some pages.
    """
    most, count, pages = runtime.retention.clean_files, 0, 0
    listed: dict[str, Collection[tuple[str, str]] | None] = {}
    after = runtime.ledger.history.cleaned_to("files")
    while page := runtime.ledger.history.done_before(before, after, most):
        gone = []
        for file in page:
            if file.feed not in listed:
                listed[file.feed] = _listing(runtime, file.feed)
            known = listed[file.feed]
            is_listed = known is None or (file.item.key, file.item.version) in known
            if file.source == UPLOADS or not is_listed:
                gone.append(file.file_id)
        last = page[-1]
        assert last.done_at is not None
        after = (last.done_at, last.file_id)
        if dry_run:
            count += len(gone)
            continue
        count += runtime.ledger.history.forget_files(gone)
        runtime.ledger.history.set_cleaned("files", last)
        pages += 1
        if len(page) < most or pages == _PAGES_A_LISTING:
            return Cleaned(kind="files", count=count, more=len(page) == most)
    return Cleaned(kind="files", count=count)


def _listing(runtime: Runtime, feed: str) -> Collection[tuple[str, str]] | None:
    """What the feed's source lists now; None if there is none, or it goes on from a cursor."""
    of = runtime.feeds.get(feed)
    if of is None or runtime.ledger.feeds.state(feed).cursor is not None:
        return None
    pages = runtime.sources[of.source].list(of.match, None)
    return {(item.key, item.version) for page in pages for item in page.items}


def _leftovers(runtime: Runtime, dry_run: bool) -> Cleaned:
    """Staging tables and staged uploads of batches that are over.

    They are listed before the ledger is asked which batches are open: what is listed was made for
    a batch opened before, so that one not open then is over for good.
    """
    found = runtime.warehouse.leftovers()
    open_ids = set(runtime.ledger.batches.open_ids())
    over = [name for name, batch in found.items() if batch not in open_ids]
    over += _unused_parts(runtime)
    if not dry_run:
        for name in over:
            runtime.warehouse.remove_leftover(name)
    return Cleaned(kind="staging tables", count=len(over))


def _unused_parts(runtime: Runtime) -> list[str]:
    """Staging tables for parts of files that no batch will adopt: the file is not on its way any
    more, or by another attempt. They are listed before the ledger is asked, as above."""
    if not isinstance(runtime.warehouse, PreloadsParts):
        return []
    found = runtime.warehouse.preloaded()
    files = {
        each.file_id: each for each in runtime.ledger.files.many({id_ for id_, _ in found.values()})
    }
    coming = {Status.PREPARING, Status.PREPARED, Status.LOADING}
    return [
        name
        for name, (file_id, attempt) in found.items()
        if (file := files.get(file_id)) is None
        or file.attempt != attempt
        or file.status not in coming
    ]
