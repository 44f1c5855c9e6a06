"""Sources: places where files arrive."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO, Protocol, runtime_checkable

from schemas.errors import WaybillError
from schemas.item import Hint, Item, Page
from schemas.left_document import LeftDocument
from schemas.receipt import Answer
from schemas.trust import Vouched


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

    def forget(self, item: Item, mark: str = "") -> int:
        """Remove the answer that was left for an item, not the item; how many documents went.
        `mark` stands in their names before the suffixes."""

    def check(self) -> str:
        """Connect and say in a few words what answered; raises what a listing would raise."""


@runtime_checkable
class Surveyed(Protocol):
    """A source that can list all that lies there, whatever feeds look for."""

    def survey(self) -> Iterator[Page]:
        """Pages of everything but our own receipts, folders and empty markers."""


@runtime_checkable
class Withdraws(Protocol):
    """A source beside whose originals answers lie, which can be taken back."""

    def withdraw(self, item: Item, left: LeftDocument, instead: bytes) -> bool:
        """Remove a document that was left for an item, if what lies there has its very bytes;
        whether it had. Where nothing may be removed, `instead` is written over it. What somebody
        else has put there, or changed, is never touched. Safe to repeat."""


@runtime_checkable
class Answering(Protocol):
    """A source that has some senders told when no feed takes what they sent."""

    @property
    def answer_unmatched(self) -> Sequence[str]:
        """Those senders: addresses and domains, as in a feed's trust."""


@runtime_checkable
class Watched(Protocol):
    """A source that can tell when something has arrived."""

    def watches(self, stop: threading.Event) -> Iterator[Iterator[Sequence[Hint] | None]]:
        """Iterators that go on, each in a thread of its own, when something may have arrived; more
        may come later. All end once `stop` is set.

        None says that anything may have. A source that is `Hinted` may tell what instead; with
        nothing in a list it says that it still listens. An iterator may raise a WaybillError while
        nothing can be heard, and goes on when it is asked again.
        """


@runtime_checkable
class Hinted(Protocol):
    """A watched source that may tell exactly what has arrived.

    What it tells are hints: they may come twice, late, in any order, for what is gone, or never.
    The listing, which is then rarer, stays the truth.
    """

    @property
    def full_listing(self) -> timedelta | None:
        """How often it is listed whole while it is watched; None if it tells nothing, or is listed
        as often as any."""

    def hinted(self, hints: Sequence[Hint]) -> Iterator[tuple[Hint, Item | WaybillError | None]]:
        """Each hint with the item that a listing would have brought, or with the version that it
        names if that is still there; with None for what is gone, or no file that a listing brings;
        or with the error that this one alone has. Raises a WaybillError about the source."""

    def heed(self, hints: Sequence[Hint]) -> None:
        """Forget these hints: the ledger knows all that they tell. Others come again, or are put
        aside. Safe to repeat."""


@runtime_checkable
class Vouching(Protocol):
    """A source that knows what speaks for the sender of an item."""

    def vouched(self, item: Item) -> Sequence[Vouched]:
        """The results of authentication that passed; raises RetryableError while they cannot be
        had."""


@runtime_checkable
class FetchesMany(Protocol):
    """A source that brings many small files with few round trips."""

    def fetch_many(
        self, items: Sequence[Item], folder: Path
    ) -> Iterator[tuple[Item, Path | WaybillError]]:
        """Each of the items once, as they come in: with a new file below `folder` that has exactly
        the bytes that `open` would stream, or with the error that `open` would raise for it alone.
        What is wrong with the whole place is so told of every item that it concerns.

        Little is fetched ahead of what is asked for, so that whoever removes each file before the
        next bounds the disk, too. Meant for small files; a large one comes all the same, alone.
        """


@runtime_checkable
class FinishesMany(Protocol):
    """A source that marks or moves many originals with few round trips."""

    def finish_many(self, items: Sequence[Item]) -> Iterator[tuple[Item, WaybillError | None]]:
        """Do for each of the items what `finish` does: each once, as they are done, with the error
        that `finish` would raise for it alone, or None. Safe to repeat."""
