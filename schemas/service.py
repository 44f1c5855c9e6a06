"""A service outside Waybill: whether it has done its part lately."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Service:
    """A source, or a way out. `good_at` is when it last did its part, `failing_since` since when it
    has not; `retry_at` is until when it has asked to be left alone."""

    name: str
    good_at: datetime | None = None
    failing_since: datetime | None = None
    error: str | None = None
    retry_at: datetime | None = None
