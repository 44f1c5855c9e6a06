"""Quota: what loading uses of BigQuery's daily allowances."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


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
class Spent:
    """What was charged on one day: to a table, and load jobs of all tables. `last_at` is when the
    table was last charged."""

    charges: int = 0
    load_jobs: int = 0
    partitions: int = 0
    all_load_jobs: int = 0
    last_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Pause:
    """A table's loads wait until then, and why."""

    until: datetime
    reason: str
