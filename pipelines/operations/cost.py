"""Cost: what the warehouse's jobs were billed for, and what an act would read before it is done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pipelines.operations.unload import Undo
from pipelines.runtime import Runtime
from schemas.contract import Contract
from schemas.cost import CostSum
from schemas.errors import ConfigError
from schemas.file import File


@dataclass(frozen=True, kw_only=True, slots=True)
class CostReport:
    """What jobs since a time were billed for: our own record of them, and the warehouse's, which
    is None where it keeps none or was not asked."""

    since: datetime
    sums: tuple[CostSum, ...]
    bytes_billed: int
    dollars: float
    warehouse_bytes: int | None


def cost(
    runtime: Runtime, since: datetime, *, feed: str | None = None, compare: bool = False
) -> CostReport:
    """What was billed since then, by feed, table and command; load jobs are free.

    With `compare` the warehouse's own record is asked for its total. Raises ConfigError for a feed
    that there is not.
    """
    if feed is not None and feed not in runtime.feeds:
        raise ConfigError(
            f"there is no feed {feed}", hint=f"the feeds are {', '.join(runtime.feeds)}"
        )
    sums = tuple(runtime.ledger.costs.sums(since, feed))
    total = sum(each.bytes_billed for each in sums)
    return CostReport(
        since=since,
        sums=sums,
        bytes_billed=total,
        dollars=runtime.warehouse.pricing.dollars(total),
        warehouse_bytes=runtime.warehouse.billed_since(since) if compare else None,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """What an act would read, in bytes and dollars, and whether that is worth a question."""

    bytes_read: int
    dollars: float
    is_large: bool


def estimate(runtime: Runtime, bytes_read: int) -> Estimate:
    """The price of so many bytes."""
    pricing = runtime.warehouse.pricing
    return Estimate(
        bytes_read=bytes_read,
        dollars=pricing.dollars(bytes_read),
        is_large=bytes_read > pricing.ask_above_bytes,
    )


def verify_estimate(
    runtime: Runtime, feeds: Sequence[str], since: datetime | None, *, deep: bool = False
) -> Estimate:
    """What `verify` of those feeds would read."""
    names = {runtime.feeds[name].contract for name in feeds}
    contracts = [runtime.contracts[name] for name in names]
    total = sum(runtime.warehouse.file_audits_bytes(each, since) for each in contracts)
    if deep:
        total += sum(runtime.warehouse.sums_bytes(each) for each in contracts)
    return estimate(runtime, total)


def explain_estimate(
    runtime: Runtime, contract: Contract, where: str, since: datetime | None
) -> Estimate:
    """What `explain` would read. Raises DataError for what is no condition."""
    return estimate(runtime, runtime.warehouse.find_bytes(contract, where, since))


def unload_estimate(runtime: Runtime, undo: Undo) -> Estimate:
    """What an unload would read: the rows of the partitions from which it takes some, twice, to
    count and to remove them."""
    contract = runtime.contract_of(runtime.feeds[undo.feed])
    return estimate(runtime, 2 * _rows_of(runtime, contract, (*undo.files, *undo.back)))


def replay_estimate(runtime: Runtime, files: Sequence[File]) -> Estimate:
    """What a replay would read: the partitions of the files, twice for each batch of them."""
    contract = runtime.contract_of(runtime.feeds[files[0].feed])
    batches = -(-len(files) // runtime.limits.batch_files)
    return estimate(runtime, 2 * batches * _rows_of(runtime, contract, files))


def _rows_of(runtime: Runtime, contract: Contract, files: Sequence[File]) -> int:
    partitions = {each for file in files for each in file.partitions}
    return runtime.warehouse.rows_bytes(contract, partitions)
