"""The receipt link: an address by which whoever has it sees one receipt, without a login.

`<file>.<expiry>.<key id>.<mac>`: the mac is made of the others and of the file's nonce, which only
the ledger knows. A new nonce ends all links of a file, a key that is taken away those it signed.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

PATH = "/r/"
"""What stands before a link's parts."""
KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")
"""How a key may be named."""
_TOKEN = re.compile(
    r"(?P<file_id>[0-9a-f]{16})\.(?P<expiry>[1-9][0-9]{0,10})"
    r"\.(?P<key_id>[A-Za-z0-9_-]{1,32})\.(?P<mac>[A-Za-z0-9_-]{43})"
)
_PURPOSE = "waybill receipt link 1"
_NOBODYS = b"\0" * 32
"""What an unknown key, or a file without a link, is checked with: it takes as long as a known one,
and is never taken for right."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LinkKeys:
    """The keys by which links are signed, the first of them for new ones, at which address the
    console answers, and for how many days a link is good."""

    url: str
    keys: Mapping[str, bytes] = field(repr=False)
    days: int


@dataclass(frozen=True, kw_only=True, slots=True)
class FileLink:
    """What the ledger keeps of a file's link; without a `nonce` it is revoked."""

    file_id: str
    nonce: str | None
    minted_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None
    revoked_by: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ReceiptLink:
    """A link as its holder gets it, and until when it is good."""

    url: str = field(repr=False)
    until: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Token:
    """The parts of a link, of which nothing is known to be true yet."""

    file_id: str
    expiry: int
    key_id: str
    mac: str = field(repr=False)

    @property
    def until(self) -> datetime:
        """Until when it is good."""
        return datetime.fromtimestamp(self.expiry, UTC)


def token_of(text: str) -> Token | None:
    """The parts of a text that is written as a link is; None for any other."""
    found = _TOKEN.fullmatch(text)
    if found is None:
        return None
    return Token(
        file_id=found["file_id"],
        expiry=int(found["expiry"]),
        key_id=found["key_id"],
        mac=found["mac"],
    )


def link_of(keys: LinkKeys, link: FileLink) -> ReceiptLink | None:
    """The link that the ledger's part of it makes, signed by the first key; None if it is
    revoked."""
    if link.nonce is None:
        return None
    key_id, key = next(iter(keys.keys.items()))
    expiry = int(link.expires_at.timestamp())
    mac = _mac(key, link.file_id, expiry, key_id, link.nonce)
    url = f"{keys.url.rstrip('/')}{PATH}{link.file_id}.{expiry}.{key_id}.{mac}"
    return ReceiptLink(url=url, until=datetime.fromtimestamp(expiry, UTC))


def is_genuine(keys: LinkKeys, token: Token, link: FileLink | None) -> bool:
    """Whether a link is one that we have made, and not revoked since; it may have expired. It takes
    the same time whichever part is wrong."""
    key = keys.keys.get(token.key_id)
    nonce = link.nonce if link is not None else None
    right = _mac(key or _NOBODYS, token.file_id, token.expiry, token.key_id, nonce or "")
    same = hmac.compare_digest(right, token.mac)
    return same and key is not None and nonce is not None


def expiry_of(keys: LinkKeys, now: datetime) -> tuple[datetime, datetime]:
    """When a link that is made now expires, and before when an older one would have to expire to be
    made anew: one that is good for half as long stays as it is."""
    whole = timedelta(days=keys.days)
    return now + whole, now + whole / 2


def _mac(key: bytes, file_id: str, expiry: int, key_id: str, nonce: str) -> str:
    text = "\n".join((_PURPOSE, file_id, str(expiry), key_id, nonce))
    digest = hmac.digest(key, text.encode("ascii"), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")
