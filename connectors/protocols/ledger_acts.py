"""What the ledger knows of who may do what, of what was done, and of long work."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Protocol

from schemas.act import Act
from schemas.daily_count import DailyCount
from schemas.file import File
from schemas.file_query import FileQuery, FileState, Starts
from schemas.key import Key
from schemas.operation import Operation, OperationKind


class LedgerActs(Protocol):
    """Who did what, for good: acts are only added, each sealed by the hash of the one before."""

    def together(self) -> AbstractContextManager[None]:
        """What this thread asks of the ledger within the block is one transaction: all of it is
        written, or nothing if the block raises. Only for short work inside the ledger."""

    def append(self, act: Act) -> Act:
        """Add an act; as it was written, with its number, time and hash."""

    def latest(
        self,
        *,
        feeds: Collection[str] | None = None,
        subject: str | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> Sequence[Act]:
        """The latest acts, newest first: on those feeds, on one subject (a feed's name finds all on
        the feed), of a lower number than `before`."""

    def page(self, after: int) -> Sequence[Act]:
        """The next thousand acts after that number, oldest first."""


class LedgerKeys(Protocol):
    """Keys by which programs are let in; of their secrets only the hashes are known."""

    def add(self, key: Key, secret_sha256: str) -> None:
        """Write down a new key."""

    def find(self, key_id: str) -> tuple[Key, str] | None:
        """The key of that id, also one that is not valid any more, and its secret's SHA-256."""

    def all(self) -> Sequence[Key]:
        """All keys there ever were, oldest first."""

    def revoke(self, key_id: str, who: str) -> bool:
        """Let nobody in by that key any more; False if it was revoked before. Raises KeyError."""

    def note_use(self, key: Key) -> None:
        """Write down that a key was used; once a minute is enough."""

    def note_failure(self, key_id: str) -> None:
        """Count that a key's id was shown with another secret; quiet for an unknown one."""


class LedgerOperations(Protocol):
    """Long work that somebody asked for and a worker does under a lease."""

    def add(self, operation: Operation) -> Operation:
        """Write down what is to be done."""

    def get(self, operation_id: str) -> Operation:
        """The operation; raises KeyError."""

    def latest(self, feeds: Collection[str] | None = None, limit: int = 100) -> Sequence[Operation]:
        """The latest operations, of those feeds only if any are named, newest first."""

    def due(self) -> Sequence[str]:
        """Ids of operations that nobody works on, oldest first."""

    def claim(self, operation_id: str, owner: str, seconds: float) -> Operation | None:
        """Take an operation that is due; None if it is not."""

    def renew(self, operation: Operation, seconds: float) -> None:
        """Extend a lease that was claimed; raises LeaseLostError."""

    def finish(
        self,
        operation: Operation,
        *,
        result: Mapping[str, Any] | None = None,
        error: str | None = None,
        hint: str | None = None,
    ) -> None:
        """Write down what came of a claimed operation; with `error` it has failed. Raises
        LeaseLostError."""

    def forget_results(self, kind: OperationKind, before: datetime) -> int:
        """Forget what came of operations of a kind that ended before then; how many there were."""


class LedgerDailyCounts(Protocol):
    """What has ended by feed and day, counted as it ends."""

    def of(self, feed: str, since: str) -> Sequence[DailyCount]:
        """The feed's counts from that day on (`2026-11-03`, UTC), oldest first; days on which
        nothing ended are left out."""

    def total(self, feeds: Collection[str] | None, since: str) -> DailyCount:
        """What has ended from that day on, of all those feeds (None: of every feed)."""


class LedgerFilePages(Protocol):
    """Lists of files of any length, a page at a time; a page costs the same however many there
    are."""

    def at_once(self) -> AbstractContextManager[None]:
        """What this thread asks of the ledger within the block is one transaction, which only
        reads: all of it is as at one moment."""

    def newest(
        self, query: FileQuery, feed: str | None, after: tuple[datetime, str] | None, limit: int
    ) -> tuple[Sequence[File], tuple[datetime, str] | None]:
        """At most `limit` files that the query means, newest first, and the mark to go on after;
        None for the mark at the end. With `contains` a page may hold fewer and yet have a mark.

        Raises ValueError for a status that is none.
        """

    def first_sent(
        self, feed: str, windows: Sequence[tuple[datetime, datetime]]
    ) -> Sequence[datetime | None]:
        """For each window of time, when the first file was sent that the feed found within it and
        took; None where there was none."""

    def at_most(self, state: FileState, feeds: Collection[str] | None, most: int) -> int:
        """How many files of those feeds (None: of every feed) are in a state, but `most` where
        there are more: no more are looked at."""

    def starting(
        self,
        by: Starts,
        query: FileQuery,
        feeds: Collection[str] | None,
        after: tuple[str, str] | None,
        limit: int,
    ) -> tuple[Sequence[File], tuple[str, str] | None]:
        """The same of files (of those feeds only, if any are named) whose name or sender begins
        with `query.starts`, in the order of these. Those by sender are not
        named so: they would be found twice."""
