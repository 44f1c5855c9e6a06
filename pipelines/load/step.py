"""Load: the prepared files of a feed into its table, one batch and one transaction at a time."""

from __future__ import annotations

import logging
from dataclasses import replace

from connectors.failpoints import crash_point
from pipelines import quota
from pipelines.bundling import acknowledgements_of
from pipelines.failure import stop_feed
from pipelines.lease import keep_lease
from pipelines.load.after_load import plan_after_load
from pipelines.load.versions import settled
from pipelines.runtime import Runtime, Work
from pipelines.telemetry import TimedStep, event_now, timed_step
from schemas.batch import Batch, BatchKind, Committed
from schemas.contract import Contract
from schemas.drift import added_by, base_of, extended
from schemas.errors import (
    AttemptSpentError,
    DataError,
    FatalError,
    LeaseLostError,
    TableDiffersError,
    ThrottledError,
    WaybillError,
)
from schemas.file import Event
from schemas.quota import BEHIND

log = logging.getLogger(__name__)


def load(runtime: Runtime, feed_name: str) -> list[Work]:
    """Load everything the feed has prepared and return the acknowledgements that follow; one batch,
    and the next load, while files of the feed are still being prepared.

    Only one load at a time writes a table; a second one returns at once with nothing. A batch that
    an earlier, broken-off load left open is finished first. Raises RetryableError when the
    warehouse is away: the batch stays open for the next load; and ThrottledError, likewise, while
    the table is behind its contract. A FatalError stops the feed. While the governor has no room,
    prepared files wait.
    """
    contract = _in_force(runtime, feed_name)
    table = runtime.warehouse.table_id(contract)
    seconds = runtime.limits.lease_seconds
    if not runtime.ledger.locks.take(table, runtime.owner, seconds):
        return []

    def renew() -> None:
        if not runtime.ledger.locks.take(table, runtime.owner, seconds):
            raise LeaseLostError

    work: list[Work] = []
    search = _BatchBisector()
    try:
        # What was staged by another text of the contract may not fit the table any more.
        work += _prepared_again(runtime, feed_name, contract)
        with keep_lease(renew, seconds / 3) as check:
            while True:
                batch, contract, stale = _next(runtime, feed_name, table, search, contract)
                work += stale
                if batch is None:
                    break
                check()
                crash_point("load.opened")
                try:
                    work += _load(runtime, batch, contract)
                    search.loaded(batch)
                except DataError as error:
                    _set_aside(runtime, batch, error)
                    search.refused(batch)
                    continue
                if not search.suspects and runtime.ledger.files.unprepared(feed_name):
                    # Those that were prepared meanwhile wait for more: a batch costs a load job.
                    work.append(Work("load", feed_name))
                    break
    except ThrottledError as error:
        quota.pause(runtime, table, error)
        raise
    except FatalError as error:
        if isinstance(error, TableDiffersError) and _is_behind(runtime, contract):
            behind = ThrottledError(BEHIND)
            quota.pause(runtime, table, behind)
            raise behind from error
        stop_feed(runtime, feed_name, error)
        raise
    finally:
        runtime.ledger.locks.give_back(table, runtime.owner)
    return work


def _is_behind(runtime: Runtime, contract: Contract) -> bool:
    """Whether the table lacks what `waybill apply` would add. Asked only where a load was refused
    for how it is, because the warehouse is asked for it."""
    try:
        lacking = runtime.warehouse.plan([runtime.as_table(contract)], [])
    except WaybillError:
        return False  # what the load was refused for is told
    table = runtime.warehouse.table_id(contract)
    return any(each.safe and each.target.endswith(table) for each in lacking)


def _in_force(runtime: Runtime, feed: str) -> Contract:
    """The feed's contract as it is at this moment."""
    runtime.refresh()
    return runtime.contract_of(runtime.feeds[feed])


def _prepared_again(runtime: Runtime, feed: str, contract: Contract) -> list[Work]:
    """The work for files that wait to be loaded and were staged by another text."""
    stale = runtime.ledger.files.prepare_again(feed, contract.version)
    return [Work("prepare", file_id) for file_id in stale]


def _next(
    runtime: Runtime, feed: str, table: str, search: _BatchBisector, contract: Contract
) -> tuple[Batch | None, Contract, list[Work]]:
    """The batch to load now, the contract that has staged it, and work for files to stage again.

    Another text may come into force while the load runs. A file is only ever loaded by the text
    that has staged it: columns that the other does not know would be left out without a word.
    """
    work: list[Work] = []
    while (batch := _opened(runtime, feed, table, search, contract)) is None:
        newer = _in_force(runtime, feed)
        if runtime.warehouse.table_id(newer) != table:
            return None, newer, [*work, Work("load", feed)]
        stale = _prepared_again(runtime, feed, newer)
        work += stale
        if newer.version == contract.version and not stale:
            break
        contract = newer
    return batch, contract, work


