"""Fetching: the few things that are asked of an IMAP server about its messages."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from email.message import Message
from itertools import batched
from typing import Any

from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientAbortError, IMAPClientError, ProtocolError

from connectors.mailbox.headers import read_headers
from connectors.mailbox.refusals import away, is_throttled
from connectors.mailbox.sender_headers import is_receipt
from connectors.mailbox.structure import Leaf
from schemas.errors import DataError, ItemChangedError, ItemDeniedError

log = logging.getLogger(__name__)

HEADER_BYTES = 64 * 1024
"""As much of a block of headers is read."""
_SECTIONS_AT_ONCE = 100
"""Servers bound the length of a command: Dovecot's default is 64 KB."""
_BLOCK_BYTES = 1024 * 1024
TAIL_BYTES = 4096
"""What closes a message is looked for in so much of its end."""


def fetched(
    client: IMAPClient, uids: Sequence[int], asked: Sequence[str]
) -> Iterator[tuple[int, dict[bytes, Any] | None]]:
    """What was asked of each message that is there; None for one of which the server tells nothing
    that can be read, or that it refuses. Messages it leaves out are asked for one by one.

    Raises ThrottledError for a server that asks us to slow down.
    """
    try:
        found = client.fetch(uids, asked)
    except (IMAPClientAbortError, OSError):
        raise
    except (
        IMAPClientError, ProtocolError, RecursionError, ValueError, TypeError, IndexError,
        AttributeError,
    ) as error:  # fmt: skip
        if is_throttled(str(error)):
            raise away(f"the mail server slows us down: {error}", str(error)) from error
        # What a server refuses, and what the library raises for an answer it cannot parse.
        found = {}
    for uid in uids:
        if uid in found:
            yield uid, found[uid]
        elif len(uids) > 1:
            yield from fetched(client, [uid], asked)
        elif _is_there(client, uid):
            yield uid, None


def _is_there(client: IMAPClient, uid: int) -> bool:
    """Whether the server lists the message of which it tells nothing."""
    try:
        return uid in client.search(["UID", str(uid)])
    except (IMAPClientAbortError, OSError):
        raise
    except (IMAPClientError, ValueError):
        return True


def named_parts(
    client: IMAPClient, parts: Mapping[int, Sequence[Leaf]]
) -> Mapping[int, Sequence[tuple[Leaf, Message]]]:
    """The parts of messages with their MIME headers, by UID, without those of receipts of ours that
    lie in a message: somebody has forwarded them, or a server returned them. A message whose parts
    the server refuses to tell of is missing."""
    headers, unread = _part_headers(client, parts)
    found: dict[int, list[tuple[Leaf, Message]]] = {}
    for uid, leaves in parts.items():
        if uid in unread:
            continue
        messages = {each for leaf in leaves for each in leaf.forwarded}
        receipts = {each for each in messages if is_receipt(read_headers(headers[uid, each]))}
        found[uid] = [
            (leaf, read_headers(headers[uid, leaf.headers]))
            for leaf in leaves
            if receipts.isdisjoint(leaf.forwarded)
        ]
    return found


def _part_headers(
    client: IMAPClient, parts: Mapping[int, Sequence[Leaf]]
) -> tuple[Mapping[tuple[int, str], bytes], set[int]]:
    """The MIME headers of all those parts, and the headers of the messages they are forwarded in,
    by UID and section; those of messages that look alike are asked for together. Also the UIDs of
    which they could not be had."""
    alike: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for uid, found in parts.items():
        if found:
            needed = (each for leaf in found for each in (*leaf.forwarded, leaf.headers))
            alike[tuple(dict.fromkeys(needed))].append(uid)
    headers: dict[tuple[int, str], bytes] = defaultdict(bytes)
    unread: set[int] = set()
    for wanted, uids in alike.items():
        for sections in batched(wanted, _SECTIONS_AT_ONCE, strict=False):
            asked = [f"BODY.PEEK[{section}]<0.{HEADER_BYTES}>" for section in sections]
            for uid, data in fetched(client, uids, asked):
                if data is None:
                    log.warning("UID %d: the headers of its parts cannot be read", uid)
                    unread.add(uid)
                    continue
                for section in sections:
                    headers[uid, section] = data.get(f"BODY[{section}]<0>".encode()) or b""
    return headers, unread


def blocks(
    client: IMAPClient, uid: int, section: str, most: int, size: int | None = None
) -> Iterator[bytes]:
    """The bytes of a part as they were sent, a block at a time; of `size` bytes, if the server has
    said so. One that gives fewer than it was asked for is asked again.

    Servers err about sizes, so that less than they say is no fault in itself: whether a part is
    whole is told by its own encoding, and by what closes the message.

    Raises ItemChangedError if the message is gone, and DataError for a part of more than twice
    `most` bytes, which no encoding of so many is.
    """
    at = 0
    while size is None or at < size:
        block = _block(client, uid, section, at)
        if not block:
            break
        yield block
        at += len(block)
        if size is None and len(block) < _BLOCK_BYTES and not _block(client, uid, section, at):
            break
        if at > 2 * most:
            raise too_large(most)


def _block(client: IMAPClient, uid: int, section: str, at: int) -> bytes:
    asked = f"BODY.PEEK[{section}]<{at}.{_BLOCK_BYTES}>"
    for _, data in fetched(client, [uid], [asked]):
        if data is None:
            raise ItemDeniedError("the mail server refuses to give a part of the message")
        return data.get(f"BODY[{section}]<{at}>".encode()) or b""
    raise ItemChangedError("the message is gone")


def ends_with(client: IMAPClient, uid: int, size: int, sign: bytes, most: int) -> bool:
    """Whether a message of that size has the sign, which stands near its end; servers add footers
    after it, so that all of it is read where the end does not show it."""
    at = max(0, size - TAIL_BYTES)
    asked = f"BODY.PEEK[]<{at}.{_BLOCK_BYTES}>"
    tail = dict(fetched(client, [uid], [asked])).get(uid) or {}
    if sign in (tail.get(f"BODY[]<{at}>".encode()) or b""):
        return True
    before = b""
    for block in blocks(client, uid, "", most):
        if sign in before + block:
            return True
        before = block[-len(sign) :]
    return False


def too_large(most: int) -> DataError:
    """That an attachment has more than that many bytes."""
    return DataError(
        "the attachment is larger than {most:,} bytes",
        hint="split the file, or raise attachment_bytes of the source",
        most=most,
    )
