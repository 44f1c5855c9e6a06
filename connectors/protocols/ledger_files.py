"""What the ledger knows of files: what they are, who works on them, what is behind them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from schemas.file import Event, File, Status
from schemas.item import Item, Page
from schemas.left_document import LeftDocument


class LedgerFiles(Protocol):
    """Files: writing them down and finding them."""

    def register(self, feed: str, source: str, page: Page, *, past: bool = False) -> Sequence[str]:
        """Write the page's unseen items and its cursor; the new file ids, in the page's order.

        Items of the `past` take their place among the loads by when they were sent. A page without
        news (the usual case) only reads, so that it is safe to repeat. What is known by its former
        version is given the new one and keeps its file id; what was put back to an earlier state
        counts as sent now, so that it is the newest.
        """

    def waiting(self, feed: str) -> int:
        """How many files of the feed are discovered or prepared but in no batch yet."""

    def unprepared(self, feed: str) -> bool:
        """Whether any file of the feed is discovered or being prepared."""

    def get(self, file_id: str) -> File:
        """The file; raises KeyError."""

    def many(self, file_ids: Collection[str]) -> Sequence[File]:
        """The files of those ids, by id; unknown ids are left out."""

    def versions(self, feed: str, keys: Collection[str]) -> Sequence[File]:
        """All versions of those keys that the feed has taken in, oldest first."""

    def listed(self, source: str, items: Collection[Item]) -> set[tuple[str, str]]:
        """Key and version of the files, of whatever feed, that lie where those items of a source
        do."""

    def superseded_by(self, file_ids: Collection[str]) -> Sequence[File]:
        """The files that those have superseded, by id."""

    def of_batch(self, batch_id: str) -> Sequence[File]:
        """The files that were last part of that batch, oldest first."""

    def find(self, text: str) -> Sequence[File]:
        """The latest files whose id starts with, or whose key or name is, that text, newest first;
        a hundred at most."""

    def latest(
        self,
        *,
        feed: str | None = None,
        status: str | None = None,
        since: datetime | None = None,
        limit: int = 100,
    ) -> Sequence[File]:
        """The latest files, newest first. `status` may also be an outcome.

        Raises ValueError for a status that is neither.
        """

    def retry(self, file_id: str, *, quiet: bool = False, may_lose: bool = False) -> File:
        """Send a done, failed or unloaded file on its way again from the start.

        What is known of its bytes stays, so that the source is not asked for them again. `quiet`:
        its sender gets no mail about it. `may_lose`: it may take the place of rows under which
        others cannot come back. Raises KeyError, and ValueError for a file that is still on its
        way.
        """

    def note_left(self, file_id: str, left: LeftDocument | None) -> None:
        """Note which rejected rows lie beside the file's original now; None once there are none."""

    def prepare_again(self, feed: str, version: str) -> Sequence[str]:
        """Send back the feed's prepared files whose contract has changed; their file ids.

        What was staged for them is as the contract was. A version that was only extended counts
        as the same.
        """

    def unfinished_of_group(self, file: File) -> int:
        """How many other files of the same source and group are not done or failed."""


class LedgerTimelines(Protocol):
    """What happened to each file, and when."""

    def of(self, file_id: str) -> Sequence[Event]:
        """The file's timeline, oldest first."""

    def since(self, at: datetime) -> Sequence[str]:
        """The files to which something has happened since then, in the order in which it began."""

    def prune(self, before: datetime, most: int = 10_000, *, dry_run: bool = False) -> int:
        """Forget timelines of files done before that time, at most so many events; how many went.
        With `dry_run`, how many would go in all."""


class LedgerContents(Protocol):
    """Which file owns which bytes, so that the same bytes are loaded once a feed."""

    def claim(self, file: File) -> str:
        """The file id that owns these bytes (feed and SHA-256): this file's, or an earlier one's.
        Safe to repeat.

        Bytes whose owner's rows are not in the table and will not come by themselves (it was
        quarantined, superseded, unloaded, or failed before it was loaded) pass to this file. Raises
        ValueError for a file without a SHA-256.
        """

    def claim_many(self, files: Sequence[File]) -> Mapping[str, str]:
        """The owner of each file's bytes, by file id, as `claim` tells it; of two files with the
        same bytes one is the owner."""

    def take(self, file: File) -> None:
        """Make this file the owner of its bytes, whoever owns them. Safe to repeat."""


