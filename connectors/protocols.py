"""What the pipelines ask of the outside world. Every implementation passes the same contract suite.

All of them translate their vendor's exceptions into `schemas.errors` at their edge.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO, Protocol, runtime_checkable

from schemas.accounted import Accounted
from schemas.alert import Alert, AlertKind, News, Trouble, Worker
from schemas.batch import Batch, Committed, Removal, WriteMode
from schemas.checksum import FileSums
from schemas.contract import Contract, View
from schemas.cost import Cost, CostSum, Pricing
from schemas.drift import Drift, DriftStatus, Finding, Profile, Profiles, Sighting
from schemas.file import Event, File, Status
from schemas.item import Item, Page
from schemas.quota import Bucket, Charge, Pause, Spent
from schemas.receipt import Answer, Message
from schemas.recorded import LastCommit, Learned, Recorded
from schemas.reply import Reply, ReplyState
from schemas.service import Service
from schemas.sla import Arrived, ExpectedFile, FeedPromise
from schemas.trust import Cause, Hold, Vouched
from schemas.unmatched import Unmatched


class Source(Protocol):
    """A place where files arrive: a bucket, a mailbox, a folder."""

    def list(self, match: str, cursor: str | None, since: datetime | None = None) -> Iterator[Page]:
        """Pages of the items whose key (or attachment name) matches the glob `match`.

        `**` crosses folders, `*` does not. Our own receipts, folders and empty markers are left
        out. `cursor` is the last page's cursor of an earlier listing, or None. What came before
        `since` is left out.
        """

    def matches(self, match: str, item: Item) -> bool:
        """Whether the glob matches the item's key (or attachment name)."""

    def open(self, item: Item) -> AbstractContextManager[BinaryIO]:
        """Stream exactly the bytes of that version; raises ItemChangedError if they are gone."""

    def acknowledge(self, item: Item, answer: Answer) -> None:
        """Leave the answer where the sender looks; then, if it is the last of its group, finish the
        original. Safe to repeat."""

    @property
    def moves(self) -> bool:
        """Whether `finish` does anything with originals."""

    def finish(self, item: Item) -> None:
        """Mark the original as handled, or move it where the configuration says. Safe to repeat."""

    def is_past(self, cursor: str | None, item: Item) -> bool:
        """Whether a listing that goes on at the cursor would not bring the item again; True for a
        source whose listing is always whole."""

    def forget(self, item: Item) -> int:
        """Remove the answer that was left for an item, not the item; how many documents went."""

    def check(self) -> str:
        """Connect and say in a few words what answered; raises what a listing would raise."""


@runtime_checkable
class Surveyed(Protocol):
    """A source that can list all that lies there, whatever feeds look for."""

    def survey(self) -> Iterator[Page]:
        """Pages of everything but our own receipts, folders and empty markers."""


@runtime_checkable
class Answering(Protocol):
    """A source that has some senders told when no feed takes what they sent."""

    @property
    def answer_unmatched(self) -> Sequence[str]:
        """Those senders: addresses and domains, as in a feed's trust."""


@runtime_checkable
class Watched(Protocol):
    """A source that can tell when something has arrived."""

    def watches(self, stop: threading.Event) -> Iterator[Iterator[None]]:
        """Iterators that go on, each in a thread of its own, when something may have arrived; more
        may come later. All end once `stop` is set."""


@runtime_checkable
class Vouching(Protocol):
    """A source that knows what speaks for the sender of an item."""

    def vouched(self, item: Item) -> Sequence[Vouched]:
        """The results of authentication that passed; raises RetryableError while they cannot be
        had."""


