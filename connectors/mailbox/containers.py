"""Containers: attachments that hold the files themselves (winmail.dat, .msg, .eml, .p7m)."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from email.errors import CloseBoundaryNotFoundDefect
from email.feedparser import BytesFeedParser
from email.message import Message
from typing import BinaryIO

from connectors.mailbox.bounded import BOUNDED
from connectors.mailbox.decode import ENCODED, cut_short, decoded
from connectors.mailbox.headers import encoding_of, file_name, read_headers
from connectors.mailbox.kinds import TNEF_MAGIC, VAGUE, adornment, made_name
from connectors.mailbox.outlook import outlook_files
from connectors.mailbox.sender_headers import is_receipt
from schemas.errors import DataError

log = logging.getLogger(__name__)

_TNEF = ("application/ms-tnef", "application/vnd.ms-tnef")
_OUTLOOK = ("application/vnd.ms-outlook",)
_SEALED = ("application/pkcs7-mime", "application/x-pkcs7-mime")
_MESSAGE = "message/rfc822"
_DEEPEST = 4
_BLOCK_BYTES = 256 * 1024


def is_container(name: str, kind: str) -> bool:
    """Whether an attachment of that name and content type holds files."""
    lower = name.lower()
    return (
        kind in (*_TNEF, *_OUTLOOK, *_SEALED, _MESSAGE)
        or lower == "winmail.dat"
        or lower.endswith((".msg", ".eml", ".p7m"))
    )


def may_be_tnef(name: str, kind: str) -> bool:
    """Whether only its first bytes tell that an attachment is no winmail.dat under another name."""
    return kind in VAGUE and (name.lower().endswith(".dat") or "." not in name)


def files_within(name: str, kind: str, data: bytes, depth: int = 0) -> list[tuple[str, bytes]]:
    """The names and bytes of the files in a container, and of those in containers within it.

    Raises DataError for a damaged or encrypted one; within it, such a one is a file itself.
    """
    lower = name.lower()
    if kind == _MESSAGE or lower.endswith(".eml"):
        inner = _of_message(data)
    elif kind in _SEALED or lower.endswith(".p7m"):
        [(_, sealed)] = outlook_files("p7m", data)
        if not _is_entity(sealed):
            # A document that was signed by itself: orders.csv.p7m.
            plain = name[:-4] if lower.endswith(".p7m") else ""
            return [(plain or made_name("1", "", sealed[:4096]), sealed)]
        inner = _of_message(sealed)
    else:
        is_tnef = kind in _TNEF or lower == "winmail.dat" or data.startswith(TNEF_MAGIC)
        found = outlook_files("tnef" if is_tnef else "msg", data)
        inner = [(inside, "", more) for inside, more in found]
    return [file for each in inner for file in _unfolded(*each, depth)]


def _of_message(data: bytes) -> list[tuple[str, str, bytes]]:
    return [(each.name, each.kind, each.whole()) for each in message_files(io.BytesIO(data))]


def _is_entity(data: bytes) -> bool:
    """Whether the bytes begin with MIME headers."""
    head = data[:4096].lstrip().lower()
    return head.startswith((b"content-", b"mime-version:"))


def _unfolded(name: str, kind: str, data: bytes, depth: int) -> list[tuple[str, bytes]]:
    holds = is_container(name, kind) or data.startswith(TNEF_MAGIC)
    if holds and depth < _DEEPEST:
        try:
            return files_within(name, kind, data, depth + 1)
        except DataError as error:
            log.warning("%s: %s", name, error.message)
    return [(name, data)] if name else []


@dataclass(frozen=True, slots=True)
class MessageFile:
    """One file of a whole message: the part with that number, or number `inner` in `container`.

    `fault` is why its bytes are not all there. `adornment` is what makes it no report.
    """

    number: int
    name: str
    kind: str
    data: bytes
    container: str = ""
    inner: str = ""
    fault: DataError | None = None
    adornment: str = ""

    def whole(self) -> bytes:
        """All its bytes; raises DataError if it was cut short."""
        if self.fault is not None:
            raise self.fault
        return self.data


def unfolded_files(stream: BinaryIO) -> Iterator[MessageFile]:
    """The files of a whole message; those that a container holds take its place.

    Raises DataError for a message that nests too deeply to be read.
    """
    for each in message_files(stream):
        if not (is_container(each.name, each.kind) or each.data.startswith(TNEF_MAGIC)):
            yield each
            continue
        try:
            inner = files_within(each.name, each.kind, each.whole())
        except DataError as error:
            log.warning("%s: %s", each.name, error.message)
            yield replace(each, fault=each.fault or error)
            continue
        for number, (name, data) in enumerate(inner):
            container = each.name or "winmail.dat"
            yield replace(each, name=name, data=data, container=container, inner=str(number))


def message_files(stream: BinaryIO) -> Iterator[MessageFile]:
    """The files of a whole message, in their order: parts with a name, and attached ones without,
    which get one. What is only linked to is none, nor is what a receipt of ours holds, which
    somebody has forwarded or a server returned.

    Raises DataError for a message that nests too deeply to be read.
    """
    parts = _parts(stream)
    cut = _cut(parts)
    of_receipt = 0
    for number, part in enumerate(parts):
        if number >= of_receipt and is_receipt(part):
            of_receipt = number + sum(1 for _ in part.walk())
        if number < of_receipt:
            continue
        yield from _files_of(part, number, is_cut=number in cut)


def _files_of(part: Message, number: int, *, is_cut: bool) -> Iterator[MessageFile]:
    kind, encoding, headers = part.get_content_type(), encoding_of(part), _headers(part)
    if kind == _MESSAGE and encoding in ENCODED:
        # Against RFC 2046, but done: to the parser the letters of the encoding are its text.
        letters = (each.as_bytes() for each in part.get_payload() if isinstance(each, Message))
        yield _decoded(letters, encoding, number, file_name(headers), kind)
    elif part.get_content_maintype() == "multipart" and not part.is_multipart():
        if encoding in ENCODED:
            yield from _encoded_parts(part, number, encoding)
    elif part.is_multipart() or kind == "message/external-body":
        return
    elif (name := file_name(headers)) or is_attached(headers, kind):
        found = _payload(part, number, name, kind)
        if not name and not found.data.startswith(TNEF_MAGIC) and not is_container("", kind):
            name = made_name(str(number), kind, found.data[:4096])
        fault = found.fault or (cut_short("multipart") if is_cut else None)
        adorns = adornment(headers, kind, name)
        yield replace(found, name=name, fault=fault, adornment=adorns)


def is_attached(headers: Message, kind: str) -> bool:
    """Whether a part without a name was attached, and is not what the mail itself says."""
    disposed = str(headers.get("Content-Disposition", "")).strip().lower()
    if disposed.startswith("attachment"):
        return True
    # Without a type it is text; and servers that lose their way tell no headers at all.
    if "Content-Type" not in headers:
        return False
    said = ("text/plain", "text/html", "text/enriched", "text/calendar", "text/rfc822-headers")
    return not disposed.startswith("inline") and not kind.startswith(
        (*said, "multipart/", "message/", "image/")
    )


def _encoded_parts(part: Message, number: int, encoding: str) -> Iterator[MessageFile]:
    """The files of a multipart that somebody has encoded as a whole, against RFC 2045."""
    letters = _letters(part).encode("ascii", "surrogateescape")
    found = _decoded([letters], encoding, number, "", "")
    if found.fault is not None:
        log.warning("a part of the message: %s", found.fault.message)
        return
    kind = " ".join(str(part.get("Content-Type", "")).split())
    raw = f"Content-Type: {kind}\r\n\r\n".encode("ascii", "replace") + found.data
    for inside in message_files(io.BytesIO(raw)):
        # Numbers stay apart from those of the message's own parts.
        yield replace(inside, number=number * 10_000 + inside.number)


def file_names(stream: BinaryIO) -> list[str]:
    """What the named parts of a whole message are called, whoever has written it.

    Raises DataError for a message that nests too deeply to be read.
    """
    return [name for part in _parts(stream) if (name := file_name(_headers(part)))]


def texts(stream: BinaryIO) -> list[tuple[str, str]]:
    """Kind and text of what a message itself says, the beginning of each part."""
    found = []
    for part in _parts(stream):
        kind = part.get_content_type()
        if kind in ("text/plain", "text/html") and not file_name(_headers(part)):
            raw = part.get_payload(decode=True)
            text = raw[:_BLOCK_BYTES].decode("utf-8", "replace") if isinstance(raw, bytes) else ""
            found.append((kind, text))
    return found


def _parts(stream: BinaryIO) -> list[Message]:
    """The parts of a message that is read block by block: as one piece it would be there thrice."""
    parser = BytesFeedParser(policy=BOUNDED)
    try:
        while block := stream.read(_BLOCK_BYTES):
            parser.feed(block)
        return list(parser.close().walk())
    except RecursionError as error:
        raise DataError("the message nests too deeply to be read") from error
    except (TypeError, ValueError, LookupError) as error:
        # The package itself breaks down over some headers: a boundary in pieces and whole.
        raise DataError("the message cannot be taken apart: its headers are odd") from error


def _cut(parts: list[Message]) -> set[int]:
    """The numbers of parts that are the last of a multipart that nothing closes."""
    at = {id(part): number for number, part in enumerate(parts)}
    found = set()
    for part in parts:
        if any(isinstance(each, CloseBoundaryNotFoundDefect) for each in part.defects):
            last = part
            while last.is_multipart() and (inner := last.get_payload()):
                last = inner[-1]  # type: ignore[assignment,index]
            found.add(at[id(last)])
    return found


def _headers(part: Message) -> Message:
    """The part's headers with their eight-bit letters, of which the parser keeps the bytes only."""
    lines = (f"{name}: {value}\r\n" for name, value in part.raw_items())
    return read_headers("".join(lines).encode("ascii", "surrogateescape"))


def _letters(part: Message) -> str:
    """The part as it was sent, a letter for each byte. The package's own way to it takes bytes for
    text of the part's charset, and mends what is not."""
    text = getattr(part, "_payload", "")
    return text if isinstance(text, str) else ""


def _payload(part: Message, number: int, name: str, kind: str) -> MessageFile:
    text = _letters(part)
    starts = range(0, len(text), _BLOCK_BYTES)
    blocks = (text[at : at + _BLOCK_BYTES].encode("ascii", "surrogateescape") for at in starts)
    return _decoded(blocks, encoding_of(part), number, name, kind)


def _decoded(
    blocks: Iterator[bytes] | list[bytes], encoding: str, number: int, name: str, kind: str
) -> MessageFile:
    """The file that a part is, with what could be read of it and the fault of what could not."""
    data = bytearray()
    try:
        for block in decoded(blocks, encoding):
            data += block
    except DataError as error:
        return MessageFile(number, name, kind, bytes(data), fault=error)
    return MessageFile(number, name, kind, bytes(data))
