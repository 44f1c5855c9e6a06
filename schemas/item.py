"""An item: one version of one file, as a source lists it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One version of one file at a source.

    `key` and `version` together name the same bytes for ever. `sent_at` (aware, UTC) orders the
    versions of a key. `group` is shared by items that travel together (the attachments of a
    message); the original is marked as handled only with the last of them. `detail` holds what the
    source needs to answer: message id, subject.

    `formerly` is a shorter version by which the same delivery may be known, alone or followed by a
    colon and a time: the newest version of the key that is known so is this one.
    """

    key: str
    version: str
    name: str
    sent_at: datetime
    size: int | None = None
    sender: str | None = None
    group: str | None = None
    formerly: str | None = None
    detail: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Left:
    """Something at a source that is none of a listing's items: no glob matched it, or it cannot be
    an item. `why` is the name of a reason in `schemas.unmatched.Why`."""

    item: Item
    why: str


@dataclass(frozen=True, slots=True)
class Hint:
    """That something has arrived under a key, in a version if one is named. `mark` is the source's
    own, by which it knows what told so."""

    key: str
    version: str | None = None
    mark: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """Some items of a listing, what it left out, and the cursor from which the next may start.

    A source whose listing is always whole (a bucket, a folder) leaves `cursor` None. `readable`
    are items that an earlier listing left out as unreadable, and that could be read now.
    """

    items: tuple[Item, ...]
    cursor: str | None = None
    left: tuple[Left, ...] = ()
    readable: tuple[Item, ...] = ()
