"""Bulk: many small attachments, and many messages found, with few commands to the server.

Only what is plain is done together: messages that lie where they were listed, in parts of a known
and small size. Anything else, and whatever a server answers oddly, is done one by one as ever.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import batched

from imapclient import IMAPClient

from connectors.mailbox.attachment import closing
from connectors.mailbox.config import MailboxConfig
from connectors.mailbox.fetch import TAIL_BYTES, fetched
from connectors.mailbox.find_message import FoundMessage, letters
from connectors.mailbox.folders import select
from schemas.errors import ConfigError
from schemas.item import Item

SMALL_BYTES = 1024 * 1024
"""A larger part is fetched by itself: the single way has it in several answers, too."""
_CHUNK_BYTES = 8 * 1024 * 1024
"""No more is asked for at once, and is in memory."""
_AT_ONCE = 200
_SLACK = 4096
"""So much more is asked for than the server has told of: servers err about sizes."""


@dataclass(frozen=True, slots=True)
class Located:
    """An item, and its message where that lies at its place in the folder that is open."""

    item: Item
    message: FoundMessage | None


@dataclass(frozen=True, slots=True)
class _Part:
    """The part that an item is, or that holds it, in a message that is at hand."""

    item: Item
    message: FoundMessage

    @property
    def section(self) -> str:
        return self.item.detail["section"]

    @property
    def octets(self) -> int:
        return int(self.item.detail["octets"])

    @property
    def sign(self) -> bytes:
        """What must stand at the message's end, if this is its last part."""
        return closing(self.message.letter) if self.item.detail.get("last") else b""


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Parts that are asked for at once: of one section, by the size of their messages."""

    parts: tuple[_Part, ...]

    @property
    def tail(self) -> int:
        """From where on the ends of all its messages are."""
        return max(0, self.parts[0].message.size - TAIL_BYTES)

    @property
    def most(self) -> int:
        """How much is asked for of every part."""
        return max(each.octets for each in self.parts) + _SLACK

    @property
    def tail_most(self) -> int:
        """How much is asked for of every message's end; nothing if no part needs it."""
        if not any(each.sign for each in self.parts):
            return 0
        return self.parts[-1].message.size - self.tail + _SLACK


def by_folder(items: Iterable[Item]) -> Mapping[str, Sequence[Item]]:
    """The items by the folder in which they were listed."""
    found: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        found[item.detail["folder"]].append(item)
    return found


def located(
    client: IMAPClient, config: MailboxConfig, folder: str, items: Sequence[Item], *, readonly: bool
) -> Iterator[Located]:
    """Every item once, with its message if that lies in the folder under the UID at which it was
    listed; the folder is open then, if it is there."""
    try:
        validity = str(select(client, config, folder, readonly=readonly))
    except ConfigError:
        yield from (Located(item, None) for item in items)
        return
    for some in batched(items, _AT_ONCE, strict=False):
        places = [item.detail["uid"].partition(":") for item in some]
        uids = [int(uid) if told == validity else 0 for told, _, uid in places]
        known = {each.uid: each for each in letters(client, sorted({*uids} - {0}))}
        for item, uid in zip(some, uids, strict=True):
            message = known.get(uid)
            is_it = message is not None and message.letter.digest == item.group
            yield Located(item, message if is_it else None)


def bodies(
    client: IMAPClient, config: MailboxConfig, folder: str, items: Sequence[Item]
) -> Iterator[tuple[Item, bytes | None]]:
    """Every item once, with its part as it was sent; None for one that is to be read by itself."""
    for some in batched(items, _AT_ONCE, strict=False):
        small: list[_Part] = []
        others: list[Item] = []
        for each in located(client, config, folder, some, readonly=True):
            if each.message is not None and _is_small(each.item):
                small.append(_Part(each.item, each.message))
            else:
                others.append(each.item)
        for chunk in _chunks(small):
            for item, body in _fetched(client, chunk):
                if body is None:
                    others.append(item)
                else:
                    yield item, body
        # Last, for whoever looks for one by itself may open other folders.
        yield from ((item, None) for item in others)


def _is_small(item: Item) -> bool:
    octets = item.detail.get("octets") or "0"
    return "whole" not in item.detail and 0 < int(octets) <= SMALL_BYTES


def _chunks(parts: Iterable[_Part]) -> Iterator[_Chunk]:
    """Messages that look alike, those of about one size together: for all their ends are asked for
    from one place on."""
    chunk: tuple[_Part, ...] = ()
    for part in sorted(parts, key=lambda each: (each.section, each.message.size)):
        more = _Chunk((*chunk, part))
        cost = (more.most + more.tail_most) * len(more.parts)
        if chunk and (cost > _CHUNK_BYTES or part.section != chunk[0].section):
            yield _Chunk(chunk)
            chunk = ()
        chunk = (*chunk, part)
    if chunk:
        yield _Chunk(chunk)


def _fetched(client: IMAPClient, chunk: _Chunk) -> Iterator[tuple[Item, bytes | None]]:
    """The parts that came whole, with the ends of their messages."""
    section, tail = chunk.parts[0].section, chunk.tail
    asked = [f"BODY.PEEK[{section}]<0.{chunk.most}>"]
    if chunk.tail_most:
        asked.append(f"BODY.PEEK[]<{tail}.{chunk.tail_most}>")
    uids = sorted({each.message.uid for each in chunk.parts})
    told = {uid: data for uid, data in fetched(client, uids, asked) if data is not None}
    for part in chunk.parts:
        data = told.get(part.message.uid, {})
        body = data.get(f"BODY[{section}]<0>".encode()) or b""
        end = data.get(f"BODY[]<{tail}>".encode()) or b""
        # Where the single way looks for it: further up the same words may be anything.
        at = max(0, part.message.size - TAIL_BYTES) - tail
        is_ended = not part.sign or part.sign in end[at:]
        yield part.item, body if part.octets <= len(body) < chunk.most and is_ended else None