class Storage(Protocol):
    """Durable objects of our own: landed files, staged Parquet, rejects. Keys are relative."""

    def put(self, key: str, path: Path, *, is_final: bool = False) -> bool:
        """Store a local file under a new key; False, and nothing written, if the key exists.

        One that `is_final` is not written to again, so that it need not be copied."""

    def open(
        self, key: str, span: tuple[int, int] | None = None
    ) -> AbstractContextManager[BinaryIO]:
        """Stream an object, or the bytes of it from one to another; raises FileNotFoundError."""

    def exists(self, key: str) -> bool:
        """Whether an object has that key."""

    def list(self, prefix: str) -> Iterator[str]:
        """The keys below a prefix (a folder, with or without its closing slash)."""

    def delete(self, key: str) -> None:
        """Remove an object; quiet if it is not there."""

    def uri(self, key: str) -> str:
        """The object's full address: `file:///…`, `s3://…` or `gs://…`."""

    def check(self) -> str:
        """Write, read and remove a small object and say where."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One difference between the warehouse and the contracts.

    `safe` changes are made by `apply`; the others need a person, and `todo` says what to decide.
    """

    target: str
    what: str
    safe: bool
    todo: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class PartitionCount:
    """Rows of one partition of a table, counted in the warehouse itself."""

    partition: str
    rows: int


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadCounts:
    """A file's figures as its last load recorded them."""

    outcome: str | None
    read: int
    loaded: int
    rejected: int
    dropped: int
    aggregated: int = 0
    accounted: Accounted | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Tally:
    """What the warehouse holds and has recorded of one file, as of one moment.

    `rows` are counted in the table itself; `loaded` and `removed` are summed over all loads;
    `rejected_rows` are those of the `last` one, which is None for rows nobody has recorded.
    """

    file_id: str
    feed: str | None
    rows: int
    loaded: int
    removed: int
    rejected_rows: int
    partitions: frozenset[str]
    last: LoadCounts | None


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundRow:
    """A row of a table: its values by column, and its lineage."""

    values: Mapping[str, object]
    file_id: str
    row: int
    batch_id: str
    loaded_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """A statement that was tried without being run: what it is for, its text, the bytes it would
    read, and the error it would get, with what to do about it."""

    what: str
    sql: str
    bytes_read: int = 0
    error: str | None = None
    todo: str | None = None


