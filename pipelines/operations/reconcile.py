"""Reconcile: ledger and warehouse brought to agree, once one was restored from an older copy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import batched

from pipelines.operations.acts import acting_outside
from pipelines.runtime import Runtime
from schemas import storage_keys
from schemas.errors import ConfigError, RetryableError
from schemas.file import BRINGING, File, Status
from schemas.recorded import NOT_THE_LAST, LastCommit, Learned, Recorded

_PAGE = 1000
_LOCK_SECONDS = 600.0
_LOADED = frozenset({Status.LOADED, Status.ACKNOWLEDGING, Status.DONE, Status.FAILED})

NOT_KNOWN = (
    "whether senders of these files were answered: they are not answered again",
    "files that were held, drifts that were decided, and mail that was owed",
    "rejected rows of these files as a file of corrections",
    "API keys, links to receipts, drafts, addresses that people trust, and who did what (acts)",
    "revisions of contracts: the folder's are in force",
)
"""What no record in the warehouse tells."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reconciled:
    """What was done (or would be) for one feed's table.

    `new` files the ledger did not know, `corrected` ones it knew otherwise; `again` are files whose
    record the warehouse has lost, which go their way again from their raw bytes; of `lost` ones
    these are gone, and their rows with them. `unload` are files that a person had unloaded and
    whose rows are back.
    """

    feed: str
    table: str
    ledger: LastCommit
    warehouse: LastCommit
    new: int
    corrected: int
    again: tuple[str, ...]
    lost: tuple[str, ...]
    unload: tuple[str, ...]

    @property
    def agreed(self) -> bool:
        """Whether there was nothing to do."""
        changes = (self.new, self.corrected, self.again, self.lost, self.unload)
        return not any(changes) and self.ledger.number == self.warehouse.number


def disagreement(runtime: Runtime, feed: str) -> str | None:
    """How the last commits of a feed's table differ that ledger and warehouse know of; None if
    they do not, or a batch is under way."""
    table = runtime.warehouse.table_id(runtime.contract_of(runtime.feeds[feed]))
    known = runtime.ledger.generations.last_commit(table)
    # What the ledger knows of was committed after it was opened.
    last = runtime.warehouse.last_commit(table, known.at)
    if known.number == last.number or _is_under_way(runtime, table, last):
        return None
    older = "ledger" if (known.number or 0) < (last.number or 0) else "warehouse"
    return (
        f"{table}: the ledger knows of load {known.number or 'none'}, the table's last one is"
        f" {last.number or 'none'}: the {older} was restored from an older copy, or another"
        " service loads the table"
    )


def _is_under_way(runtime: Runtime, table: str, last: LastCommit) -> bool:
    """Whether the ledger has heard of that commit meanwhile, or has the batch of it open. A batch
    that is open because its load was refused is no reason."""
    open_ids = {b.batch_id for b in runtime.ledger.batches.under_way(None) if b.table == table}
    if runtime.ledger.generations.last_commit(table).number == last.number:
        return True
    return bool(open_ids) and not open_ids.isdisjoint(runtime.warehouse.batches(table))


@dataclass(frozen=True, kw_only=True, slots=True)
class Unreconciled:
    """A feed whose ledger and warehouse do not agree, or that is still stopped for it."""

    feed: str
    says: str
    todo: str


def unreconciled(runtime: Runtime) -> list[Unreconciled]:
    """Every feed that a restore has left something to do for. Raises what ledger and warehouse
    raise."""
    found = []
    for feed in runtime.feeds:
        state = runtime.ledger.feeds.state(feed)
        is_stopped = state.stopped_at is not None and NOT_THE_LAST in (state.reason or "")
        if differs := disagreement(runtime, feed):
            says = f"feed {feed}, {differs}" + ("; the feed is stopped" if is_stopped else "")
            found.append(Unreconciled(feed=feed, says=says, todo=f"waybill reconcile {feed}"))
        elif is_stopped:
            says = f"feed {feed} is still stopped: {NOT_THE_LAST}, it said; they agree now"
            found.append(Unreconciled(feed=feed, says=says, todo=f"waybill resume {feed}"))
    return found


