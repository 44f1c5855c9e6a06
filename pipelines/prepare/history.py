"""History: what is known of a feed's earlier files when another one is prepared, or checked."""

from __future__ import annotations

from connectors.protocols import Ledger
from pipelines.drift.detector import FeedHistory
from schemas.drift import DriftStatus


def history_of(ledger: Ledger, feed: str, but: str = "") -> FeedHistory:
    """What the ledger knows of the feed's earlier files, `but` one of them."""
    decided = {
        status: tuple(each.finding for each in ledger.drifts.latest(feed, status))
        for status in (DriftStatus.ACCEPTED, DriftStatus.DISMISSED)
    }
    return FeedHistory(
        profiles=ledger.profiles.of(feed, but),
        accepted=decided[DriftStatus.ACCEPTED],
        dismissed=decided[DriftStatus.DISMISSED],
    )
