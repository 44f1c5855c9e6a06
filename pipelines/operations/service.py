"""The service: its workers, and what it has used of the warehouse's quotas."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipelines.operations.feeds import FeedPause, why_waiting
from pipelines.runtime import Runtime
from schemas.alert import Worker
from schemas.batch import OpenBatch


@dataclass(frozen=True, slots=True)
class WorkerView:
    """A worker, and whether it has given a sign of life lately."""

    worker: Worker
    is_alive: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class TableQuota:
    """What loads of one feed's table have used on this quota day, and of how much."""

    feed: str
    table: str
    day: str
    load_jobs: int
    load_jobs_of: int
    partition_changes: int
    partition_changes_of: int
    waits: FeedPause | None
    renewed_at: datetime | None


def workers(runtime: Runtime) -> Sequence[WorkerView]:
    """All workers that have not ended in good order, by when they started."""
    patience = timedelta(seconds=runtime.alert_rules.worker_seconds)
    now = runtime.now()
    return [
        WorkerView(each, now - each.seen_at <= patience) for each in runtime.ledger.workers.all()
    ]


def open_batches(runtime: Runtime, feeds: Collection[str] | None) -> Sequence[OpenBatch]:
    """The batches that are being loaded, of those feeds only if any are named; the oldest first."""
    return runtime.ledger.batches.under_way(feeds)


def table_quotas(runtime: Runtime, feeds: Collection[str]) -> Sequence[TableQuota]:
    """What was used of the daily quotas of those feeds' tables, by feed."""
    return [_quota(runtime, name) for name in sorted(feeds)]


def _quota(runtime: Runtime, name: str) -> TableQuota:
    capabilities, quotas, now = runtime.warehouse.capabilities, runtime.quotas, runtime.now()
    table = runtime.warehouse.table_id(runtime.contract_of(runtime.feeds[name]))
    day = capabilities.quota_day(now)
    spent = runtime.ledger.quota.spent(table, day, quotas.load_bucket)
    waits = why_waiting(runtime, name)
    return TableQuota(
        feed=name,
        table=table,
        day=day,
        load_jobs=spent.load_jobs,
        load_jobs_of=int(quotas.table_load_jobs * quotas.share),
        partition_changes=spent.partitions,
        partition_changes_of=int(quotas.partition_changes * quotas.share),
        waits=waits,
        renewed_at=waits.until if waits is not None else None,
    )