def reconcile(runtime: Runtime, feed: str, *, dry_run: bool = False) -> Reconciled:
    """Make the ledger know of the feed's files what the warehouse has recorded, and load again
    what the warehouse has lost; with `dry_run` only say what would be done.

    Reads the whole log of the table. Safe to break off and to repeat. Raises ConfigError for a feed
    that there is not, and RetryableError while the table is being loaded.
    """
    if feed not in runtime.feeds:
        raise ConfigError(
            f"there is no feed {feed}", hint=f"the feeds are {', '.join(runtime.feeds)}"
        )
    table = runtime.warehouse.table_id(runtime.contract_of(runtime.feeds[feed]))
    if not runtime.ledger.locks.take(table, runtime.owner, _LOCK_SECONDS):
        raise RetryableError(f"{table} is being loaded", hint="stop the service, and try again")
    try:
        if dry_run:
            return _reconcile(runtime, feed, table, dry_run)
        with acting_outside(runtime, "reconcile", "feed", feed, feed) as told:
            done = _reconcile(runtime, feed, table, dry_run)
            told.after = {
                "new": done.new,
                "corrected": done.corrected,
                "again": len(done.again),
                "lost": len(done.lost),
            }
        return done
    finally:
        runtime.ledger.locks.give_back(table, runtime.owner)


def _reconcile(runtime: Runtime, feed: str, table: str, dry_run: bool) -> Reconciled:
    known, last = (
        runtime.ledger.generations.last_commit(table),
        runtime.warehouse.last_commit(table),
    )
    committed = set(runtime.warehouse.batches(table))
    counts = dict.fromkeys(Learned, 0)
    unload: list[str] = []
    there: set[str] = set()
    for recorded in runtime.warehouse.recorded(table):
        if recorded.feed != feed:
            continue
        if recorded.in_force:
            there.add(recorded.file_id)
        before = next(iter(runtime.ledger.files.many([recorded.file_id])), None)
        if before is not None and _is_newer(before, committed):
            if before.status is Status.UNLOADED and recorded.in_force:
                unload.append(recorded.file_id)
                counts[_learned(runtime, recorded, dry_run)] += 1
            continue
        counts[_learned(runtime, recorded, dry_run)] += 1
    again, lost = _to_load_again(runtime, feed, committed)
    if not dry_run:
        # What is lost is sent on its way, too: it ends as a file that could not be read.
        for some in batched((*again, *lost), _PAGE, strict=False):
            runtime.ledger.recovery.load_again(some, there)
        unload += runtime.ledger.recovery.close_batches(table, committed)
        runtime.ledger.generations.reset(table, last.number, last.at)
    return Reconciled(
        feed=feed,
        table=table,
        ledger=known,
        warehouse=last,
        new=counts[Learned.NEW],
        corrected=counts[Learned.CORRECTED],
        again=tuple(again),
        lost=tuple(lost),
        unload=tuple(unload),
    )


def _is_newer(file: File, committed: set[str]) -> bool:
    """Whether the ledger knows of a later load of the file, which the warehouse has lost."""
    return (
        file.batch_id is not None
        and file.batch_id not in committed
        and file.status in _LOADED | {Status.UNLOADED}
    )


def _learned(runtime: Runtime, recorded: Recorded, dry_run: bool) -> Learned:
    landing = storage_keys.landing(recorded.sha256) if recorded.sha256 else None
    if landing is not None and not runtime.storage.exists(landing):
        landing = None
    return runtime.ledger.recovery.learn(recorded, landing, dry_run=dry_run)


def _to_load_again(
    runtime: Runtime, feed: str, committed: set[str]
) -> tuple[Sequence[str], Sequence[str]]:
    """Files that the ledger knows as loaded by a batch which the warehouse does not have, and those
    among them whose bytes are nowhere any more."""
    again, lost = list[str](), list[str]()
    for file in _loaded(runtime, feed):
        if file.batch_id in committed:
            continue
        can = file.landing_key is not None and runtime.storage.exists(file.landing_key)
        is_lost = file.outcome in BRINGING and not can and not _is_listed(runtime, file)
        (lost if is_lost else again).append(file.file_id)
    return again, lost


def _loaded(runtime: Runtime, feed: str) -> Iterator[File]:
    after = ""
    while page := runtime.ledger.history.loaded(feed, after, _PAGE):
        yield from page
        after = page[-1].file_id


def _is_listed(runtime: Runtime, file: File) -> bool:
    """Whether the source still has the file."""
    try:
        with runtime.sources[file.source].open(file.item) as stream:
            stream.read(1)
    except Exception:
        return False
    return True
