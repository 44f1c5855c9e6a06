"""A daily count: what has ended of one feed on one day."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class EndedCount:
    """Files that have ended, by what became of them, and their rows. `left_out` files repeat others
    or gave way to newer ones."""

    accepted: int = 0
    partly: int = 0
    quarantined: int = 0
    left_out: int = 0
    rows_read: int = 0
    rows_loaded: int = 0

    @property
    def files(self) -> int:
        """How many files have ended."""
        return self.accepted + self.partly + self.quarantined + self.left_out


@dataclass(frozen=True, kw_only=True, slots=True)
class DailyCount(EndedCount):
    """Files and rows of a feed that ended on a day (UTC, `2026-11-03`). A file that is sent on its
    way again counts on the day on which it ends again."""

    feed: str
    day: str
    rows_rejected: int = 0