class LedgerCorrections(Protocol):
    """Files that bring rejected rows of another file corrected."""

    def active(self, file_ids: Collection[str]) -> Sequence[File]:
        """The corrections in force of those files, as they were sent."""


class LedgerLeases(Protocol):
    """Who works on a file, and for how long. A lease's token is its owner and its attempt."""

    def due(self, status: Status, limit: int) -> Sequence[str]:
        """File ids in that status that nobody holds and whose pause is over, oldest first.

        A file whose lease has run out is due under the status it falls back to.
        """

    def claim(self, file_id: str, status: Status, owner: str, seconds: float) -> File | None:
        """Take a file that is due under `status` (DISCOVERED, LOADED) into the leased status that
        follows (PREPARING, ACKNOWLEDGING); None if it is not due. The attempt rises by one.

        Raises ValueError for a status under which nothing can be claimed.
        """

    def claim_many(
        self,
        feed: str,
        status: Status,
        owner: str,
        seconds: float,
        *,
        max_files: int,
        max_bytes: int | None = None,
        file_bytes: int | None = None,
    ) -> Sequence[File]:
        """Take the feed's oldest files that are due under `status` for the first time, as `claim`
        does: at most so many, of so many bytes together, none of which is larger than `file_bytes`
        at its source. Files that were tried before are left for `claim`, which takes one alone."""

    def renew_many(self, held: Sequence[File], seconds: float) -> None:
        """Extend those of the leases that are still held, as `renew` does; raises LeaseLostError
        when none is."""

    def renew(self, file: File, seconds: float) -> None:
        """Extend a held lease; raises LeaseLostError.

        A lease that ran out while nobody else took the file can still be renewed.
        """

    def advance(self, file: File, event: Event) -> File:
        """Write a held file's new status and facts, drop its lease, and add the event.

        Refuses a transition that `TRANSITIONS` does not have (ValueError); raises LeaseLostError,
        also when it is repeated.
        """

    def advance_many(self, steps: Sequence[tuple[File, Event]]) -> Sequence[str]:
        """Advance several held files at once, as `advance` does each; the ids of those whose lease
        was lost, of which nothing is written."""

    def release(
        self, file: File, retry_at: datetime | None, event: Event, *, is_try: bool = True
    ) -> None:
        """Give a held file back to be tried again at `retry_at`.

        Nothing else of `file` is written: what the step found out is not certain. Unless it
        `is_try`, this holding does not count among the file's tries. Raises LeaseLostError, also
        when it is repeated.
        """


class LedgerMoves(Protocol):
    """Originals that are answered, and stay until nobody needs them any more."""

    def defer(self, file: File) -> None:
        """Write down that the file's original is still to be moved. Safe to repeat."""

    def deferred(self) -> Sequence[tuple[File, datetime]]:
        """Files whose originals are still to be moved and since when: some of them, in
        no order."""

    def close(self, file_id: str) -> None:
        """Forget it: the original is where it belongs."""

    def needing(self, file: File) -> Sequence[File]:
        """Other files of the same original that are not done: of its message, or the same version
        of the same key, whichever feed's they are."""


class LedgerHistory(Protocol):
    """Files that are through, page by page, and what may be forgotten of them."""

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

    def landings_shared(self, owners: Mapping[str, str]) -> set[str]:
        """Those of the landed bytes, each with the file that has landed them, to which another
        file refers, or which somebody has locked."""

    def bundle_needed(self, bundle: str, before: datetime, *, rejects: bool = False) -> bool:
        """Whether a file of the bundle is not done, or was done later; or, if it is about
        `rejects`, still has some there."""

    def forget_landing(self, key: str, before: datetime) -> bool:
        """Forget every reference to those landed bytes; False, and nothing done, while they are
        needed."""

    def forget_rejects(self, file: File) -> bool:
        """Forget where the file's rejected rows are; False if it has moved on meanwhile."""

    def forget_files(self, file_ids: Sequence[str]) -> int:
        """Forget files that are done, with their timelines and the ownership of their bytes; how
        many.

        A file that another one repeats stays, one whose sender is still to be told, one in force
        and the versions that those in force superseded: without them its bytes would load again,
        and a new version of it would not take its rows away. Of files in force their sender, what
        their message said and the reasons go.
        """

    def uncovered(self, before: datetime, most: int) -> Sequence[File]:
        """Files done before that time whose bytes were kept because rows of theirs lay beneath
        others, and that are not in force any more; oldest first."""
