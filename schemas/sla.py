"""What a contract promises about arrivals: how old a table may get, and when files are expected."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta


@dataclass(frozen=True, kw_only=True, slots=True)
class Calendar:
    """When files are expected: at the times of a crontab line in a time zone, but on no holiday.

    `holidays` is a country (`ES`) or one of its parts (`ES-MD`), ISO 3166; `closed` are further
    days without files. A file is late once `grace` has passed since it was expected.
    """

    expression: str
    timezone: str = "UTC"
    holidays: str | None = None
    closed: frozenset[date] = frozenset()
    grace: timedelta = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Sla:
    """The promises of one contract: the newest loaded file was sent at most `max_age` ago, and one
    came for every time of the `calendar`. None promises nothing."""

    max_age: timedelta | None = None
    calendar: Calendar | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Arrived:
    """What has come of a feed and is in its table: when it was last loaded, when the newest of
    these files was sent, and the latest partition they went to.

    `since` is when the feed was first watched.
    """

    since: datetime | None = None
    last_load: datetime | None = None
    last_sent: datetime | None = None
    latest_partition: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ExpectedFile:
    """One time at which a file is expected. Files sent from `counts_from` on answer it; without
    one it is late at `late_at`."""

    feed: str
    expected_at: datetime
    counts_from: datetime
    late_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class FeedPromise:
    """A feed, its table, since when it is watched, and how old its newest file may get."""

    feed: str
    table: str
    since: datetime
    max_age: timedelta | None
