"""A daily count: what has ended of one feed on one day."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class DailyCount:
    """Files and rows of a feed that ended on a day (UTC, `2026-11-03`), by what became of them.
    `left_out` files repeat others or gave way to newer ones. A file that is sent on its way again
    counts on the day on which it ends again."""

    feed: str
    day: str
    accepted: int = 0
    partly: int = 0
    quarantined: int = 0
    left_out: int = 0
    rows_read: int = 0
    rows_loaded: int = 0
    rows_rejected: int = 0