class Warehouse(Protocol):
    """Where the tables are."""

    def plan(self, contracts: Sequence[Contract], views: Sequence[View]) -> Sequence[Change]:
        """What the warehouse lacks against the contracts; changes nothing."""

    def apply(self, contracts: Sequence[Contract], views: Sequence[View]) -> Sequence[Change]:
        """Make every safe change, and return all changes. Never drops or narrows."""

    def table_id(self, contract: Contract) -> str:
        """The full name of the contract's table: `project.dataset.table`."""

    def committed(self, batch_id: str) -> bool:
        """Whether that batch's transaction has committed."""

    def load(self, batch: Batch, contract: Contract, mode: WriteMode) -> Committed:
        """Stage the batch's files and commit them with their bookkeeping in one transaction.

        A batch that has committed before is a no-op that returns what it did then. Raises
        RetryableError when nothing is known to be committed (the same batch may be loaded again),
        AttemptSpentError when that needs a new attempt number, and DataError naming the file
        when the warehouse refuses the data.
        """

    def beneath(
        self, table: str, files: Collection[str], known_since: datetime | None = None
    ) -> Sequence[str]:
        """Files some of whose rows were taken out by a batch that brought rows of one of these.

        Nothing about the files was recorded before `known_since`, which bounds what is read.
        """

    def standing(
        self, table: str, files: Collection[str], known_since: datetime | None = None
    ) -> Mapping[str, int]:
        """How many rows of each file the table holds, by Waybill's own records, none of which is
        older than `known_since`."""

    def tallies(self, contract: Contract, since: datetime | None = None) -> Iterator[Tally]:
        """The tallies of all files of the contract's table, by file id; only of those that were
        loaded since then."""

    def tallies_bytes(self, contract: Contract, since: datetime | None = None) -> int:
        """How many bytes `tallies` would read."""

    def sums(self, contract: Contract) -> Iterator[FileSums]:
        """The rows of each file in the contract's table, and the sums of its numbers and keys."""

    def sums_bytes(self, contract: Contract) -> int:
        """How many bytes `sums` would read."""

    def find_rows(
        self, contract: Contract, where: str, limit: int, since: datetime | None = None
    ) -> Sequence[FoundRow]:
        """Rows of the contract's table for which an SQL condition holds; raises DataError for what
        is not one condition. Only rows that were loaded since then."""

    def find_bytes(self, contract: Contract, where: str, since: datetime | None = None) -> int:
        """How many bytes `find_rows` would read."""

    def rows_bytes(self, contract: Contract, partitions: Collection[str]) -> int:
        """How many bytes it takes to look at every row of those partitions once."""

    @property
    def pricing(self) -> Pricing:
        """What reading costs."""

    def billed_since(self, moment: datetime) -> int | None:
        """The bytes that the warehouse's own records say were billed since then; None without."""

    def snapshot(self, contract: Contract, name: str, days: int) -> str:
        """Keep the contract's table as it is now under another name, for so many days; the full
        name of the snapshot."""

    def statements(
        self, contract: Contract, mode: WriteMode
    ) -> AbstractContextManager[Iterator[Checked]]:
        """Every statement that a feed of that mode can send about the table, tried without being
        run, each with the error it would get. What that needs is there within the block."""

    def last_commit(self, table: str, since: datetime | None = None) -> LastCommit:
        """The table's last commit; none if it was made before then."""

    def batches(self, table: str) -> Collection[str]:
        """The ids of all batches of the table that have committed."""

    def recorded(self, table: str) -> Iterator[Recorded]:
        """Every file of the table, as its last load recorded it, by file id."""

    def leftovers(self) -> Mapping[str, str]:
        """Staging tables and staged uploads that there are, each with its batch's id."""

    def remove_leftover(self, name: str) -> None:
        """Remove one of them; quiet if it is gone."""

    def removals(self, batch_id: str, since: datetime | None = None) -> Sequence[Removal]:
        """The rows that a batch took out of its table, by the file that had brought them; `since`
        is when it was committed, at the earliest."""

    def publish(self, promises: Sequence[FeedPromise], expected: Sequence[ExpectedFile]) -> None:
        """Replace what the view `freshness` knows of feeds and of the files they expect."""

    def partitions(self, contract: Contract) -> Sequence[PartitionCount]:
        """Rows per partition of the contract's table, newest first."""

    def check(self) -> str:
        """Run a trivial query and say where."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FeedState:
    """What the ledger knows of a feed as a whole. A stopped feed is not discovered any more."""

    feed: str
    cursor: str | None = None
    stopped_at: datetime | None = None
    reason: str | None = None


class Ledger(Protocol):
    """What is owed: every file, where it is on its way, and who works on it.

    Every method is one transaction. Times are aware UTC.
    """

    def migrate(self) -> None:
        """Bring the database to this version's schema; safe to repeat."""

    def check(self) -> str:
        """Connect, and say which database and schema version answered."""

    def feed_state(self, feed: str) -> FeedState:
        """The feed's cursor and whether it is stopped."""

    def stop_feed(self, feed: str, reason: str) -> bool:
        """Stop a feed; True if it was running."""

    def resume_feed(self, feed: str) -> bool:
        """Let a stopped feed run again; True if it was stopped."""

    def register(self, feed: str, source: str, page: Page, *, past: bool = False) -> Sequence[str]:
        """Write the page's unseen items and its cursor; the new file ids, in the page's order.

        Items of the `past` take their place among the loads by when they were sent.
        """

    def waiting(self, feed: str) -> int:
        """How many files of the feed are discovered or prepared but in no batch yet."""

    def unprepared(self, feed: str) -> bool:
        """Whether any file of the feed is discovered or being prepared."""

    def due(self, status: Status, limit: int) -> Sequence[str]:
        """File ids in that status that nobody holds and whose pause is over, oldest first.

        A file in a leased status counts as due under the status it falls back to once its lease
        has run out.
        """

    def claim(self, file_id: str, status: Status, owner: str, seconds: float) -> File | None:
        """Take a due file into a leased status (PREPARING, ACKNOWLEDGING); None if not due.

        The attempt rises by one.
        """

    def renew(self, file: File, seconds: float) -> None:
        """Extend a held lease; raises LeaseLostError."""

    def advance(self, file: File, event: Event) -> File:
        """Write a held file's new status and facts, drop its lease, and add the event.

        Refuses a transition that `TRANSITIONS` does not have (ValueError); raises LeaseLostError.
        """

    def release(
        self, file: File, retry_at: datetime | None, event: Event, *, is_try: bool = True
    ) -> None:
        """Give a held file back to be tried again at `retry_at`; raises LeaseLostError. Unless it
        `is_try`, this holding does not count among the file's tries."""

    def retry(self, file_id: str, *, quiet: bool = False, may_lose: bool = False) -> File:
        """Send a done, failed or unloaded file on its way again from the start; raises ValueError.

        `quiet`: its sender gets no mail about it. `may_lose`: it may take the place of rows under
        which others cannot come back.
        """

    def prepare_again(self, feed: str, version: str) -> Sequence[str]:
        """Send back the feed's prepared files whose contract has changed; their file ids."""

    def note_drift(self, file: File, findings: Sequence[Finding]) -> None:
        """Write down what a file shows now; what it showed before and shows no more is past.

        A drift that was accepted and comes again is open again; a dismissed one stays dismissed.
        """

    def drifts(self, feed: str | None = None, status: DriftStatus | None = None) -> Sequence[Drift]:
        """The drifts, the latest seen first."""

    def decide_drift(self, drift_id: str, status: DriftStatus) -> None:
        """Write what a person has decided; raises KeyError."""

    def sightings(self, file_id: str) -> Sequence[Sighting]:
        """The drifts that a file shows now."""

    def save_profiles(self, file: File, columns: Mapping[str, Profile]) -> None:
        """Keep what a file's columns looked like; only the feed's latest files are kept."""

    def profiles(self, feed: str, but: str) -> Profiles:
        """The profiles of the feed's latest files other than that one, by column."""

    def forget_profiles(self, feed: str, column: str) -> None:
        """Forget what a column looked like but in the latest file: it looks otherwise from now."""

    def hold(self, file: File, cause: Cause, event: Event) -> File:
        """Put a held (leased) file aside as HELD, for that cause and the file's `reason`, until
        somebody lets it in; raises LeaseLostError."""

    def let_in(self, file_id: str, who: str) -> File:
        """Send a HELD file on its way, and keep who did it and when; raises KeyError and
        ValueError."""

    def hold_of(self, file_id: str) -> Hold | None:
        """The file's hold, also one that is over."""

    def holds(self, feed: str | None = None, *, over: bool = False) -> Sequence[Hold]:
        """Holds that wait for a person, with `over` also the others; the latest first."""

    def admit(self, file: File, sender: str, day: str, files: int | None, size: int | None) -> bool:
        """Count a file against its sender's quota of that day; False, and not counted, if that
        would be more than `files` files or `size` bytes. Safe to repeat."""

    def plan_reply(self, reply: Reply) -> Reply:
        """Write down a reply before it is sent; the one of that id if there is one already,
        whatever mail it goes in by now."""

    def close_reply(self, message_id: str, state: ReplyState, note: str | None = None) -> None:
        """Write down what became of a reply."""

    def replies(self, file_id: str) -> Sequence[Reply]:
        """The replies about a file, oldest first."""

    def earlier_reply(
        self, feed: str, to: str, name: str, message_ids: Collection[str], but: str
    ) -> Reply | None:
        """The latest reply to that address that has one of those Message-IDs, else the latest one
        about a file of that name; `but` not one about that file."""

    def digest_due(self, feed: str) -> Sequence[str]:
        """The addresses for which a digest of the feed waits."""

    def open_digest(self, feed: str, to: str, most: int) -> Sequence[Reply]:
        """The replies of the digest that is to be sent now: one that was begun and not sent, else
        a new one of at most that many that wait, under a Message-ID of its own."""

    def digest_feeds(self) -> Mapping[str, bool]:
        """Feeds for which digests wait, each with whether one was begun and not sent."""

    def claim_content(self, file: File) -> str:
        """The file id that owns these bytes (feed and SHA-256): this file's, or an earlier one's.

        Bytes whose owner was quarantined, superseded, unloaded, or failed, pass to this file.
        """

    def take_content(self, file: File) -> None:
        """Make this file the owner of its bytes, whoever owns them."""

    def get(self, file_id: str) -> File:
        """The file; raises KeyError."""

    def note_unmatched(
        self, source: str, found: Sequence[Unmatched], *, is_whole: bool = False
    ) -> None:
        """Write down what no feed of the source takes; what is known already is not counted again.
        With `is_whole` it is all that there is: what is not found any more is forgotten, but not
        that it was dismissed."""

    def unmatched(
        self, source: str | None = None, *, dismissed: bool = False
    ) -> Sequence[Unmatched]:
        """What no feed takes, the latest first; with `dismissed` only what people have put away."""

    def take_unmatched(self, source: str, items: Sequence[Item]) -> None:
        """Forget that no feed takes these items."""

    def dismiss_unmatched(self, group_id: str, who: str | None) -> Unmatched:
        """Put a group away, or with None take it back; raises KeyError."""

    def told_unmatched(self, group_id: str, keys: Collection[str]) -> None:
        """Write down that the senders of these items were told, or need not be."""

    def forget_unmatched(self, before: datetime) -> int:
        """Forget what was last seen before that time; how many groups."""

    def note_service(
        self, name: str, error: str | None = None, retry_at: datetime | None = None
    ) -> None:
        """Write down that a service did its part, or why it did not and when it may be asked
        again."""

    def services(self) -> Sequence[Service]:
        """All services that were ever asked, by name."""

    def service(self, name: str) -> Service:
        """What is known of a service."""

    def defer_move(self, file: File) -> None:
        """Write down that the file's original is still to be moved. Safe to repeat."""

    def deferred_moves(self) -> Sequence[tuple[File, datetime]]:
        """Files whose originals are still to be moved and since when: some of them, in no
        order."""

    def close_move(self, file_id: str) -> None:
        """Forget it: the original is where it belongs."""

    def needing(self, file: File) -> Sequence[File]:
        """Other files of the same original that are not done: of its message, or the same version
        of the same key, whichever feed's they are."""

    def note_match(self, feed: str, match: str) -> str | None:
        """Keep by which glob the feed looks; the one before, if it was another."""

    def thread_of(self, message_ids: Collection[str]) -> str | None:
        """The thread of a reply that went in one of those mails."""

    def replied_since(self, to: str, thread: str | None, since: datetime) -> tuple[int, int]:
        """How many replies were planned since then in the thread, and to the address."""

    def note_sent(self, sha256: Collection[str], message_id: str) -> None:
        """Keep what was attached to a mail of ours, by its bytes."""

    def was_sent(self, sha256: str) -> bool:
        """Whether those bytes were attached to a mail of ours."""

    def forget_sent(self, before: datetime) -> int:
        """Forget what was sent before that time; how many files."""

    def many(self, file_ids: Collection[str]) -> Sequence[File]:
        """The files of those ids, by id; unknown ids are left out."""

    def versions(self, feed: str, keys: Collection[str]) -> Sequence[File]:
        """All versions of those keys that the feed has taken in, oldest first."""

    def listed(self, source: str, items: Collection[Item]) -> set[tuple[str, str]]:
        """Key and version of the files, of whatever feed, that lie where those items of a source
        do."""

    def corrections(self, file_ids: Collection[str]) -> Sequence[File]:
        """The corrections in force of those files, as they were sent."""

    def superseded_by(self, file_ids: Collection[str]) -> Sequence[File]:
        """The files that those have superseded, by id."""

    def of_batch(self, batch_id: str) -> Sequence[File]:
        """The files that were last part of that batch, oldest first."""

    def find(self, text: str) -> Sequence[File]:
        """Files whose id starts with, or whose key or name is, that text; newest first."""

    def files(
        self,
        *,
        feed: str | None = None,
        status: str | None = None,
        since: datetime | None = None,
        limit: int = 100,
    ) -> Sequence[File]:
        """The latest files, newest first. `status` may also be an outcome."""

    def events(self, file_id: str) -> Sequence[Event]:
        """The file's timeline, oldest first."""

    def unfinished_of_group(self, file: File) -> int:
        """How many other files of the same source and group are not done or failed."""

    def request_load(self, feed: str) -> bool:
        """Note that the feed has prepared files; True if nobody had noted it yet."""

    def feeds_to_load(self) -> Sequence[str]:
        """Feeds that have prepared files or an open batch."""

    def close(self) -> None:
        """Close this process's connections; the next use opens new ones."""

    def lock_table(self, table: str, owner: str, seconds: float) -> bool:
        """Take or renew the table's lease, so that only one load at a time writes it."""

    def unlock_table(self, table: str, owner: str) -> None:
        """Give the table's lease back."""

    def open_batch(self, feed: str, table: str, max_files: int, max_bytes: int) -> Batch | None:
        """The table's open batch for the feed, or a new one of its prepared files; None if none.

        Files of one batch share a contract version and are ordered by `sent_at`. Clears the
        request noted by `request_load`.
        """

    def open_unload(self, feed: str, table: str, file_ids: Collection[str]) -> Batch:
        """A batch that takes out the rows of those files; if it is open already, that one.

        Raises RetryableError while another batch of the feed is open, and ValueError naming a file
        that is not in force.
        """

    def next_attempt(self, batch: Batch) -> Batch:
        """Raise the batch's attempt, after the earlier one is known to have failed."""

    def commit_batch(self, batch: Batch, committed: Committed, events: Iterable[Event]) -> None:
        """Mark the batch committed and its files loaded (or unloaded), together.

        Files whose outcome was settled with the batch get it; files that it superseded are no
        longer in force.
        """

    def abandon_batch(
        self, batch: Batch, events: Iterable[Event], refusal: str | None = None
    ) -> None:
        """Give up an open batch: its files go back to PREPARED, to be batched anew.

        With a `refusal` they are quarantined for that reason: nothing of them is staged any more
        and all their rows count as rejected.
        """

    def charge(self, charge: Charge) -> None:
        """Write down what an attempt at a batch may use of the day's quotas. Safe to repeat."""

    def charged(self, job: str) -> bool:
        """Whether that job has been charged."""

    def spent(self, table: str, day: str, bucket: Bucket) -> Spent:
        """What was charged that quota day to the table, and what is left in the bucket."""

    def draw(self, bucket: Bucket, tokens: float) -> timedelta:
        """Take tokens, those to come if need be; how long until they are there."""

    def note_cost(self, cost: Cost) -> None:
        """Write down what a job was billed for. Safe to repeat."""

    def costs(self, since: datetime, feed: str | None = None) -> Sequence[CostSum]:
        """What jobs since then were billed for, by feed, table and command."""

    def forget_costs(self, before: datetime) -> int:
        """Forget what older jobs were billed for; how many."""

    def forget_charges(self, before: str) -> int:
        """Forget the charges of earlier days; how many."""

    def watch(self, names: Collection[str]) -> None:
        """Begin to watch feeds that are not watched yet."""

    def arrived(self, feed: str) -> Arrived:
        """What has come of the feed and is in its table."""

    def note_troubles(self, found: Collection[Trouble], over: Collection[AlertKind]) -> None:
        """Open an alert for each new trouble; one that is open already says what is found now.

        Open alerts of the kinds `over` whose trouble was not found are resolved.
        """

    def alerts(self, *, resolved: bool = False, limit: int = 1000) -> Sequence[Alert]:
        """The open alerts, or all that are remembered, the newest first."""

    def untold(self, destination: str, limit: int) -> Sequence[Alert]:
        """Alerts that a destination has not been told of, oldest first: open ones that are new to
        it, and resolved ones whose beginning it was told."""

    def note_told(self, destination: str, told: Collection[Alert]) -> None:
        """Write down that a destination was told of these alerts, as they are here."""

    def forget_alerts(self, before: datetime) -> int:
        """Forget alerts that were resolved before that time; how many."""

    def worker_alive(self, name: str) -> None:
        """Write down that a worker is alive; the first time, that it has started."""

    def workers(self) -> Sequence[Worker]:
        """All workers that have not been forgotten, by when they started."""

    def forget_workers(self, names: Collection[str]) -> None:
        """Forget workers: they ended in good order, or others have taken their places."""

    def pause_table(self, table: str, until: datetime, reason: str) -> None:
        """Let the table's loads wait until then."""

    def table_pause(self, table: str) -> Pause | None:
        """The table's pause, unless it is over."""

    def loaded(self, feed: str, after: str, most: int) -> Sequence[File]:
        """The feed's files whose batch has committed and whose id is greater, by id."""

    def at_rest(self, feed: str, after: str, most: int) -> Sequence[File]:
        """The feed's files with which nothing more happens and whose id is greater, by id."""

    def done_before(
        self, before: datetime, after: tuple[datetime, str] | None, most: int
    ) -> Sequence[File]:
        """Files done before that time and after a mark (time and file id), oldest first."""

    def cleaned_to(self, kind: str) -> tuple[datetime, str] | None:
        """The mark up to which files of that kind are cleaned."""

    def set_cleaned(self, kind: str, file: File) -> None:
        """Move the mark past a file."""

    def landing_needed(self, key: str, before: datetime) -> bool:
        """Whether a file refers to those landed bytes that is not done, or was done later."""

    def landing_shared(self, key: str, file_id: str) -> bool:
        """Whether another file refers to those landed bytes, or somebody has locked them."""

    def forget_landing(self, key: str, before: datetime) -> bool:
        """Forget every reference to those landed bytes; False while they are needed."""

    def forget_rejects(self, file: File) -> bool:
        """Forget where the file's rejected rows are; False if it has moved on meanwhile."""

    def forget_files(self, file_ids: Sequence[str]) -> int:
        """Forget files that are done, with their timelines; how many."""

    def uncovered(self, before: datetime, most: int) -> Sequence[File]:
        """Files done before that time whose bytes were kept because rows of theirs lay beneath
        others, and that are not in force any more."""

    def generation(self, table: str) -> LastCommit:
        """The table's last commit that the ledger knows of; it is opened, not ended, then."""

    def set_generation(self, table: str, number: int | None, at: datetime | None) -> None:
        """Go on from that number, once ledger and warehouse are known to agree."""

    def learn(self, recorded: Recorded, landing_key: str | None, *, dry_run: bool) -> Learned:
        """Take over what the warehouse has recorded of a file; `landing_key` is where its bytes
        are, if they are."""

    def load_again(self, file_ids: Sequence[str], in_force: Collection[str]) -> None:
        """Send files on their way again whose load the warehouse has lost; those `in_force` have
        rows of an earlier load there."""

    def close_batches(self, table: str, committed: Collection[str]) -> Sequence[str]:
        """End the table's open batches: those that the warehouse has are committed, the others are
        given up, and their files batched anew. The files that were to be unloaded with one."""

    def open_batches(self) -> Sequence[str]:
        """The ids of all open batches."""

    def prune(self, before: datetime, most: int = 10_000, *, dry_run: bool = False) -> int:
        """Forget timelines of files done before that time, at most so many events; how many went.
        With `dry_run`, how many would go in all."""


class Notifier(Protocol):
    """Outgoing mail."""

    def send(self, message: Message) -> None:
        """Hand the message over; raises RetryableError if it may be tried again."""

    def check(self) -> str:
        """Connect and say what answered."""


class Destination(Protocol):
    """Where alerts go: a mailbox, a chat, a program."""

    def send(self, news: News) -> None:
        """Hand the news over. Raises RetryableError if it may be tried again, and FatalError or
        DataError for a destination that a person must mend."""

    def check(self) -> str:
        """Say where alerts go, without a secret; connect where that tells nobody anything."""
