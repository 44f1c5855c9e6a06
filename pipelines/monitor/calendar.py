"""Calendar: the times at which files are expected, and for which of them none has arrived.

A file answers the expected time that is nearest to when it was sent, so that an early file counts
for the time to come and a late one for the time that is over.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

from schemas.sla import Calendar, ExpectedFile

_CLOSED_IN_A_ROW = 70
_MINUTE = timedelta(minutes=1)
_NEAR = timedelta(hours=3)
"""How near a change of clocks may be to matter."""


def expected_after(calendar: Calendar, moment: datetime) -> Iterator[datetime]:
    """The expected times after a moment, in UTC, without end. None at all where every time falls
    on a holiday."""
    return _expected(calendar, moment)


def expected_until(calendar: Calendar, moment: datetime) -> Iterator[datetime]:
    """The expected times up to a moment, the latest first, in UTC, without end: those that are
    found going forward, so that both directions agree."""
    end, empty = moment, 0
    while empty < _CLOSED_IN_A_ROW and (start := _before(calendar, end)) is not None:
        found = list(takewhile(end.__ge__, _expected(calendar, start)))
        yield from reversed(found)
        end, empty = start, 0 if found else empty + 1


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
    before: datetime | None = None
    for expected in islice(expected_after(calendar, start), most):
        if expected >= end and len(found) >= least:
            break
        found.append(
            ExpectedFile(
                feed=feed,
                expected_at=expected,
                counts_from=(
                    before + (expected - before) / 2 if before else counts_from(calendar, expected)
                ),
                late_at=expected + calendar.grace,
            )
        )
        before = expected
    return found


def _before(calendar: Calendar, moment: datetime) -> datetime | None:
    """A moment before the latest time of the crontab line up to that one."""
    from cronsim import CronSim

    there = (moment + _MINUTE).astimezone(ZoneInfo(calendar.timezone))
    found = next(CronSim(calendar.expression, there, reverse=True), None)
    return None if found is None else min(found.astimezone(UTC), moment) - _NEAR


def _expected(calendar: Calendar, start: datetime) -> Iterator[datetime]:
    """The times after `start`. They do not depend on where one starts: a cron that is started
    within an hour that comes twice would name other times than one started before it."""
    from cronsim import CronSim

    zone = ZoneInfo(calendar.timezone)
    near = {(start + some).astimezone(zone).utcoffset() for some in (-_NEAR, _NEAR)}
    here = start if len(near) == 1 else start - 2 * _NEAR
    times = CronSim(calendar.expression, here.astimezone(zone))
    skipped = 0
    while skipped < _CLOSED_IN_A_ROW:
        found = next(times, None)
        if found is None:
            return
        if not _closed(calendar, found.date()):
            skipped = 0
            if (at := found.astimezone(UTC)) > start:
                yield at
            continue
        # One step leaves the whole day behind, however many times it has.
        skipped += 1
        edge = datetime.combine(found.date() + timedelta(days=1), time(), zone)
        edge = (edge.astimezone(UTC) - _MINUTE).astimezone(zone)
        times = CronSim(calendar.expression, edge)


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
