"""What the ledger knows of senders: what of theirs is held, and what they were told."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from schemas.file import Event, File
from schemas.reply import Reply, ReplyState
from schemas.trust import Cause, Hold


class LedgerHolds(Protocol):
    """Files that wait for a person to let them in, and what each sender has sent a day."""

    def hold(self, file: File, cause: Cause, event: Event) -> File:
        """Put a leased file aside as HELD, for that cause and the file's `reason`, until somebody
        releases it. A file is held once: then it is let in. Raises LeaseLostError, also when it is
        repeated."""

    def release(self, file_id: str, who: str) -> File:
        """Send a HELD file on its way, and keep who did it and when. Raises KeyError, and
        ValueError for a file that is not held (any more)."""

    def of(self, file_id: str) -> Hold | None:
        """The file's hold, also one that is over."""

    def latest(self, feed: str | None = None, *, over: bool = False) -> Sequence[Hold]:
        """Holds that wait for a person, with `over` also the others; the latest first."""

    def count_against_sender_quota(
        self, file: File, sender: str, day: str, files: int | None, size: int | None
    ) -> bool:
        """Count a file against its sender's quota of that day; False, and not counted, if that
        would be more than `files` files or `size` bytes. Safe to repeat."""


class LedgerReplies(Protocol):
    """What senders are told by mail, written down before it is sent and after."""

    def plan(self, reply: Reply) -> Reply:
        """Write down a reply before it is sent; the one of that id if there is one already. Safe to
        repeat."""

    def close(self, message_id: str, state: ReplyState, note: str | None = None) -> None:
        """Write down what became of all replies that went with a mail."""

    def of(self, file_id: str) -> Sequence[Reply]:
        """The replies about a file, oldest first."""

    def earlier(
        self, feed: str, to: str, name: str, message_ids: Collection[str], but: str
    ) -> Reply | None:
        """The latest reply to that address that went in one of those mails, else the latest one
        about a file of that name; `but` not one about that file."""

    def thread_of(self, message_ids: Collection[str]) -> str | None:
        """The thread of a reply that went in one of those mails."""

    def count_since(self, to: str, thread: str | None, since: datetime) -> tuple[int, int]:
        """How many replies were planned since then in the thread, and to the address."""


class LedgerDigests(Protocol):
    """Replies that wait to be mailed together, one mail a sender."""

    def due(self, feed: str) -> Sequence[str]:
        """The addresses for which a digest of the feed waits."""

    def open(self, feed: str, to: str, most: int) -> Sequence[Reply]:
        """The replies of the digest that is to be sent now: one that was begun and not sent, else
        a new one of at most that many that wait, under a Message-ID of its own. Safe to repeat."""

    def feeds(self) -> Mapping[str, bool]:
        """Feeds for which digests wait, each with whether one was begun and not sent."""


class LedgerSentFiles(Protocol):
    """What was attached to mails of ours, by its bytes."""

    def note(self, sha256: Collection[str], message_id: str) -> None:
        """Keep what was attached to a mail of ours, by its bytes."""

    def has(self, sha256: str) -> bool:
        """Whether those bytes were attached to a mail of ours."""

    def forget(self, before: datetime) -> int:
        """Forget what was sent before that time; how many files."""
