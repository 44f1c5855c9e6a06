"""Arrivals: the times at which a calendar expects files, and which of them nothing has answered.

A file answers the expected time that is nearest to when it was sent, so that an early file counts
for the time to come and a late one for the time that is over.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import dropwhile, islice
from zoneinfo import ZoneInfo

from schemas.sla import Calendar, ExpectedFile

_CLOSED_IN_A_ROW = 70
_MINUTE = timedelta(minutes=1)


def expected_after(calendar: Calendar, moment: datetime) -> Iterator[datetime]:
    """The expected times after a moment, in UTC, without end. None at all where every time falls
    on a holiday."""
    return _expected(calendar, moment, reverse=False)


def expected_until(calendar: Calendar, moment: datetime) -> Iterator[datetime]:
    """The expected times up to a moment, the latest first, in UTC, without end."""
    later = _expected(calendar, moment + _MINUTE, reverse=True)
    return dropwhile(lambda at: at > moment, later)


def owed(calendar: Calendar, last_sent: datetime | None, since: datetime) -> datetime | None:
    """The first expected time that no file answers, if the newest one was sent then.

    Without any file it is the first one after the feed was watched.
    """
    if last_sent is None:
        return next(expected_after(calendar, since), None)
    return next(
        (
            each
            for each in expected_after(calendar, last_sent)
            if counts_from(calendar, each) > last_sent
        ),
        None,
    )


def counts_from(calendar: Calendar, expected: datetime) -> datetime:
    """From when on a file answers an expected time: half-way after the one before."""
    before = next(expected_until(calendar, expected - _MINUTE), None)
    return expected if before is None else before + (expected - before) / 2


def expected_files(
    feed: str, calendar: Calendar, start: datetime, end: datetime, least: int, most: int
) -> list[ExpectedFile]:
    """The times at which files of a feed are expected after `start` and before `end`: the first
    `most` of them, and `least` of them in any case."""
    found: list[ExpectedFile] = []
    for expected in islice(expected_after(calendar, start), most):
        if expected >= end and len(found) >= least:
            break
        found.append(
            ExpectedFile(
                feed=feed,
                expected_at=expected,
                counts_from=counts_from(calendar, expected),
                late_at=expected + calendar.grace,
            )
        )
    return found


def _expected(calendar: Calendar, start: datetime, *, reverse: bool) -> Iterator[datetime]:
    from cronsim import CronSim

    zone = ZoneInfo(calendar.timezone)
    times = CronSim(calendar.expression, start.astimezone(zone), reverse=reverse)
    skipped = 0
    while skipped < _CLOSED_IN_A_ROW:
        found = next(times, None)
        if found is None:
            return
        if not _closed(calendar, found.date()):
            skipped = 0
            yield found.astimezone(UTC)
            continue
        # One step leaves the whole day behind, however many times it has.
        skipped += 1
        day = found.date() if reverse else found.date() + timedelta(days=1)
        edge = datetime.combine(day, time(), zone)
        if not reverse:
            edge = (edge.astimezone(UTC) - _MINUTE).astimezone(zone)
        times = CronSim(calendar.expression, edge, reverse=reverse)


def _closed(calendar: Calendar, day: date) -> bool:
    if day in calendar.closed:
        return True
    return calendar.holidays is not None and day in _holidays(calendar.holidays, day.year)


@lru_cache(maxsize=256)
def _holidays(place: str, year: int) -> frozenset[date]:
    """The public holidays of a country or one of its parts in a year."""
    from holidays import country_holidays

    country, _, part = place.partition("-")
    return frozenset(country_holidays(country, subdiv=part or None, years=year))
