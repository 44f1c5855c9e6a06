"""Freshness: whether a feed's table is as new as its contract promises."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from pipelines.monitor.calendar import expected_files, owed
from pipelines.runtime import Runtime
from schemas.language import translate
from schemas.sla import Arrived, ExpectedFile, FeedPromise, Sla

_AHEAD = timedelta(days=8)
_MAX = 300


@dataclass(frozen=True, kw_only=True, slots=True)
class Deadline:
    """By when the next file is due: expected at one moment, late from another one on."""

    expected_at: datetime
    late_at: datetime
    says: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Freshness:
    """How fresh a feed's table is. `late` is None where the contract promises nothing."""

    feed: str
    table: str
    latest_partition: str | None
    last_load: datetime | None
    last_sent: datetime | None
    expected_at: datetime | None = None
    late_at: datetime | None = None
    late: bool | None = None
    promise: str | None = None


def deadline(sla: Sla, arrived: Arrived, now: datetime) -> Deadline | None:
    """The earliest promise that only a further file can keep; None without one."""
    since = arrived.since or now
    found = []
    if sla.max_age is not None:
        due = (arrived.last_sent or since) + sla.max_age
        says = translate("at most {span} old", span=span(sla.max_age))
        found.append(Deadline(expected_at=due, late_at=due, says=says))
    if sla.calendar is not None:
        expected = owed(sla.calendar, arrived.last_sent, since)
        if expected is not None:
            found.append(
                Deadline(
                    expected_at=expected,
                    late_at=expected + sla.calendar.grace,
                    says=translate(
                        "due at {expression} {timezone}, {grace} of grace",
                        expression=sla.calendar.expression,
                        timezone=sla.calendar.timezone,
                        grace=span(sla.calendar.grace),
                    ),
                )
            )
    return min(found, key=lambda each: each.late_at, default=None)


def freshness(runtime: Runtime) -> list[Freshness]:
    """How fresh every feed's table is."""
    return [freshness_of(runtime, name) for name in sorted(runtime.feeds)]


def freshness_of(runtime: Runtime, name: str) -> Freshness:
    """How fresh one feed's table is."""
    contract = runtime.contract_of(runtime.feeds[name])
    arrived, now = runtime.ledger.feeds.arrived(name), runtime.now()
    due = deadline(contract.sla, arrived, now)
    return Freshness(
        feed=name,
        table=runtime.warehouse.table_id(contract),
        latest_partition=arrived.latest_partition,
        last_load=arrived.last_load,
        last_sent=arrived.last_sent,
        expected_at=due.expected_at if due else None,
        late_at=due.late_at if due else None,
        late=due.late_at <= now if due else None,
        promise=due.says if due else None,
    )


def publish(runtime: Runtime) -> None:
    """Tell the warehouse what is expected when, so that its view `freshness` is true at any time.

    What the newest file leaves open, and a week ahead: it is published anew every hour. Raises
    RetryableError.
    """
    runtime.ledger.feeds.watch(runtime.feeds)
    now = runtime.now()
    promises: list[FeedPromise] = []
    expected: list[ExpectedFile] = []
    for name in sorted(runtime.feeds):
        contract = runtime.contract_of(runtime.feeds[name])
        arrived = runtime.ledger.feeds.arrived(name)
        since = arrived.since or now
        promises.append(
            FeedPromise(
                feed=name,
                table=runtime.warehouse.table_id(contract),
                since=since,
                max_age=contract.sla.max_age,
            )
        )
        if contract.sla.calendar is not None:
            expected += _around(name, contract.sla, arrived.last_sent or since, now)
    runtime.warehouse.publish(promises, expected)


def _around(feed: str, sla: Sla, fed: datetime, now: datetime) -> list[ExpectedFile]:
    """The expected times that the newest file leaves open, and those to come."""
    assert sla.calendar is not None
    past = expected_files(feed, sla.calendar, min(fed, now), now, 0, _MAX)
    return past + expected_files(feed, sla.calendar, now, now + _AHEAD, 2, _MAX)


def span(length: timedelta) -> str:
    """A length of time in a person's words: `2 h`, `90 min`, `3 d`."""
    minutes = length.total_seconds() / 60
    for unit, size in (("d", 24 * 60), ("h", 60)):
        if minutes >= size and minutes % size == 0:
            return f"{minutes / size:g} {unit}"
    return f"{minutes:g} min"
