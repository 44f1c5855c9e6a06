"""A day of many files on a virtual clock: the governor's decisions against the service's limits.

No rows and no servers: tables get files at random, `decide` and the token buckets say what may be
loaded when, and every load is charged to the quotas of the strict front, which refuse what the real
service would. `python quota_day.py` plays the day of docs/performance.md.
"""

from __future__ import annotations

import heapq
import random
import sys
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from connectors.bigquery.capabilities import BIGQUERY
from pipelines.quota import decide
from schemas.limits import Limits, Quotas
from schemas.quota import Bucket, Spent
from strict_bigquery import quotas as service
from strict_bigquery.clock import Clock
from strict_bigquery.refusal import Refusal

_BEGIN = datetime(2026, 11, 3, tzinfo=UTC)
_LOG = "p:etl_meta.commits"
_LOAD_SECONDS = 5.0


@dataclass(slots=True)
class Day:
    """What came of it."""

    files: int = 0
    batches: int = 0
    refused: int = 0
    latest: timedelta = timedelta(0)
    waits: list[float] = field(default_factory=list)


class _Clock(Clock):
    """The virtual clock, as the strict front asks it."""

    def __init__(self) -> None:
        super().__init__()
        self.time = _BEGIN

    def now(self) -> float:
        return self.time.timestamp()


@dataclass(slots=True)
class _Table:
    waiting: list[datetime] = field(default_factory=list)
    charges: dict[str, int] = field(default_factory=dict)
    last_at: datetime | None = None
    is_asked: bool = False
    is_loading: bool = False


class _Tokens:
    """A bucket, as the ledger keeps it."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket, self._left, self._at = bucket, bucket.capacity, _BEGIN

    def left(self, now: datetime) -> float:
        return self._bucket.refilled(self._left, self._at, now)

    def draw(self, now: datetime, tokens: float) -> timedelta:
        self._left, self._at = self.left(now) - tokens, now
        return self._bucket.wait(self._left)


class Simulation:
    """So many tables, and workers that look at one at a time: each load keeps one for seconds."""

    def __init__(self, tables: int, workers: int, seed: int) -> None:
        self.day, self._dice, self._clock = Day(), random.Random(seed), _Clock()
        self._quotas, self._limits = Quotas(), Limits()
        self._tables = [_Table() for _ in range(tables)]
        self._loads = _Tokens(self._quotas.load_bucket)
        self._commits = _Tokens(self._quotas.commit_bucket)
        self._server = service.Quotas(self._clock)
        self._free, self._queue = workers, deque[int]()
        self._events: list[tuple[datetime, int, str]] = []
        self._busy = (_BEGIN, 1)

    def play(self, hours: float, files_an_hour: int) -> Day:
        """Let files come for so many hours, and load until none is left."""
        pace, end = files_an_hour / 3600, _BEGIN + timedelta(hours=hours)
        self._at(_BEGIN, "arrival")
        while self._events:
            self._clock.time, number, what = heapq.heappop(self._events)
            now, table = self._clock.time, self._tables[number]
            if what == "arrival":
                table.waiting.append(now)
                following = now + timedelta(seconds=self._dice.expovariate(pace))
                if following < end:
                    self._at(following, "arrival")
            elif what == "done":
                self._free += 1
                table.is_loading = False
            if table.waiting and not table.is_asked and not table.is_loading:
                table.is_asked = True
                self._queue.append(number)
            elif what == "again" and table.is_asked:
                self._queue.append(number)
            while self._free and self._queue:
                self._look(self._queue.popleft())
        return self.day

    def _at(self, when: datetime, what: str, number: int | None = None) -> None:
        if number is None:
            number = self._dice.randrange(len(self._tables))
        heapq.heappush(self._events, (when, number, what))

    def _look(self, number: int) -> None:
        table, now = self._tables[number], self._clock.time
        room = decide(self._quotas, self._limits, self._spent(table), now, BIGQUERY)
        if room.pause is not None:
            # Beat looks again as often as it recovers.
            self._at(now + timedelta(seconds=self._limits.recover_seconds), "again", number)
            return
        table.is_asked, table.is_loading = False, True
        self._free -= 1
        begun = now + self._commits.draw(now, 1)
        self._loads.draw(now, 1)
        taken, table.waiting = table.waiting[: room.files], table.waiting[room.files :]
        today = BIGQUERY.quota_day(now)
        table.charges[today] = table.charges.get(today, 0) + 1
        table.last_at = now
        _charge(self._server, self._clock, begun, number, self.day)
        self._at(begun + timedelta(seconds=_LOAD_SECONDS), "done", number)
        self.day.batches += 1
        self.day.files += len(taken)
        waits = [begun - each for each in taken]
        self.day.latest = max(self.day.latest, *waits)
        self.day.waits += [each.total_seconds() for each in waits]

    def _spent(self, table: _Table) -> Spent:
        now = self._clock.time
        if now - self._busy[0] > timedelta(seconds=10) or now < _BEGIN + timedelta(minutes=1):
            recent = (each.last_at for each in self._tables if each.last_at is not None)
            self._busy = now, sum(now - each < timedelta(hours=1) for each in recent)
        charges = table.charges.get(BIGQUERY.quota_day(now), 0)
        return Spent(
            charges=charges, load_jobs=charges, tokens=self._loads.left(now),
            busy_tables=max(1, self._busy[1]), last_at=table.last_at,
        )  # fmt: skip


def simulate(
    hours: float, files_an_hour: int, tables: int, *, workers: int = 8, seed: int = 7
) -> Day:
    """What becomes of files that come for so many hours."""
    return Simulation(tables, workers, seed).play(hours, files_an_hour)


def _charge(server: service.Quotas, clock: _Clock, begun: datetime, number: int, day: Day) -> None:
    """One load job into a staging table of its own, and a transaction that writes the table, the
    log and, every time, rejected rows."""
    before, clock.time = clock.time, begun
    try:
        server.charge_load(f"p:etl_staging.t{number}_{day.batches}", 0)
        server.charge_dml([f"p:d.t{number}", "p:etl_meta.rejected_rows", _LOG])
    except Refusal:
        day.refused += 1
    clock.time = before


if __name__ == "__main__":
    found = simulate(hours=24, files_an_hour=50_000, tables=300)
    waits = sorted(found.waits)
    sys.stdout.write(
        f"{found.files:,} files in {found.batches:,} batches, {found.refused} refused; a file waits"
        f" {waits[len(waits) // 2]:.0f} s (median), {waits[int(len(waits) * 0.99)]:.0f} s (99%),"
        f" {found.latest.total_seconds():.0f} s at most\n"
    )
