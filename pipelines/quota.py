"""Quota: how often and how much may be loaded, so that the warehouse refuses nothing.

`decide` is pure: what was spent and the clock in, the next batch's allowance out. The project's
load jobs refill evenly, so they are a token bucket: as it empties, batches grow and come at the
pace at which it refills. A table's own quota that is used up lets its files wait until the next
quota day, as `Capabilities` tells it. Transactions of all tables write one
log, so they are paced as well. The other limits are kept where they
arise: the partitions of a job by the ledger's choice of a batch's files and by `limits.partitions`;
10,000 addresses a load job by the loader, which puts files together into one; five metadata updates
a table in ten seconds by staging tables that are made once and removed once.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pipelines.runtime import Runtime
from schemas.batch import Batch
from schemas.capabilities import Capabilities
from schemas.errors import ThrottledError
from schemas.limits import Limits, Quotas
from schemas.quota import Charge, Pause, Spent

log = logging.getLogger(__name__)

_JOBS_A_BATCH = 2  # one for its rows, and one if its rejected rows are many
_LARGER, _MAX_FILES = 10, 10_000


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadAllowance:
    """What the next batch may be: so many files, or none before the `pause` is over.

    `scarce` says that the pause only spreads what is left of a budget; it does not bind a batch
    that has begun, or one that is being searched for a bad file. `closed` says that the warehouse
    itself asked for the pause, which binds all of them.
    """

    files: int
    pause: Pause | None = None
    scarce: bool = False
    closed: bool = False


def decide(
    quotas: Quotas, limits: Limits, spent: Spent, now: datetime, capabilities: Capabilities
) -> LoadAllowance:
    """The room for a table's next batch, given what was spent on this quota day.

    While a budget is plentiful a batch may go at once; once it runs low, batches are up to ten
    times as large and as far apart as makes it last until the day ends; a batch that could overrun
    it waits for the next day. The first batch of a day always goes as far as the table's own budget
    is concerned: else a small one would hold a large file for ever.
    """
    bucket = quotas.load_bucket
    if spent.tokens < _JOBS_A_BATCH:
        until = now + bucket.wait(spent.tokens - _JOBS_A_BATCH)
        reason = f"the project's {quotas.project_load_jobs:,} load jobs a day are used for now"
        return LoadAllowance(files=0, pause=Pause(until=until, reason=reason), scarce=True)
    paced = _paced(quotas, limits, spent, now)
    if not spent.charges or (paced is not None and paced.pause is not None):
        return paced or LoadAllowance(files=limits.batch_files)
    jobs = int(quotas.table_load_jobs * quotas.share)
    partitions = int(quotas.partition_changes * quotas.share)
    if spent.load_jobs + _JOBS_A_BATCH > jobs:
        return _out(f"{spent.load_jobs:,} of the table's {jobs:,} load jobs", now, capabilities)
    if spent.partitions + capabilities.max_partitions > partitions and spent.partitions:
        return _out(
            f"{spent.partitions:,} of the table's {partitions:,} partition changes",
            now,
            capabilities,
        )
    left = min(1 - spent.load_jobs / jobs, 1 - spent.partitions / partitions)
    if left >= quotas.spread_from:
        return paced or LoadAllowance(files=limits.batch_files)
    return _spread(quotas, limits, spent, now, capabilities)


def _out(used: str, now: datetime, capabilities: Capabilities) -> LoadAllowance:
    end = capabilities.day_ends(now)
    reason = f"{used} of today are used; loading goes on at {capabilities.quota_day_begins}"
    return LoadAllowance(files=0, pause=Pause(until=end, reason=reason))


def _paced(quotas: Quotas, limits: Limits, spent: Spent, now: datetime) -> LoadAllowance | None:
    """Once the project's load jobs run low: larger batches of a table, and between them as long as
    lets all busy tables go on at the pace at which load jobs refill; None while there are many."""
    bucket = quotas.load_bucket
    level = spent.tokens / bucket.capacity
    if level >= quotas.spread_from:
        return None
    apart = timedelta(seconds=spent.busy_tables / bucket.per_second)
    # Below half of what is spread the pace is slower than the refill, so that it recovers.
    apart *= 1.5 - level / quotas.spread_from
    files = _many(limits)
    if spent.last_at is None or spent.last_at + apart <= now:
        return LoadAllowance(files=files, scarce=True)
    reason = f"{spent.busy_tables:,} tables share the project's load jobs"
    return LoadAllowance(
        files=files, pause=Pause(until=spent.last_at + apart, reason=reason), scarce=True
    )


def _many(limits: Limits) -> int:
    return max(limits.batch_files, min(_MAX_FILES, limits.batch_files * _LARGER))


def _spread(
    quotas: Quotas, limits: Limits, spent: Spent, now: datetime, capabilities: Capabilities
) -> LoadAllowance:
    """Larger batches, and between them as long as makes the budget last."""
    batches = min(
        (most * quotas.share - used) * spent.charges / used
        for most, used in (
            (quotas.table_load_jobs, spent.load_jobs),
            (quotas.partition_changes, spent.partitions),
        )
        if used
    )
    apart = (capabilities.day_ends(now) - now) / max(batches, 1)
    files = _many(limits)
    if spent.last_at is None or spent.last_at + apart <= now:
        return LoadAllowance(files=files, scarce=True)
    reason = f"about {batches:.0f} batches are left of today's quotas and are spread over the day"
    return LoadAllowance(
        files=files, pause=Pause(until=spent.last_at + apart, reason=reason), scarce=True
    )


def used(quotas: Quotas, spent: Spent) -> tuple[float, str]:
    """The share of our part of the day's scarcest quota that is used, and a sentence about it."""
    bucket = quotas.load_bucket
    gone = round(bucket.capacity - spent.tokens)
    budgets = (
        (spent.load_jobs, quotas.table_load_jobs, "the table's {:,} load jobs"),
        (spent.partitions, quotas.partition_changes, "the table's {:,} partition changes"),
    )
    shares = []
    for count, quota, what in budgets:
        ours = max(1, int(quota * quotas.share))
        shares.append((count / ours, f"{count:,} of {what.format(ours)} of today are used"))
    saved = f"{gone:,} of {bucket.capacity:,.0f} load jobs that the project has saved up are used"
    shares.append((gone / bucket.capacity, saved))
    return max(shares)


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """What was spent of a table's quotas on this quota day, and the pause of its loads, if any."""

    table: str
    spent: Spent
    pause: Pause | None


