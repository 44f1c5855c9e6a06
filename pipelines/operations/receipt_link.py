"""The receipt link: what its holder sees and may mend, without a login, and how a link is ended."""

from __future__ import annotations

import secrets
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from pipelines.acknowledge.addressee import addressee
from pipelines.acknowledge.links import NONCE_BYTES
from pipelines.operations.acts import acting
from pipelines.operations.answers import has_rejects, receipt_of, rejects_csv
from pipelines.operations.masking import Mask
from pipelines.prepare.trust import author_of, may_send
from pipelines.runtime import Runtime
from schemas.act import Actor
from schemas.errors import ConfigError, ConflictError, NotFoundError
from schemas.file import File
from schemas.receipt import Receipt
from schemas.receipt_link import PATH, ReceiptLink, expiry_of, is_genuine, link_of, token_of

_NO_KEYS = "links need web.url and web.link_keys"


class UnknownLinkError(NotFoundError):
    """there is no receipt at this address"""


class ExpiredLinkError(NotFoundError):
    """the link to this receipt has expired"""

    def __init__(self, language: str) -> None:
        super().__init__()
        self.language = language


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenedLink:
    """A link that is good: its file, whose holder acts, in which language they read, until when
    it is good, and its address."""

    file: File
    actor: Actor
    language: str
    until: datetime
    url: str = field(repr=False)


def open_link(
    runtime: Runtime, text: str, *, origin: str | None = None, request_id: str | None = None
) -> OpenedLink:
    """The link that a text is. It changes nothing: scanners of mail open links, too.

    Raises UnknownLinkError for anything else: written wrongly, changed, signed by a key that is not
    known (any more), revoked, of a file or feed that is not there, all alike; and ExpiredLinkError
    only for a link that we have made.
    """
    keys, token = runtime.links, token_of(text)
    if keys is None or token is None:
        raise UnknownLinkError
    kept = runtime.ledger.receipt_links.of(token.file_id)
    if not is_genuine(keys, token, kept):
        raise UnknownLinkError
    try:
        file = runtime.ledger.files.get(token.file_id)
    except KeyError:
        raise UnknownLinkError from None
    feed = runtime.feeds.get(file.feed)
    if feed is None:
        raise UnknownLinkError
    language = feed.language_for(addressee(file))
    if token.until <= runtime.now():
        raise ExpiredLinkError(language)
    who = f"link to {file.file_id}"
    if sender := addressee(file):
        who = f"{sender} ({who})"
    return OpenedLink(
        file=file,
        actor=Actor(who=who, via="link", origin=origin, request_id=request_id),
        language=language,
        until=token.until,
        url=f"{keys.url.rstrip('/')}{PATH}{text}",
    )


def linked_receipt(runtime: Runtime, link: OpenedLink) -> Receipt:
    """The receipt, as its sender got it: with all values, for they are the sender's own. Raises
    ConflictError while the file is on its way, NotFoundError once its rows are not kept any
    more."""
    receipt = receipt_of(runtime, link.file, _everything(runtime, link.file))
    told_at = link.file.done_at or receipt.loaded_at
    return replace(receipt, loaded_at=told_at, link=link.url, link_until=link.until)


def linked_rejects(runtime: Runtime, link: OpenedLink) -> AbstractContextManager[Path]:
    """The file of rejected rows, as its sender got it, for as long as the block lasts. Raises
    NotFoundError for a file that has none (any more)."""
    return rejects_csv(runtime, link.file, _everything(runtime, link.file))


def may_fix(runtime: Runtime, link: OpenedLink) -> bool:
    """Whether there is something to mend, and the holder may."""
    return _why_not(runtime, link.file) is None


def fixing(runtime: Runtime, link: OpenedLink) -> Runtime:
    """The runtime in the name of the link's holder, for operations that mend its file, and no
    other. What they send is the sender's: it is judged, and counted against the quotas, as their
    mails are. Raises ConflictError where there is nothing to mend, or the sender is not trusted
    (any more)."""
    if why := _why_not(runtime, link.file):
        raise ConflictError(why)
    return replace(runtime, actor=link.actor)


def renew_link(runtime: Runtime, file: File) -> ReceiptLink:
    """A new link to a file's receipt, in place of all before it, also of those that were revoked.
    Who has it sees all values. Raises ConfigError where there are no links."""
    keys = runtime.links
    if keys is None:
        raise ConfigError(_NO_KEYS, hint="set both in config.yaml")
    expires_at, _ = expiry_of(keys, runtime.now())
    with acting(runtime, "renew_link", "file", file.file_id, file.feed) as told:
        nonce = secrets.token_hex(NONCE_BYTES)
        made = runtime.ledger.receipt_links.renew(file.file_id, nonce, expires_at)
        told.after = {"expires_at": expires_at.isoformat()}
    link = link_of(keys, made)
    assert link is not None
    return link


def revoke_link(runtime: Runtime, file: File) -> bool:
    """End all links to a file's receipt, and let none be made by itself; False if that was so
    before. Safe to repeat."""
    with acting(runtime, "revoke_link", "file", file.file_id, file.feed) as told:
        done = runtime.ledger.receipt_links.revoke(file.file_id, runtime.actor.who)
        told.is_none = not done
    return done


def _everything(runtime: Runtime, file: File) -> Mask:
    return Mask(runtime.contract_of(runtime.feeds[file.feed]), sees_all=True)


def _why_not(runtime: Runtime, file: File) -> str | None:
    """Why the holder of a link may mend nothing; None if they may."""
    feed = runtime.feeds[file.feed]
    if not has_rejects(file) or feed.makes_rows:
        return "no rows of this file can be corrected one by one"
    if file.superseded_by is not None:
        return "a newer version of this file has come: correct that one"
    trust = feed.trust
    if trust is not None and trust.senders:
        sender = author_of(file)
        if sender is None or not may_send(runtime, file.feed, trust, sender):
            return "the sender of this file is not one of the feed's (any more)"
    return None
