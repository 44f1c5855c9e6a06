"""What the ledger knows of senders: what of theirs is held, and what they were told."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from schemas.file import Event, File
from schemas.receipt_link import FileLink
from schemas.reply import Reply, ReplyState
from schemas.sender import SenderCount
from schemas.trust import Cause, Hold, TrustedSender
from schemas.webhook import PostState, Webhook, WebhookPost


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

    def is_first_refusal(self, reply: Reply) -> bool:
        """Whether this reply is the first by which its address is told that a file of the feed was
        not taken whole. It is written down as that where there is none yet; the answer stays."""

    def forget_refusals(self, before: datetime) -> int:
        """Forget who was told so first before that time; of how many."""

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


class LedgerSenders(Protocol):
    """What has ended by sender and feed, counted as it ends."""

    def page(
        self, contains: str | None, feeds: Collection[str] | None, after: str | None, limit: int
    ) -> Sequence[SenderCount]:
        """What so many senders at most have sent to those feeds (None: to every feed), by address
        and then by feed, from the first address after `after` on. With `contains` only addresses
        in which that text stands, in whatever case. A page costs the same however many files there
        are."""

    def of(self, sender: str, feeds: Collection[str] | None) -> Sequence[SenderCount]:
        """What exactly that address has sent to those feeds (None: to every feed), by feed."""

    def forget(self, before: datetime) -> int:
        """Forget what was sent to a feed by those who sent it nothing since then; of how many."""


class LedgerTrustedSenders(Protocol):
    """Addresses that somebody trusts for a feed, each as its `Address.key`."""

    def add(self, trusted: TrustedSender) -> bool:
        """Trust an address for a feed from now on; False, and nothing changed, if it is trusted
        already."""

    def remove(self, feed: str, sender: str) -> TrustedSender | None:
        """Trust it no more; who it was, or None if it is not trusted. Safe to repeat."""

    def has(self, feed: str, sender: str) -> bool:
        """Whether the address is trusted for the feed."""

    def of(self, sender: str) -> Sequence[TrustedSender]:
        """For which feeds the address is trusted, by feed."""

    def page(
        self,
        contains: str | None,
        feeds: Collection[str] | None,
        after: tuple[str, str] | None,
        limit: int,
    ) -> Sequence[TrustedSender]:
        """So many at most of those feeds (None: of every feed), by address and then by feed, from
        the first after the address and feed `after` on. With `contains` only addresses in which
        that text stands, in whatever case."""


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


class LedgerReceiptLinks(Protocol):
    """The nonce of each file's link to its receipt, and whether the link is revoked."""

    def of(self, file_id: str) -> FileLink | None:
        """What is kept of the file's link, also of one that is revoked."""

    def mint(
        self, nonces: Mapping[str, str], expires_at: datetime, renew_before: datetime
    ) -> Mapping[str, FileLink]:
        """The links of those files by file id: the one that there is, also a revoked one, else one
        of that nonce. One that expires before `renew_before` is good until `expires_at` then. Safe
        to repeat."""

    def renew(self, file_id: str, nonce: str, expires_at: datetime) -> FileLink:
        """A new link for a file; those before it are good no more."""

    def revoke(self, file_id: str, who: str) -> bool:
        """Let all links of a file be good no more, and let none be made by itself; False if that
        was so before. Safe to repeat."""


class LedgerWebhooks(Protocol):
    """To which addresses receipts are posted: at most one for a feed, and one for a sender."""

    def put(self, webhook: Webhook) -> Webhook:
        """Write down a webhook. Where there is one for that feed or sender it keeps its id and
        version, gets the new address, and is no longer disabled."""

    def all(self) -> Sequence[Webhook]:
        """All webhooks, by feed and by sender."""

    def get(self, webhook_id: str) -> Webhook:
        """The webhook; raises KeyError."""

    def told_of(self, feed: str, sender: str | None) -> Sequence[Webhook]:
        """Those that are told of a file of that feed and sender; none that is disabled."""

    def rotate(self, webhook_id: str, previous_until: datetime) -> Webhook:
        """Raise its version by one; the one before is good until then. Raises KeyError."""

    def disable(self, webhook_id: str, why: str, url: str) -> bool:
        """Post nothing more to it, nor what waits; False if it has another address by now."""

    def remove(self, webhook_id: str) -> Webhook:
        """Forget it; what waits for it is given up. Raises KeyError."""


class LedgerPosts(Protocol):
    """Receipts on their way to webhooks, written down before they are sent and after."""

    def plan(self, posts: Sequence[WebhookPost]) -> None:
        """Write down what is to be posted. Safe to repeat."""

    def feeds(self) -> Sequence[str]:
        """The feeds of which something is due."""

    def claim(self, feed: str, owner: str, seconds: float) -> WebhookPost | None:
        """Take the feed's post that is due first; nobody else gets it for so many seconds."""

    def close(self, post: WebhookPost, state: PostState, note: str) -> None:
        """Write down what became of a claimed post. Raises LeaseLostError."""

    def again(self, post: WebhookPost, at: datetime, note: str) -> None:
        """Let a claimed post be sent again then. Raises LeaseLostError."""

    def of(self, file_id: str) -> Sequence[WebhookPost]:
        """The posts about a file, oldest first."""

    def delay(self, webhook_id: str, at: datetime) -> None:
        """Let nothing that waits for that webhook be sent before then."""

    def last_closed(self, webhook_id: str, since: datetime) -> WebhookPost | None:
        """Of the webhook's posts planned since then, the one that was sent or given up last."""

    def waiting(self, webhook_id: str) -> int:
        """How many posts wait for the webhook."""