def standings(runtime: Runtime) -> Iterator[Standing]:
    """How every table stands that a feed loads, by name."""
    day = runtime.warehouse.capabilities.quota_day(runtime.now())
    feeds = runtime.feeds.values()
    for table in sorted({runtime.warehouse.table_id(runtime.contract_of(each)) for each in feeds}):
        yield Standing(
            table=table,
            spent=runtime.ledger.quota.spent(table, day, runtime.quotas.load_bucket),
            pause=runtime.ledger.quota.pause_of(table),
        )


def room(runtime: Runtime, table: str, beside: int = 0) -> LoadAllowance:
    """The room for the table's next batch, from what the ledger knows; once so many more load jobs
    will have been charged."""
    now = runtime.now()
    pause = runtime.ledger.quota.pause_of(table)
    if pause is not None:
        return LoadAllowance(files=0, pause=pause, closed=True)
    capabilities = runtime.warehouse.capabilities
    day = capabilities.quota_day(now)
    spent = runtime.ledger.quota.spent(table, day, runtime.quotas.load_bucket)
    spent = replace(
        spent,
        charges=spent.charges + beside,
        load_jobs=spent.load_jobs + beside,
        tokens=spent.tokens - beside,
    )
    return decide(runtime.quotas, runtime.limits, spent, now, capabilities)


def holding(runtime: Runtime, feed: str) -> Pause | None:
    """Why the feed's prepared files wait, if they do."""
    contract = runtime.contract_of(runtime.feeds[feed])
    return room(runtime, runtime.warehouse.table_id(contract)).pause


def charge(runtime: Runtime, batch: Batch) -> None:
    """Charge an attempt at a batch to today's budget, before it is made.

    It is charged once, also when it is taken up again, on this day or another. Raises
    ThrottledError when it is new and there is no room for it: the batch waits as it is.
    """
    job = f"{batch.batch_id}.{batch.attempt}"
    if runtime.ledger.quota.charged(job):
        return
    found = room(runtime, batch.table)
    if found.pause is not None and not found.scarce:
        raise ThrottledError(f"{batch.table} waits until {_told(found.pause)}")
    bringing = [file for file in batch.files if file.staged_keys]
    rejecting = any(file.rejects_key for file in batch.files)
    # A transaction's turn comes within seconds: as many wait as there are workers.
    wait = runtime.ledger.quota.draw(runtime.quotas.commit_bucket, 1)
    if wait:
        runtime.pause(wait.total_seconds())
    runtime.ledger.quota.draw(runtime.quotas.load_bucket, bool(bringing) + rejecting)
    runtime.ledger.quota.charge(
        Charge(
            job=job,
            table=batch.table,
            day=runtime.warehouse.capabilities.quota_day(runtime.now()),
            load_jobs=bool(bringing) + rejecting,
            partitions=len({each for file in bringing for each in file.partitions}),
        )
    )


def may_preload(runtime: Runtime, table: str, job: str) -> bool:
    """Whether parts of a file may be loaded before its batch: only while every budget is plentiful
    and stays so, lest the batch wait for it. They are charged then as one load job of the table,
    once, however often it is sent."""
    if runtime.ledger.quota.charged(job):
        return True
    found = room(runtime, table, beside=1)
    if found.pause is not None or found.scarce:
        return False
    runtime.ledger.quota.draw(runtime.quotas.load_bucket, 1)
    day = runtime.warehouse.capabilities.quota_day(runtime.now())
    runtime.ledger.quota.charge(Charge(job=job, table=table, day=day, load_jobs=1, partitions=0))
    return True


def pause(runtime: Runtime, table: str, error: ThrottledError) -> None:
    """After the warehouse said that a quota is exceeded: leave the table alone for some minutes."""
    now = runtime.now()
    if runtime.ledger.quota.pause_of(table) is None and room(runtime, table).pause is None:
        until = now + timedelta(seconds=runtime.quotas.throttled_seconds)
        runtime.ledger.quota.pause(table, until, error.message)


def follow(runtime: Runtime, tables: Iterable[str]) -> None:
    """Let the loads of tables go on that waited for them to follow their contracts."""
    for table in tables:
        found = runtime.ledger.quota.pause_of(table)
        if found is not None and found.is_behind:
            runtime.ledger.quota.pause(table, runtime.now(), found.reason)


def log_pause(table: str, found: Pause) -> None:
    """Say in the log that a table's files wait, and why."""
    log.warning("%s: prepared files wait until %s", table, _told(found))


def _told(found: Pause) -> str:
    return f"{found.until:%Y-%m-%d %H:%M:%S} UTC: {found.reason}"
