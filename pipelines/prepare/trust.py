"""Trust: whether a file is let in, by its sender, its mail, its content and its sender's quota."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, replace
from fnmatch import translate
from pathlib import Path

from connectors.protocols import Vouching
from pipelines.feed import Feed
from pipelines.parse.kind import PACKED, Kind, kind_of
from pipelines.parse.registry import reader_of
from pipelines.runtime import Runtime
from pipelines.telemetry import event_now
from schemas.address import address_of, canonical_domain, same_organization
from schemas.contract import Contract
from schemas.errors import RetryableError
from schemas.file import File, Status
from schemas.trust import Cause, Trust, Vouched
from schemas.upload import UPLOADS

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class HoldReason:
    """Why a file is held, for a person to decide."""

    cause: Cause
    reason: str


def let_in_before(runtime: Runtime, file: File) -> bool:
    """Whether the file needs no judgement any more: it was let in once, by itself or by a person,
    and is now prepared again."""
    hold = runtime.ledger.holds.of(file.file_id)
    if hold is None:
        return file.landing_key is not None
    return hold.released_at is not None


def hold_file(runtime: Runtime, file: File, doubt: HoldReason) -> None:
    """Hold a file in hand for a person to decide; its sender is told nothing."""
    event = event_now(runtime, file.file_id, "trust", "held", doubt.reason)
    aside = replace(file, status=Status.HELD, reason=doubt.reason, contract_version=None)
    runtime.ledger.holds.hold(aside, doubt.cause, event)
    log.warning("feed %s: %s is held: %s", file.feed, file.file_id, doubt.reason)


def doubt_about_mail(runtime: Runtime, file: File, feed: Feed) -> HoldReason | None:
    """The first doubt that needs no look into the file: sender, authentication, subject, name.

    Raises RetryableError while what vouches for the sender cannot be asked.
    """
    trust, item = feed.trust, file.item
    if trust is None:
        return None
    subject = item.detail.get("subject", "")
    # Whoever uploads has shown a key for the feed; there is no mail to speak of.
    is_upload = file.source == UPLOADS
    if not is_upload and (doubt := _doubt_about_sender(runtime, file, trust)):
        return doubt
    if not is_upload and trust.subjects and not _matches(subject, trust.subjects):
        return HoldReason(
            cause=Cause.SUBJECT, reason=f'the subject "{subject[:100]}" is not expected'
        )
    if trust.names and not _matches(item.name, trust.names):
        return HoldReason(cause=Cause.NAME, reason=f'the file name "{item.name}" is not expected')
    return None


def doubt_about_content(
    runtime: Runtime,
    file: File,
    feed: Feed,
    contract: Contract,
    path: Path,
    *,
    any_kind: bool = False,
) -> HoldReason | None:
    """The doubt that the landed bytes raise: of another type than agreed (unless they may be of
    `any_kind`), or beyond the quota.

    A file within its sender's quota is counted, once.
    """
    trust = feed.trust
    if trust is None:
        return None
    kind = kind_of(path)
    named = {Kind[name.upper()] for name in trust.types}
    allowed = named or {*reader_of(contract.dialect.format).traits.kinds, *PACKED}
    if kind not in allowed and not any_kind:
        return HoldReason(cause=Cause.TYPE, reason=f"its content is {kind}, whatever its name")
    if trust.files_a_day is None and trust.bytes_a_day is None:
        return None
    author = address_of(author_of(file) or "")
    sender = author.key if author else file.item.detail.get("uploaded_by", "")
    day = runtime.now().date().isoformat()
    if runtime.ledger.holds.count_against_sender_quota(
        file, sender, day, trust.files_a_day, trust.bytes_a_day
    ):
        return None
    most = [
        f"{trust.files_a_day:,} files" if trust.files_a_day is not None else "",
        f"{trust.bytes_a_day:,} bytes" if trust.bytes_a_day is not None else "",
    ]
    reason = f"{sender or 'the source'} has sent more than {' or '.join(filter(None, most))} today"
    return HoldReason(cause=Cause.QUOTA, reason=reason)


def _doubt_about_sender(runtime: Runtime, file: File, trust: Trust) -> HoldReason | None:
    item = file.item
    if not trust.senders:
        return None
    sender = author_of(file)
    if sender is None:
        return HoldReason(cause=Cause.SENDER, reason="it does not say who sent it")
    if reason := item.detail.get("doubtful_sender"):
        return HoldReason(cause=Cause.SENDER, reason=reason)
    if not may_send(runtime, file.feed, trust, sender):
        return HoldReason(cause=Cause.SENDER, reason=f"{sender} is not a sender of this feed")
    if not trust.require:
        return None
    try:
        vouched = _vouched(runtime, file)
    except RetryableError as error:
        if file.tries < runtime.limits.attempts:
            raise
        return HoldReason(cause=Cause.AUTHENTICATION, reason=error.message)
    passed = {each.method for each in vouched if speaks_for(each, sender)}
    missing = [method for method in trust.require if method not in passed]
    if not missing:
        return None
    others = {each.domain for each in vouched if each.method in missing}
    but = f" (only for {', '.join(sorted(others))})" if others else ""
    methods = " and no ".join(each.upper() for each in missing)
    reason = f"no {methods} result vouches for {sender}{but}"
    return HoldReason(cause=Cause.AUTHENTICATION, reason=reason)


def _vouched(runtime: Runtime, file: File) -> tuple[Vouched, ...]:
    source = runtime.sources[file.source]
    return tuple(source.vouched(file.item)) if isinstance(source, Vouching) else ()


def author_of(file: File) -> str | None:
    """Who wrote to us, the one to be trusted: an answer may go to another address."""
    return file.item.detail.get("author") or file.item.sender


def may_send(runtime: Runtime, feed: str, trust: Trust, address: str) -> bool:
    """Whether an address is one of the feed's senders: its `trust` names it, or somebody trusts it
    since. That the address is the sender's own is another question: what `trust` requires."""
    if any(is_sender(address, each) for each in trust.senders):
        return True
    found = address_of(address)
    return found is not None and runtime.ledger.trusted_senders.has(feed, found.key)


def is_sender(address: str, allowed: str) -> bool:
    """Whether an address is the allowed one, or of the allowed domain."""
    sender = address_of(address)
    if sender is None:
        return False
    if "@" in allowed:
        one = address_of(allowed)
        return one is not None and sender.key == one.key
    domain = canonical_domain(allowed.removeprefix("*."))
    if domain is None:
        return False
    return sender.domain.endswith(f".{domain}") if allowed[:2] == "*." else sender.domain == domain


def speaks_for(vouched: Vouched, address: str) -> bool:
    """Whether a result speaks for the domain of an address: for it, one above or one below it
    (relaxed alignment, RFC 7489 section 3.1), but not for a domain below which anybody can be."""
    sender, own = address_of(address), canonical_domain(vouched.domain)
    return sender is not None and own is not None and same_organization(own, sender.domain)


def _matches(text: str, globs: tuple[str, ...]) -> bool:
    return any(re.match(translate(glob), text, re.IGNORECASE) for glob in globs)
