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


def sender_counts(
    runtime: Runtime, sender: str, feeds: Collection[str] | None
) -> Sequence[SenderCount]:
    """What one sender has sent to those feeds (None: every feed), by feed."""
    return runtime.ledger.senders.of(sender, feeds)
