"""Trusted senders: addresses that somebody trusts for a feed, besides those that the feed names."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from pipelines.operations.acts import acting
from pipelines.operations.feeds import feed_named
from pipelines.prepare.trust import author_of, is_sender, may_send
from pipelines.runtime import Runtime
from schemas.address import address_of
from schemas.errors import ConflictError
from schemas.file import File
from schemas.trust import Trust, TrustedSender
from schemas.upload import UPLOADS


def trust_sender(runtime: Runtime, feed: str, address: str) -> TrustedSender:
    """Trust an address for a feed from now on, as if the feed named it among its senders: what the
    feed requires of a mail must still speak for it. What is held stays so. Safe to repeat.

    Raises NotFoundError for an unknown feed, ConflictError for what is no one plain address, for a
    feed that takes files from everybody, and for an address that the feed names itself.
    """
    trust = feed_named(runtime, feed).trust
    if trust is None or not trust.senders:
        raise ConflictError(
            f"feed {feed} takes files from everybody: there is nobody to trust",
            hint="name its senders first: trust=Trust(senders=(…))",
        )
    found = address_of(address)
    if found is None:
        raise ConflictError("that is no one plain address", hint="write ana@acorn.example")
    if any(is_sender(address, each) for each in trust.senders):
        raise ConflictError(
            f"{found} is a sender of feed {feed} anyway",
            hint="what is held of theirs is held for another reason: `waybill held` says which",
        )
    trusted = TrustedSender(
        sender=found.key,
        feed=feed,
        address=str(found),
        trusted_at=runtime.now(),
        trusted_by=runtime.actor.who,
    )
    with acting(runtime, "trust_sender", "sender", found.key, feed) as told:
        told.is_none = not runtime.ledger.trusted_senders.add(trusted)
        told.after = {"address": trusted.address, "require": list(trust.require)}
    kept = (each for each in trusted_for(runtime, found.key) if each.feed == feed)
    return next(kept, trusted)


def asked_proof(runtime: Runtime, feed: str) -> tuple[str, ...]:
    """What must speak for the address of a mail to the feed: any of these methods. Empty: nothing;
    whoever writes a trusted address into a mail is let in."""
    found = runtime.feeds.get(feed)
    trust: Trust | None = found.trust if found is not None else None
    return () if trust is None else tuple(trust.require)


def distrust_sender(runtime: Runtime, feed: str, address: str) -> bool:
    """Trust an address for a feed no more; whether it was trusted until now. What was let in stays
    so. Safe to repeat, also for a feed that is not there any more."""
    found = address_of(address)
    if found is None:
        raise ConflictError("that is no one plain address", hint="write ana@acorn.example")
    with acting(runtime, "distrust_sender", "sender", found.key, feed) as told:
        gone = runtime.ledger.trusted_senders.remove(feed, found.key)
        told.is_none = gone is None
        if gone is not None:
            told.before = {"address": gone.address, "trusted_by": gone.trusted_by}
    return gone is not None


def sender_to_trust(runtime: Runtime, file: File) -> str | None:
    """The address that somebody may trust so that the next file like this one is let in; None
    where that would change nothing, or nobody knows who sent the file."""
    feed = runtime.feeds.get(file.feed)
    trust: Trust | None = feed.trust if feed is not None else None
    address, detail = author_of(file), file.item.detail
    if trust is None or not trust.senders or address is None or file.source == UPLOADS:
        return None
    if detail.get("doubtful_sender") or address_of(address) is None:
        return None
    return None if may_send(runtime, file.feed, trust, address) else address


def trust_sender_of(runtime: Runtime, file: File) -> TrustedSender:
    """Trust whoever sent a file for its feed, as `trust_sender`. Raises ConflictError where there
    is nobody to trust, too."""
    address = sender_to_trust(runtime, file)
    if address is None:
        raise ConflictError(
            "the sender of this file is trusted already, or nobody knows who sent it", hint=None
        )
    return trust_sender(runtime, file.feed, address)


def trusted_for(runtime: Runtime, address: str) -> Sequence[TrustedSender]:
    """For which feeds somebody trusts an address; none for what is no address."""
    found = address_of(address)
    return () if found is None else runtime.ledger.trusted_senders.of(found.key)


def list_trusted(
    runtime: Runtime,
    contains: str | None = None,
    feeds: Collection[str] | None = None,
    after: tuple[str, str] | None = None,
    limit: int = 1000,
) -> Sequence[TrustedSender]:
    """So many trusted senders at most, by address and feed, from the first after `after` on: of
    those feeds, and with that text in the address, where they are given."""
    return runtime.ledger.trusted_senders.page(contains, feeds, after, limit)
