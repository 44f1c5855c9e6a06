"""Calendars of expected files: any crontab line, zone, holiday and clock change."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipelines.monitor.calendar import (
    counts_from,
    expected_after,
    expected_files,
    expected_until,
    owed,
)
from pipelines.monitor.freshness import deadline
from schemas.sla import Arrived, Calendar, Sla

MADRID = Calendar(expression="0 9 * * 1-5", timezone="Europe/Madrid", holidays="ES-MD")
THURSDAY = datetime(2026, 12, 3, 12, tzinfo=UTC)


def test_weekends_holidays_and_closed_days_expect_nothing() -> None:
    """The 7th (moved from the 6th) and the 8th of December are holidays in Madrid."""
    days = [each.astimezone(ZoneInfo("Europe/Madrid")) for each in first(MADRID, THURSDAY, 3)]
    assert [(each.day, each.hour) for each in days] == [(4, 9), (9, 9), (10, 9)]
    closed = Calendar(expression="0 9 * * 1-5", closed=frozenset({date(2026, 12, 4)}))
    assert first(closed, THURSDAY, 1) == [datetime(2026, 12, 7, 9, tzinfo=UTC)]


def test_a_clock_change_neither_drops_nor_doubles_a_day() -> None:
    """02:30 does not exist in Madrid on 29 March 2026 and exists twice on 25 October."""
    nightly = Calendar(expression="30 2 * * *", timezone="Europe/Madrid")
    for start in (datetime(2026, 3, 27, tzinfo=UTC), datetime(2026, 10, 23, tzinfo=UTC)):
        zone = ZoneInfo("Europe/Madrid")
        days = [each.astimezone(zone).date() for each in first(nightly, start, 5)]
        assert days == [start.date() + timedelta(days=n) for n in range(5)]


@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        (datetime(2026, 12, 3, 7, 50, tzinfo=UTC), 3),  # ten minutes early
        (datetime(2026, 12, 3, 19, 59, tzinfo=UTC), 3),  # twelve hours late, still nearer
        (datetime(2026, 12, 3, 20, 0, tzinfo=UTC), 4),  # half-way: for the next day
        (datetime(2026, 12, 6, 19, 59, tzinfo=UTC), 4),  # the Sunday of a long weekend
    ],
)
def test_a_file_answers_the_expected_time_nearest_to_it(sent: datetime, answered: int) -> None:
    found = owed(MADRID, sent, THURSDAY)
    after = {3: 4, 4: 9}
    assert found == datetime(2026, 12, after[answered], 8, tzinfo=UTC)


def test_without_any_file_the_first_time_since_the_feed_is_watched_is_owed() -> None:
    assert owed(MADRID, None, THURSDAY) == datetime(2026, 12, 4, 8, tzinfo=UTC)


def test_a_calendar_of_holidays_only_owes_nothing() -> None:
    never = Calendar(expression="0 9 25 12 *", holidays="US")
    assert owed(never, None, THURSDAY) is None
    assert deadline(Sla(calendar=never), Arrived(since=THURSDAY), THURSDAY) is None


def test_the_earlier_of_two_promises_is_the_deadline() -> None:
    sla = Sla(max_age=timedelta(days=2), calendar=MADRID)
    sent = datetime(2026, 12, 3, 8, tzinfo=UTC)
    found = deadline(sla, Arrived(since=sent, last_sent=sent), THURSDAY)
    assert found is not None
    assert found.late_at == datetime(2026, 12, 4, 9, tzinfo=UTC)  # an hour after 9 in Madrid
    found = deadline(sla, Arrived(since=sent, last_sent=sent + timedelta(days=1)), THURSDAY)
    assert found is not None
    assert found.late_at == datetime(2026, 12, 6, 8, tzinfo=UTC)  # two days old, on a Sunday


def test_a_rare_time_is_named_however_far_ahead() -> None:
    yearly = Calendar(expression="0 9 2 1 *")
    found = expected_files("f", yearly, THURSDAY, THURSDAY + timedelta(days=8), 2, 300)
    assert [each.expected_at.year for each in found] == [2027, 2028]


calendars = st.builds(
    Calendar,
    expression=st.tuples(
        st.sampled_from(["0", "*/7", "59", "5,35", "30"]),
        st.sampled_from(["*", "2", "0-3", "9,17", "23"]),
        st.sampled_from(["*", "1", "*/2", "28-31", "L"]),
        st.sampled_from(["*", "3", "10-12"]),
        st.sampled_from(["*", "1-5", "0", "mon,thu"]),
    ).map(" ".join),
    timezone=st.sampled_from(["UTC", "Europe/Madrid", "America/New_York", "Asia/Kathmandu"]),
    holidays=st.sampled_from([None, "ES", "US", "DE-BY"]),
    closed=st.frozensets(st.dates(date(2026, 1, 1), date(2026, 12, 31)), max_size=5),
)
moments = st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC))


def in_madrid(expression: str) -> Calendar:
    return Calendar(expression=expression, timezone="Europe/Madrid")


# Backwards, a time within the hour that comes twice was passed over.
@example(in_madrid("59 2 L 10-12 0"), datetime(2026, 1, 1, tzinfo=UTC), THURSDAY)
# Started within its second coming, the first came again.
@example(in_madrid("5,35 0-3 L * 0"), datetime(2026, 10, 25, 1, 27, tzinfo=UTC), THURSDAY)
@settings(max_examples=150, deadline=None)
@given(calendars, moments, moments)
def test_both_directions_agree_and_a_file_answers_all_that_is_before_it(
    calendar: Calendar, start: datetime, sent: datetime
) -> None:
    ahead = first(calendar, start, 4)
    assert ahead == sorted(set(ahead))
    assert all(each > start for each in ahead)
    zone = ZoneInfo(calendar.timezone)
    assert not [each for each in ahead if each.astimezone(zone).date() in calendar.closed]
    back = list(islice(expected_until(calendar, ahead[-1]), 4))
    assert back[::-1] == ahead
    assert next(expected_until(calendar, ahead[1] - timedelta(microseconds=1))) == ahead[0]
    found = owed(calendar, sent, start)
    assert found is not None
    assert counts_from(calendar, found) > sent
    before = next(expected_until(calendar, found - timedelta(minutes=1)))
    assert counts_from(calendar, before) <= sent


@settings(max_examples=60, deadline=None)
@given(calendars, moments, moments)
def test_what_is_published_names_the_same_debt(
    calendar: Calendar, sent: datetime, now: datetime
) -> None:
    """The view takes the first published time that the newest file does not answer."""
    fed = min(sent, now)
    rows = expected_files("f", calendar, fed, now, 0, 300)
    rows += expected_files("f", calendar, now, now + timedelta(days=8), 2, 300)
    open_ones = [each.expected_at for each in rows if each.counts_from > fed]
    assert min(open_ones) == owed(calendar, fed, fed)


def first(calendar: Calendar, start: datetime, count: int) -> list[datetime]:
    return list(islice(expected_after(calendar, start), count))
