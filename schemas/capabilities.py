"""Capabilities: what a warehouse can hold, and how much it takes, as far as others must know."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from schemas.contract import LINEAGE, Contract, Type


@dataclass(frozen=True, kw_only=True, slots=True)
class Capabilities:
    """One warehouse's.

    `types` are those that its columns can have. `max_partitions` is the most that one job may
    change, `max_job_bytes` the most that one load job may read, `table_partitions` the most that a
    table may have. `table_load_jobs` and `table_partition_changes` are a table's allowances for a
    quota day, which begins at midnight in `quota_zone`: `quota_day_begins` says so in words.
    """

    name: str
    types: frozenset[Type]
    max_columns: int
    max_partitions: int
    max_job_bytes: int
    table_partitions: int
    table_load_jobs: int
    table_partition_changes: int
    quota_zone: ZoneInfo
    quota_day_begins: str

    def quota_day(self, now: datetime) -> str:
        """The day (ISO) in whose quotas a job counts that is sent now."""
        return now.astimezone(self.quota_zone).date().isoformat()

    def day_ends(self, now: datetime) -> datetime:
        """When the quota day of that moment ends."""
        tomorrow = now.astimezone(self.quota_zone).date() + timedelta(days=1)
        return datetime.combine(tomorrow, time(), self.quota_zone).astimezone(now.tzinfo)

    def misfits(self, contract: Contract) -> Iterator[str]:
        """What of a contract's table the warehouse cannot hold, in a sentence each."""
        width = len(contract.columns) + len(LINEAGE)
        if width > self.max_columns:
            yield f"{width:,} columns with Waybill's own; {self.name} takes {self.max_columns:,}"
        for column in contract.columns:
            if column.type not in self.types:
                yield f"column {column.name}: {self.name} has no type {column.type}"
