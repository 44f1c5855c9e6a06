"""Measures: what a monitoring system asks for, read from the ledger when it is asked.

No file name, sender or value of a cell is ever among the labels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pipelines.monitor.beat import view_beat
from pipelines.monitor.freshness import Freshness, freshness
from pipelines.quota import standings, used
from pipelines.runtime import Runtime
from schemas.alert import AlertKind
from schemas.daily_count import DailyCount
from schemas.measure import FilesOnTheWay

OF_LATE = timedelta(minutes=5)
"""The time over which steps are measured."""
_OUTCOMES = ("accepted", "partly", "quarantined", "left_out")
_FATES = ("rows_read", "rows_loaded", "rows_rejected")

type Labels = Mapping[str, str]


@dataclass(slots=True)
class Measure:
    """A number at this moment, once for each set of labels. `name` has its unit at its end, as
    Prometheus names them."""

    name: str
    says: str
    values: list[tuple[Labels, float]] = field(default_factory=list)

    def add(self, value: float, **labels: str) -> None:
        """One more value."""
        self.values.append((labels, value))


def measures(runtime: Runtime) -> Iterator[Measure]:
    """All that the ledger knows now. Raises RetryableError when it is away."""
    for of in (_files, _ended, _steps, _feeds, _alerts, _quotas, _unmatched, _workers, _beat):
        yield from of(runtime)


def _files(runtime: Runtime) -> Iterator[Measure]:
    found, now = runtime.ledger.measures.on_the_way(), runtime.now()
    count = Measure("waybill_files_waiting", "Files that are not done, by feed and status.")
    age = Measure(
        "waybill_oldest_waiting_file_seconds",
        "Since when the oldest file waits that goes on by itself, by feed.",
    )
    for each in found:
        count.add(each.files, feed=each.feed, status=each.status)
    for feed, oldest in _oldest(found).items():
        age.add(max(0.0, (now - oldest).total_seconds()), feed=feed)
    yield count
    yield age


_STUCK = frozenset({"held", "failed", "unloaded"})
"""A file in one of these waits for a person."""


def _oldest(found: Iterable[FilesOnTheWay]) -> dict[str, datetime]:
    oldest: dict[str, datetime] = {}
    for each in found:
        if each.status not in _STUCK:
            oldest[each.feed] = min(each.oldest, oldest.get(each.feed, each.oldest))
    return oldest


def _ended(runtime: Runtime) -> Iterator[Measure]:
    files = Measure(
        "waybill_files_today", "Files that have ended today (UTC), by feed and outcome."
    )
    rows = Measure("waybill_rows_today", "Their rows, by feed and fate.")
    for each in _today(runtime):
        for outcome in _OUTCOMES:
            files.add(getattr(each, outcome), feed=each.feed, outcome=outcome)
        for fate in _FATES:
            rows.add(getattr(each, fate), feed=each.feed, fate=fate.removeprefix("rows_"))
    yield files
    yield rows


def _today(runtime: Runtime) -> list[DailyCount]:
    """Today's counts; of a feed without any, zeros, so that a series does not end at midnight."""
    today = runtime.now().date().isoformat()
    known = {each.feed: each for each in runtime.ledger.measures.ended(today)}
    names = sorted({*known, *runtime.feeds})
    return [known.get(name) or DailyCount(feed=name, day=today) for name in names]


def _steps(runtime: Runtime) -> Iterator[Measure]:
    count = Measure("waybill_steps_recent", "Steps that have ended in 5 minutes, by outcome.")
    mean = Measure("waybill_step_mean_seconds", "How long these took on average.")
    for each in runtime.ledger.measures.step_times(runtime.now() - OF_LATE):
        count.add(each.count, step=each.step, outcome=each.outcome)
        mean.add(each.seconds / each.count, step=each.step, outcome=each.outcome)
    yield count
    yield mean


_OF_FEEDS: tuple[tuple[str, str, Callable[[Freshness], float | None]], ...] = (
    (
        "waybill_feed_late",
        "1 if the feed's table is older than its contract promises.",
        lambda each: None if each.late is None else float(each.late),
    ),
    (
        "waybill_feed_last_load_timestamp_seconds",
        "When the feed was last loaded.",
        lambda each: each.last_load.timestamp() if each.last_load else None,
    ),
    (
        "waybill_feed_due_timestamp_seconds",
        "From when on the feed is late unless a file comes.",
        lambda each: each.late_at.timestamp() if each.late_at else None,
    ),
)


def _feeds(runtime: Runtime) -> Iterator[Measure]:
    found = freshness(runtime)
    for name, says, value in _OF_FEEDS:
        measure = Measure(name, says)
        for each in found:
            if (number := value(each)) is not None:
                measure.add(number, feed=each.feed)
        yield measure
    stopped = Measure("waybill_feed_stopped", "1 if the feed waits for a person to resume it.")
    for feed in sorted(runtime.feeds):
        stopped.add(float(runtime.ledger.feeds.state(feed).stopped_at is not None), feed=feed)
    yield stopped


def _alerts(runtime: Runtime) -> Iterator[Measure]:
    found = Measure("waybill_alerts_open", "Alerts that are open, by kind.")
    kinds = [each.trouble.kind for each in runtime.ledger.alerts.latest()]
    for kind in AlertKind:
        found.add(kinds.count(kind), kind=kind.name.lower())
    yield found


def _quotas(runtime: Runtime) -> Iterator[Measure]:
    share = Measure(
        "waybill_quota_share", "How much of the day's scarcest quota is used, 0 to 1, by table."
    )
    pause = Measure("waybill_table_paused", "1 if the warehouse lets the table's loads wait.")
    for each in standings(runtime):
        share.add(used(runtime.quotas, each.spent)[0], table=each.table)
        pause.add(float(each.pause is not None), table=each.table)
    yield share
    yield pause


def _unmatched(runtime: Runtime) -> Iterator[Measure]:
    found = Measure("waybill_unmatched", "Groups of files that no feed takes, by source.")
    groups = [each.source for each in runtime.ledger.unmatched.latest()]
    for source in sorted({*runtime.sources, *groups}):
        found.add(groups.count(source), source=source)
    yield found


def _workers(runtime: Runtime) -> Iterator[Measure]:
    found = Measure("waybill_workers", "Workers, by whether they give signs of life.")
    patience = timedelta(seconds=runtime.alert_rules.worker_seconds)
    alive = [runtime.now() - each.seen_at <= patience for each in runtime.ledger.workers.all()]
    found.add(alive.count(True), state="alive")
    found.add(alive.count(False), state="silent")
    yield found


def _beat(runtime: Runtime) -> Iterator[Measure]:
    found = Measure("waybill_beat_seen_timestamp_seconds", "When beat was last seen.")
    if (seen := view_beat(runtime).seen_at) is not None:
        found.add(seen.timestamp())
    yield found
