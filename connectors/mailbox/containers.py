"""Containers: attachments that hold the files themselves (winmail.dat, .msg, .eml)."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from email.feedparser import BytesFeedParser
from email.message import Message
from typing import BinaryIO

from connectors.envelope import is_receipt
from connectors.mailbox.bounded import BOUNDED
from connectors.mailbox.decode import ENCODED, decoded
from connectors.mailbox.letter import encoding_of, file_name, read_headers
from connectors.mailbox.outlook import outlook_files
from schemas.errors import DataError

log = logging.getLogger(__name__)

_TNEF = ("application/ms-tnef", "application/vnd.ms-tnef")
_OUTLOOK = ("application/vnd.ms-outlook",)
_MESSAGE = "message/rfc822"
_DEEPEST = 4
_BLOCK_BYTES = 256 * 1024


def is_container(name: str, kind: str) -> bool:
    """Whether an attachment of that name and content type holds files."""
    lower = name.lower()
    return (
        kind in (*_TNEF, *_OUTLOOK, _MESSAGE)
        or lower == "winmail.dat"
        or lower.endswith((".msg", ".eml"))
    )


def files_within(name: str, kind: str, data: bytes, depth: int = 0) -> list[tuple[str, bytes]]:
    """The names and bytes of the files in a container, and of those in containers within it.

    Raises DataError for a damaged one; a damaged or very deep one within it is a file itself.
    """
    if kind == _MESSAGE or name.lower().endswith(".eml"):
        inner = [(each.name, each.kind, each.data) for each in message_files(io.BytesIO(data))]
    else:
        is_tnef = kind in _TNEF or name.lower() == "winmail.dat"
        found = outlook_files("tnef" if is_tnef else "msg", data)
        inner = [(inside, "", more) for inside, more in found]
    return [file for each in inner for file in _unfolded(*each, depth)]


def _unfolded(name: str, kind: str, data: bytes, depth: int) -> list[tuple[str, bytes]]:
    if is_container(name, kind) and depth < _DEEPEST:
        try:
            return files_within(name, kind, data, depth + 1)
        except DataError as error:
            log.warning("%s: %s", name, error.message)
    return [(name, data)] if name else []


@dataclass(frozen=True, slots=True)
class MessageFile:
    """One file of a whole message: the part with that number, or number `inner` in `container`."""

    number: int
    name: str
    kind: str
    data: bytes
    container: str = ""
    inner: str = ""


def unfolded_files(stream: BinaryIO) -> Iterator[MessageFile]:
    """The files of a whole message; those that a container holds take its place.

    Raises DataError for a message that nests too deeply to be read.
    """
    for each in message_files(stream):
        if not is_container(each.name, each.kind):
            yield each
            continue
        try:
            inner = files_within(each.name, each.kind, each.data)
        except DataError as error:
            log.warning("%s: %s", each.name, error.message)
            yield each
            continue
        for number, (name, data) in enumerate(inner):
            yield replace(each, name=name, data=data, container=each.name, inner=str(number))


def message_files(stream: BinaryIO) -> Iterator[MessageFile]:
    """The named parts of a whole message, in their order. What is only linked to is none, nor is
    what a receipt of ours holds, which somebody has forwarded or a server returned.

    Raises DataError for a message that nests too deeply to be read.
    """
    of_receipt = 0
    for number, part in enumerate(_parts(stream)):
        if number >= of_receipt and is_receipt(part):
            of_receipt = number + sum(1 for _ in part.walk())
        if number < of_receipt:
            continue
        kind = part.get_content_type()
        if kind == _MESSAGE and encoding_of(part) in ENCODED:
            # Against RFC 2046, but done: to the parser the letters of the encoding are its text.
            letters = (each.as_bytes() for each in part.get_payload() if isinstance(each, Message))
            data = b"".join(decoded(letters, encoding_of(part)))
            yield MessageFile(number, file_name(_headers(part)), kind, data)
        elif part.is_multipart() or kind == "message/external-body":
            continue
        elif (name := file_name(_headers(part))) or kind in _TNEF + _OUTLOOK:
            yield MessageFile(number, name, kind, _payload(part))


def file_names(stream: BinaryIO) -> list[str]:
    """What the named parts of a whole message are called, whoever has written it.

    Raises DataError for a message that nests too deeply to be read.
    """
    return [name for part in _parts(stream) if (name := file_name(_headers(part)))]


def _parts(stream: BinaryIO) -> list[Message]:
    """The parts of a message that is read block by block: as one piece it would be there thrice."""
    parser = BytesFeedParser(policy=BOUNDED)
    try:
        while block := stream.read(_BLOCK_BYTES):
            parser.feed(block)
        return list(parser.close().walk())
    except RecursionError as error:
        raise DataError("the message nests too deeply to be read") from error


def _headers(part: Message) -> Message:
    """The part's headers with their eight-bit letters, of which the parser keeps the bytes only."""
    lines = (f"{name}: {value}\r\n" for name, value in part.raw_items())
    return read_headers("".join(lines).encode("ascii", "surrogateescape"))


def _payload(part: Message) -> bytes:
    text = part.get_payload()
    if isinstance(text, str) and encoding_of(part) == "base64":
        starts = range(0, len(text), _BLOCK_BYTES)
        blocks = (text[at : at + _BLOCK_BYTES].encode("ascii", "surrogateescape") for at in starts)
        with suppress(DataError):
            return b"".join(decoded(blocks, "base64"))
    # The library makes the best of what is cut short, in several copies.
    found = part.get_payload(decode=True)
    return found if isinstance(found, bytes) else b""
