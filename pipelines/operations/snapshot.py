"""Snapshot: a feed's table kept as it is before something is taken out of it."""

from __future__ import annotations

from pipelines.operations.acts import acting_outside
from pipelines.runtime import Runtime

_DAYS = 7


def keep_table(runtime: Runtime, feed: str) -> str:
    """Keep the feed's table for a week under a name with the time; that full name."""
    contract = runtime.contract_of(runtime.feeds[feed])
    name = f"{contract.table}_{runtime.now():%Y%m%d_%H%M%S}"
    with acting_outside(runtime, "snapshot", "feed", feed, feed) as told:
        kept = runtime.warehouse.snapshot(contract, name, _DAYS)
        told.after = {"table": kept}
    return kept
