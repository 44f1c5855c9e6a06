"""What the ledger knows of loads: batches, tables, and what they cost."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from schemas.after_load import AfterLoad, AfterLoadState
from schemas.batch import Batch, Committed, OpenBatch
from schemas.cost import Cost, CostSum
from schemas.file import Event
from schemas.quota import Bucket, Charge, Pause, Spent
from schemas.recorded import LastCommit, Learned, Recorded


class LedgerBatches(Protocol):
    """Which files are loaded together. A feed has at most one open batch a table."""

    def open(
        self,
        feed: str,
        table: str,
        max_files: int,
        max_bytes: int,
        max_partitions: int | None = None,
        version: str | None = None,
    ) -> Batch | None:
        """The table's open batch for the feed, or a new one of its prepared files; None if none, or
        if the oldest was prepared under another contract version than `version`, extended or not.

        Files of one batch share a contract version and are ordered by `sent_at`. Together they
        have at most so many bytes and touch at most so many partitions, unless one alone has more.
        Clears the request noted by `LedgerFeeds.request_load`. Safe to repeat.
        """

    def open_unload(self, feed: str, table: str, file_ids: Collection[str]) -> Batch:
        """A batch that takes out the rows of those files, which must be in force; if it is open
        already, that one.

        Raises RetryableError while another batch of the feed is open, and ValueError naming a file
        that cannot be unloaded.
        """

    def next_attempt(self, batch: Batch) -> Batch:
        """Raise the batch's attempt, after the earlier one is known to have failed.

        If another load has raised it meanwhile, its attempt is returned. Raises LeaseLostError
        for a batch that is no longer open.
        """

    def commit(self, batch: Batch, committed: Committed, events: Iterable[Event]) -> None:
        """Mark the batch committed and its files loaded (or unloaded), together. Safe to repeat.

        Files whose outcome was settled with the batch get it; files that it superseded are no
        longer in force, and copies of them, which repeat nothing now, start again. Raises
        LeaseLostError for a batch that was abandoned.
        """

    def abandon(self, batch: Batch, events: Iterable[Event], refusal: str | None = None) -> None:
        """Give up an open batch: its files go back to PREPARED, to be batched anew.

        With a `refusal` they are quarantined for that reason: nothing of them is staged any more
        and all their rows count as rejected. Safe to repeat; raises LeaseLostError for a batch
        that was committed. Files to be unloaded stay loaded.
        """

    def open_ids(self) -> Sequence[str]:
        """The ids of all open batches."""

    def under_way(self, feeds: Collection[str] | None) -> Sequence[OpenBatch]:
        """The open batches, of those feeds only if any are named; the oldest first."""


class LedgerAfterLoads(Protocol):
    """Runs of the feeds' commands after a load, written down with the batch and until they have
    ended well. Those of a feed go one at a time, in the order of their batches."""

    def plan(self, run: AfterLoad) -> None:
        """Write down a run that is owed. Safe to repeat."""

    def feeds(self) -> Sequence[str]:
        """The feeds whose next run is due and not under way."""

    def claim(self, feed: str, owner: str, seconds: float) -> AfterLoad | None:
        """The feed's next run under a lease of so many seconds, and one try more; None if it is
        not due yet, is under way elsewhere, or nothing is owed."""

    def renew(self, run: AfterLoad, seconds: float) -> None:
        """Let the lease of a claimed run last so long from now. Raises LeaseLostError."""

    def close(
        self, run: AfterLoad, state: AfterLoadState, note: str, told: Iterable[Event]
    ) -> None:
        """End a claimed run, and tell it in the timelines. Raises LeaseLostError."""

    def again(self, run: AfterLoad, at: datetime, note: str, told: Iterable[Event]) -> None:
        """Let a claimed run be tried again then, and tell it in the timelines. Raises
        LeaseLostError."""

    def reopen(self, feed: str) -> int:
        """Let the feed's runs be tried anew that were given up since the last that ended well; how
        many. Safe to repeat."""

    def of(self, batch_id: str) -> AfterLoad | None:
        """The run of a batch."""

    def last_closed(self, feed: str, since: datetime) -> AfterLoad | None:
        """The run of the feed that ended last, well or not, since then."""

    def forget(self, before: datetime) -> int:
        """Forget runs that ended before that time; how many."""


class LedgerLocks(Protocol):
    """The leases on the warehouse's tables."""

    def take(self, table: str, owner: str, seconds: float) -> bool:
        """Take or renew the table's lease, so that only one load at a time writes it."""

    def give_back(self, table: str, owner: str) -> None:
        """Give the table's lease back; quiet if somebody else has taken it over."""


class LedgerGenerations(Protocol):
    """A number that rises with every batch of a table, kept by ledger and warehouse."""

    def last_commit(self, table: str) -> LastCommit:
        """The table's last commit that the ledger knows of. Its time is that at which its batch was
        opened."""

    def reset(self, table: str, number: int | None, at: datetime | None) -> None:
        """Go on from that commit, once ledger and warehouse are known to agree. Numbers that were
        drawn are not drawn again."""


class LedgerRecovery(Protocol):
    """A ledger that has lost files learns of them again from what the warehouse recorded."""

    def learn(self, recorded: Recorded, landing_key: str | None, *, dry_run: bool) -> Learned:
        """Take over what is recorded of a file; `landing_key` is where its bytes are, if they are.

        A file that the ledger knows as the warehouse does stays as it is.
        """

    def load_again(self, file_ids: Sequence[str], in_force: Collection[str]) -> None:
        """Send files on their way again whose load the warehouse has lost, without mail about it;
        those `in_force` have rows of an earlier load there."""

    def close_batches(self, table: str, committed: Collection[str]) -> Sequence[str]:
        """End the table's open batches: those that the warehouse has are committed, the others are
        given up, and their files batched anew. The files that were to be unloaded with one."""


class LedgerQuota(Protocol):
    """What loads have used of the day's quotas, and which tables pause."""

    def charge(self, charge: Charge) -> None:
        """Write down what an attempt at a batch may use of the day's quotas, before it is made.
        Safe to repeat."""

    def charged(self, job: str) -> bool:
        """Whether that job has been charged, on whatever day."""

    def spent(self, table: str, day: str, bucket: Bucket) -> Spent:
        """What was charged that quota day to the table, and what is left in the bucket."""

    def draw(self, bucket: Bucket, tokens: float) -> timedelta:
        """Take tokens, those to come if need be; how long until they are there. Each call takes
        them anew."""

    def forget(self, before: str) -> int:
        """Forget the charges of earlier days; how many."""

    def pause(self, table: str, until: datetime, reason: str) -> None:
        """Let the table's loads wait until then."""

    def pause_of(self, table: str) -> Pause | None:
        """The table's pause, unless it is over."""


class LedgerCosts(Protocol):
    """What the warehouse's jobs were billed for."""

    def note(self, cost: Cost) -> None:
        """Write down what a job was billed for; before `waybill apply` has made the ledger's tables
        there is nowhere to. Safe to repeat."""

    def sums(self, since: datetime, feed: str | None = None) -> Sequence[CostSum]:
        """What jobs since then were billed for, by feed, table and command; dearest first."""

    def forget(self, before: datetime) -> int:
        """Forget what older jobs were billed for; how many."""
