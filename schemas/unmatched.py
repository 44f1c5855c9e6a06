"""What lies at a source and becomes no file: what it is, from whom, and why nobody takes it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from schemas.item import Item


class Why(StrEnum):
    """Why no feed takes it."""

    NAME = "no feed takes a file of that name"
    PICTURE = "a picture, which no feed names"
    BODY = "a table stands in the mail itself"
    LINK = "the mail links to a file"
    NO_FILE = "the mail brings no file"
    AUTOMATIC = "an automatic reply, or a mail server's report, with files"
    UNREADABLE = "it cannot be read"
    ENCRYPTED = "it is encrypted"
    TOO_LARGE = "it is too large"
    ODD_NAME = "its name is not text"


_ALWAYS = frozenset(
    {Why.BODY, Why.LINK, Why.UNREADABLE, Why.ENCRYPTED, Why.TOO_LARGE, Why.ODD_NAME}
)
_REPORT = re.compile(
    r".*\.(?:csv|tsv|txt|dat|xls[xmb]?|ods|xml|json|jsonl|ndjson|parquet|zip|gz|bz2|xz|zst|7z|rar"
    r"|tar|tgz|p7m|pgp|gpg|edi|html?|pdf)",
    re.IGNORECASE,
)
MAX_ITEMS = 50
"""So many items of a group are kept one by one; more are counted."""
MAX_GROUPS = 1000
"""So many groups of a source are kept; what comes then goes into one for all others."""
OTHERS = "*"
"""The shape of that group."""


@dataclass(frozen=True, kw_only=True, slots=True)
class UnmatchedItem:
    """One thing that no feed takes. `owed` says that its sender is to be told so; `place` is what
    an answer needs: message id, references, subject."""

    key: str
    name: str
    sent_at: datetime
    size: int | None = None
    owed: bool = False
    place: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Unmatched:
    """Things of one kind that no feed takes: of one sender, under names alike but for digits.

    `feed` is the one whose match comes nearest. `is_likely` says that it is likely a report, and so
    an alert. `count` counts at least those of `items`.
    """

    group_id: str
    source: str
    why: Why
    shape: str
    sender: str | None
    feed: str | None
    is_likely: bool
    count: int
    items: tuple[UnmatchedItem, ...]
    first_seen: datetime
    last_seen: datetime
    dismissed_at: datetime | None = None
    dismissed_by: str | None = None


def shape_of(name: str) -> str:
    """A name as those of its kind have in common: small letters, digits as `#`."""
    return re.sub(r"[0-9]+", "#", name.lower())[:200]


def group_id_of(source: str, why: Why, sender: str | None, shape: str) -> str:
    """8 hex digits that depend only on these."""
    named = "\x00".join((source, why.name, (sender or "").lower(), shape))
    return hashlib.sha256(named.encode("utf-8", "surrogatepass")).hexdigest()[:8]


def is_likely(why: Why, item: Item) -> bool:
    """Whether somebody who sent it likely waits for it to be loaded."""
    if why in _ALWAYS:
        return True
    is_report = _REPORT.fullmatch(item.name) is not None
    if why is Why.AUTOMATIC:
        return is_report and not item.name.lower().endswith(".rejected.csv")
    return why is Why.NAME and is_report
