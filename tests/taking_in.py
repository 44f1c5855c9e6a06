"""Taking in: a feed's new files discovered and prepared, step by step."""

from __future__ import annotations

from pipelines.discover.step import discover
from pipelines.runtime import Runtime, Work
from pipelines.steps import STEPS
from schemas.file import Status


def found(runtime: Runtime, feed: str) -> list[str]:
    """Discover the feed's files; the ids of all that wait to be prepared, oldest first."""
    discover(runtime, feed)
    return list(runtime.ledger.leases.due(Status.DISCOVERED, 1000))


def taken_in(runtime: Runtime, feed: str) -> list[Work]:
    """Discover the feed's files and prepare them; the work that follows."""
    return [
        more for work in discover(runtime, feed) for more in STEPS[work.step](runtime, work.target)
    ]