def _opened(
    runtime: Runtime, feed: str, table: str, search: _BatchBisector, contract: Contract
) -> Batch | None:
    """The batch that is open, or a new one as large as there is room for."""
    room = quota.room(runtime, table)
    waits = room.pause is not None and not (room.scarce and search.suspects)
    if waits and room.pause is not None and feed in runtime.ledger.feeds.to_load():
        quota.log_pause(table, room.pause)
    if room.closed:
        return None
    most = 0 if waits else search.most(room.files)
    return runtime.ledger.batches.open(
        feed,
        table,
        most,
        runtime.limits.batch_bytes,
        runtime.warehouse.capabilities.max_partitions,
        contract.version,
    )


class _BatchBisector:
    """Finds the file for which a batch was refused, in as many loads as halving takes.

    `suspects` counts the oldest prepared files among which it is. A file that arrives between them
    meanwhile costs a load more, no harm.
    """

    def __init__(self) -> None:
        self.suspects = 0

    def most(self, otherwise: int) -> int:
        """How many files the next batch may have."""
        return max(1, self.suspects // 2) if self.suspects else otherwise

    def refused(self, batch: Batch) -> None:
        """One of these files is bad; a file alone is found, and the others are trusted again."""
        self.suspects = len(batch.files) if len(batch.files) > 1 else 0

    def loaded(self, batch: Batch) -> None:
        """None of these files is."""
        self.suspects = max(0, self.suspects - len(batch.files))


def _load(runtime: Runtime, batch: Batch, contract: Contract) -> list[Work]:
    """Load one batch and mark its files loaded."""
    feed = runtime.feeds[batch.feed]
    timed = timed_step(runtime, str(batch.kind))
    # Rows that come back are staged by the same text, whatever is in force by now.
    runtime = replace(runtime, contracts={**runtime.contracts, feed.contract: contract})
    if batch.kind is BatchKind.LOAD and _is_of_another_text(batch, contract):
        # It was taken up before the contract changed: its staging table has the columns of then.
        batch = runtime.ledger.batches.next_attempt(batch)
    batch = settled(runtime, batch)
    contract = _with_added(runtime, batch, contract)
    try:
        quota.charge(runtime, batch)
        committed = runtime.warehouse.load(batch, contract, feed.mode)
    except AttemptSpentError as error:
        log.warning("batch %s: %s", batch.batch_id, error.message)
        batch = runtime.ledger.batches.next_attempt(batch)
        quota.charge(runtime, batch)
        committed = runtime.warehouse.load(batch, contract, feed.mode)
    crash_point("load.committed")
    with runtime.ledger.acts.together():
        runtime.ledger.batches.commit(batch, committed, _events(timed, batch, committed))
        follows = plan_after_load(runtime, batch, committed)
    crash_point("load.closed")
    if batch.kind is BatchKind.UNLOAD:
        return [*(Work("acknowledge", file.file_id) for file in batch.files), *follows]
    return [*acknowledgements_of(runtime, batch.files), *follows]


def _is_of_another_text(batch: Batch, contract: Contract) -> bool:
    return any(base_of(file.contract_version) not in ("", contract.version) for file in batch.files)


def _with_added(runtime: Runtime, batch: Batch, contract: Contract) -> Contract:
    """The contract with the columns that the batch's files brought beyond it, once the table has
    them. Their contract versions name these columns."""
    brought = (*batch.files, *batch.restored)
    added = [name for file in brought for name in added_by(file.contract_version)]
    wider = extended(contract, added)
    if wider is not contract:
        runtime.warehouse.apply([runtime.as_table(wider)], [])
    return wider


def _events(timed: TimedStep, batch: Batch, committed: Committed) -> list[Event]:
    replaced = sum(removal.rows for removal in committed.removals)
    message = f"batch {batch.batch_id} of {len(batch.files)} files"
    if replaced:
        message += f", {replaced:,} rows replaced"
    if back := sum(each.rows for each in committed.restored):
        message += f", {back:,} rows brought back"
    return [
        *_versions(timed.runtime, batch),
        *_members(timed, batch, message),
    ]


def _versions(runtime: Runtime, batch: Batch) -> list[Event]:
    """What the batch means for files that are not its own."""
    said = {old: ("superseded", f"by {new}") for old, new in batch.superseded.items()}
    for file in batch.restored:
        if not file.in_force:
            said[file.file_id] = ("in force again", f"batch {batch.batch_id} was unloaded")
    return [
        event_now(runtime, file_id, "load", outcome, message)
        for file_id, (outcome, message) in said.items()
    ]


def _members(timed: TimedStep, batch: Batch, message: str) -> list[Event]:
    unload = batch.kind is BatchKind.UNLOAD
    seconds = timed.seconds
    return [
        timed.event(
            file.file_id,
            "committed",
            rows=None if unload else file.counts.loaded,
            message=message,
            seconds=seconds,
        )
        for file in batch.files
    ]


def _set_aside(runtime: Runtime, batch: Batch, error: DataError) -> None:
    """After the warehouse refused a batch's data: one file alone is quarantined; several go back to
    be batched anew, in halves."""
    log.warning("batch %s refused: %s", batch.batch_id, error.message)
    alone = len(batch.files) == 1
    events = [
        event_now(runtime, file.file_id, "load", "quarantined" if alone else "split", error.message)
        for file in batch.files
    ]
    runtime.ledger.batches.abandon(batch, events, refusal=error.message if alone else None)
