"""Senders: what each has sent to which feed, and what became of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from pipelines.runtime import Runtime
from schemas.sender import SenderCount


def list_senders(
    runtime: Runtime,
    contains: str | None,
    feeds: Collection[str] | None,
    after: str | None,
    limit: int,
) -> Sequence[SenderCount]:
    """So many senders at most, by address, from the first one after `after` on, with their counts
    for each of those feeds (None: every feed); only those in whose address a text stands, if one
    is given."""
    return runtime.ledger.senders.page(contains, feeds, after, limit)
