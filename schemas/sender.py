"""A sender: what has ended of the files that somebody sent to a feed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from schemas.daily_count import EndedCount

KEPT_ADDRESS = 320
"""Of an address so many characters are kept; no real one is longer."""
_ENOUGH_DAYS = 4
_A_DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class SenderCount(EndedCount):
    """Files of one sender for one feed that have ended. `days` is on how many days (UTC) they were
    sent, as far as each was later than those before it. Times are those of sending; a file that is
    sent on its way again leaves them as they are."""

    sender: str
    feed: str
    first_sent: datetime
    last_sent: datetime
    last_day: str
    days: int = 0

    @property
    def acceptance(self) -> float | None:
        """The share of rows that were loaded; None where no row was read."""
        return self.rows_loaded / self.rows_read if self.rows_read > 0 else None

    @property
    def usual_gap(self) -> timedelta | None:
        """How long there usually is between two days with files; None before there are some."""
        if self.days < _ENOUGH_DAYS:
            return None
        span = date.fromisoformat(self.last_day) - self.first_sent.date()
        return max(_A_DAY, span / (self.days - 1))

    def late(self, now: datetime) -> bool | None:
        """Whether nothing came for more than twice as long as usual; None where nobody can tell."""
        gap = self.usual_gap
        return None if gap is None else now - self.last_sent > 2 * gap + _A_DAY
