"""The ledger: what is owed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from schemas.alert import Alert, AlertKind, Trouble, Worker
from schemas.batch import Batch, Committed
from schemas.cost import Cost, CostSum
from schemas.drift import Drift, DriftStatus, Finding, Profile, Profiles, Sighting
from schemas.file import Event, File, Status
from schemas.item import Item, Page
from schemas.quota import Bucket, Charge, Pause, Spent
from schemas.recorded import LastCommit, Learned, Recorded
from schemas.reply import Reply, ReplyState
from schemas.service import Service
from schemas.sla import Arrived
from schemas.trust import Cause, Hold
from schemas.unmatched import Unmatched


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
        """Write down a reply before it is sent; the one of that Message-ID if there is one."""

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
