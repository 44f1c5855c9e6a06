"""Recover: find what is owed and not being done, whatever became of the task that should do it."""

from __future__ import annotations

from pipelines.runtime import Runtime, Work
from schemas.file import Status

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
        *(Work("prepare", file_id) for file_id in ledger.leases.due(Status.DISCOVERED, _AT_ONCE)),
        *(Work("load", feed) for feed in ledger.feeds.to_load() if feed in known),
        *(Work("acknowledge", file_id) for file_id in ledger.leases.due(Status.LOADED, _AT_ONCE)),
        # A digest that was broken off, and what waits for one that its feed does not send any more.
        *(
            Work("digest", feed)
            for feed, is_begun in digests.items()
            if feed in known and (is_begun or known[feed].digest is None)
        ),
    ]
