"""Quota: what loading uses of BigQuery's daily allowances."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, kw_only=True, slots=True)
class Charge:
    """What one attempt at a batch may use. `job` names it: the same job is charged once, however
    often it is sent. `day` is the quota day (ISO)."""

    job: str
    table: str
    day: str
    load_jobs: int
    partitions: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Bucket:
    """A token bucket: so many tokens at most, so many new ones a second."""

    name: str
    capacity: float
    per_second: float

    def refilled(self, tokens: float, at: datetime, now: datetime) -> float:
        """The tokens now, if there were so many then; below 0 when some are promised already."""
        passed = max(0.0, (now - at).total_seconds())
        return min(self.capacity, tokens + passed * self.per_second)

    def wait(self, tokens: float) -> timedelta:
        """How long until there is one again."""
        return timedelta(seconds=max(0.0, -tokens / self.per_second))


@dataclass(frozen=True, kw_only=True, slots=True)
class Spent:
    """What was charged: on one day to a table, and of the project's load jobs, `tokens` of which
    are left. `last_at` is when the table was last charged; `busy_tables` how many tables were, in
    the last hour."""

    charges: int = 0
    load_jobs: int = 0
    partitions: int = 0
    tokens: float = 1e9
    busy_tables: int = 1
    last_at: datetime | None = None


BEHIND = "the table is behind its contract: `waybill apply` lets it follow"
"""Why the loads of a table wait that lacks what its contract has in force."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pause:
    """A table's loads wait until then, and why."""

    until: datetime
    reason: str

    @property
    def is_behind(self) -> bool:
        """Whether they wait for the table to follow its contract."""
        return self.reason == BEHIND
