"""Fetching: the few things that are asked of an IMAP server about its messages."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from email.message import Message
from itertools import batched
from typing import Any

from imapclient import IMAPClient
from imapclient.exceptions import ProtocolError

from connectors.envelope import is_receipt
from connectors.mailbox.letter import read_headers
from connectors.mailbox.structure import Leaf
from schemas.errors import DataError, ItemChangedError

log = logging.getLogger(__name__)

HEADER_BYTES = 64 * 1024
"""As much of a block of headers is read."""
_SECTIONS_AT_ONCE = 100
"""Servers bound the length of a command: Dovecot's default is 64 KB."""
_BLOCK_BYTES = 1024 * 1024


def fetched(
    client: IMAPClient, uids: Sequence[int], asked: Sequence[str]
) -> Iterator[tuple[int, dict[bytes, Any] | None]]:
    """What was asked of each message that is there; None for an answer that cannot be read."""
    try:
        found = client.fetch(uids, asked)
    except (ProtocolError, RecursionError, ValueError, TypeError, IndexError):
        # What the library raises for an answer it cannot parse.
        if len(uids) == 1:
            yield uids[0], None
            return
        for uid in uids:
            yield from fetched(client, [uid], asked)
        return
    for uid in uids:
        if uid in found:
            yield uid, found[uid]


def named_parts(
    client: IMAPClient, parts: Mapping[int, Sequence[Leaf]]
) -> Mapping[int, Sequence[tuple[Leaf, Message]]]:
    """The parts of messages with their MIME headers, by UID, without those of receipts of ours that
    lie in a message: somebody has forwarded them, or a server returned them."""
    headers = _part_headers(client, parts)
    found: dict[int, list[tuple[Leaf, Message]]] = {}
    for uid, leaves in parts.items():
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
) -> Mapping[tuple[int, str], bytes]:
    """The MIME headers of all those parts, and the headers of the messages they are forwarded in,
    by UID and section; those of messages that look alike are asked for together."""
    alike: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for uid, found in parts.items():
        if found:
            needed = (each for leaf in found for each in (*leaf.forwarded, leaf.headers))
            alike[tuple(dict.fromkeys(needed))].append(uid)
    headers: dict[tuple[int, str], bytes] = defaultdict(bytes)
    for wanted, uids in alike.items():
        for sections in batched(wanted, _SECTIONS_AT_ONCE, strict=False):
            asked = [f"BODY.PEEK[{section}]<0.{HEADER_BYTES}>" for section in sections]
            for uid, data in fetched(client, uids, asked):
                if data is None:
                    log.warning("UID %d: the headers of its parts cannot be read", uid)
                    continue
                for section in sections:
                    headers[uid, section] = data.get(f"BODY[{section}]<0>".encode()) or b""
    return headers


def blocks(client: IMAPClient, uid: int, section: str, most: int) -> Iterator[bytes]:
    """The bytes of a part as they were sent, a block at a time.

    Raises ItemChangedError if the message is gone, and DataError for a part of more than twice
    `most` bytes, which no encoding of so many is.
    """
    at = 0
    while True:
        asked = f"BODY.PEEK[{section}]<{at}.{_BLOCK_BYTES}>"
        data = client.fetch([uid], [asked]).get(uid)
        if data is None:
            raise ItemChangedError("the message is gone")
        block: bytes = data.get(f"BODY[{section}]<{at}>".encode()) or b""
        yield block
        at += len(block)
        if len(block) < _BLOCK_BYTES:
            return
        if at > 2 * most:
            raise too_large(most)


def too_large(most: int) -> DataError:
    """That an attachment has more than that many bytes."""
    return DataError(
        "the attachment is larger than {most:,} bytes",
        hint="split the file, or raise attachment_bytes of the source",
        most=most,
    )
