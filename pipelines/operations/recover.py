"""Recover: find what is owed and not being done, whatever became of the task that should do it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from pipelines.bundling import acknowledgements_of
from pipelines.prepare.bundle import bundles_of
from pipelines.runtime import Runtime, Work
from schemas.file import File, Status

_AT_ONCE = 1000


def recover(runtime: Runtime) -> list[Work]:
    """Work for every file and batch that waits with nobody at it.

    The ledger, not the broker, knows what is owed: a task lost with its worker or its broker is
    found here. Work that is under way after all is a no-op when it runs twice.
    """
    ledger = runtime.ledger
    known = runtime.feeds
    digests = ledger.digests.feeds() if runtime.notifier is not None else {}
    return [
        *_due(runtime, Status.DISCOVERED),
        *(Work("load", feed) for feed in ledger.feeds.to_load() if feed in known),
        *_due(runtime, Status.LOADED),
        # A digest that was broken off, and what waits for one that its feed does not send any more.
        *(
            Work("digest", feed)
            for feed, is_begun in digests.items()
            if feed in known and (is_begun or known[feed].digest is None)
        ),
        *(Work("post", feed) for feed in ledger.posts.feeds() if runtime.webhooks is not None),
        *(Work("after_load", feed) for feed in ledger.after_loads.feeds() if feed in known),
    ]


def _due(runtime: Runtime, status: Status) -> Iterator[Work]:
    """The work for files that wait in that status: those that were never tried many at a time."""
    ids = runtime.ledger.leases.due(status, _AT_ONCE)
    fresh: dict[str, list[File]] = defaultdict(list)
    found = {file.file_id: file for file in runtime.ledger.files.many(ids)}
    for file in (found[file_id] for file_id in ids if file_id in found):
        if file.status is status and not file.tries and file.feed in runtime.feeds:
            fresh[file.feed].append(file)
        else:
            yield Work("prepare" if status is Status.DISCOVERED else "acknowledge", file.file_id)
    for feed, files in fresh.items():
        if status is Status.DISCOVERED:
            yield from bundles_of(runtime, feed, ((f.file_id, f.item.size) for f in files))
        else:
            yield from acknowledgements_of(runtime, files)
