"""Arrivals: day by day, whether the files that a feed expects came, and came in time.

A file answers the expected time that is nearest to when it was found, as `monitor.calendar` has
it, and is late by when it was sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from itertools import pairwise
from zoneinfo import ZoneInfo

from pipelines.monitor.calendar import expected_files
from pipelines.operations.feeds import feed_named
from pipelines.runtime import Runtime
from schemas.sla import Calendar, ExpectedFile

_MOST = 400
_A_DAY = timedelta(days=1)


class DayState(StrEnum):
    """How a day of a feed went; the worst of it where several files were expected."""

    MISSING = "missing"
    LATE = "late"
    DUE = "due"
    ON_TIME = "on_time"
    CLOSED = "closed"
    UNPROMISED = "unpromised"
    UNWATCHED = "unwatched"


@dataclass(frozen=True, kw_only=True, slots=True)
class FeedDay:
    """A day of a feed, in the zone of its calendar; `files` that ended on that day (UTC)."""

    day: date
    state: DayState
    files: int


def arrivals(runtime: Runtime, name: str, first: date, days: int) -> Sequence[FeedDay]:
    """So many days of a feed from the first on. What it asks of the ledger grows with the expected
    times in these days only. Raises NotFoundError."""
    contract = runtime.contract_of(feed_named(runtime, name))
    counts = {
        each.day: each.files for each in runtime.ledger.daily_counts.of(name, first.isoformat())
    }
    wanted = [first + timedelta(days=number) for number in range(days)]
    states = _states(runtime, name, contract.sla.calendar, wanted)
    return [
        FeedDay(day=day, state=states[day], files=counts.get(day.isoformat(), 0)) for day in wanted
    ]


def _states(
    runtime: Runtime, name: str, calendar: Calendar | None, days: list[date]
) -> dict[date, DayState]:
    if calendar is None:
        return dict.fromkeys(days, DayState.UNPROMISED)
    zone, now = ZoneInfo(calendar.timezone), runtime.now()
    since = runtime.ledger.feeds.arrived(name).since or now
    start, end = _midnight(days[0], zone), _midnight(days[-1] + _A_DAY, zone)
    # One more than are asked for: until when a file answers the last of them, the next one says.
    found = expected_files(name, calendar, start - timedelta(minutes=1), end, 0, _MOST)
    ends = [after.counts_from for _, after in pairwise(found)] + [max(now, end)]
    windows = [(each.counts_from, until) for each, until in zip(found, ends, strict=True)]
    sent = runtime.ledger.file_pages.first_sent(name, windows)
    states: dict[date, DayState] = {}
    order = list(DayState)
    for each, at in zip(found, sent, strict=True):
        day = each.expected_at.astimezone(zone).date()
        state = _state(each, at, now) if each.late_at >= since else DayState.UNWATCHED
        states[day] = min(state, states.get(day, state), key=order.index)
    return {day: states.get(day, DayState.CLOSED) for day in days}


def _state(expected: ExpectedFile, sent: datetime | None, now: datetime) -> DayState:
    if sent is not None:
        return DayState.ON_TIME if sent <= expected.late_at else DayState.LATE
    return DayState.MISSING if now > expected.late_at else DayState.DUE


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)
