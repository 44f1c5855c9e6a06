"""Attachments: who wrote a message, what its files are called, and their bytes, from raw MIME.

Nothing here trusts a message: whatever its headers are, reading them raises nothing. The email
package's older policy (`compat32`) is used, for the newer one raises on some malformed headers.
"""

from __future__ import annotations

import binascii
import re
import string
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, message_from_string
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.utils import collapse_rfc2231_value, getaddresses, parsedate_to_datetime

from schemas.errors import DataError

_LONGEST_NAME = 200
_LONGEST_HEADER = 900
_ADDRESS = re.compile(r"[^\s@<>()\[\]\\,;:\"]{1,64}@[A-Za-z0-9.-]{1,253}")
_BASE64 = f"{string.ascii_letters}{string.digits}+/=".encode()
_NOT_BASE64 = bytes(set(range(256)) - set(_BASE64))


@dataclass(frozen=True, kw_only=True, slots=True)
class Letter:
    """What a message's own headers say. `sender` is who to answer, if that is one plain address;
    an `automatic` message is not written by anyone who waits for an answer (RFC 3834)."""

    message_id: str
    references: str
    subject: str
    author: str | None
    sender: str | None
    sent_at: datetime | None
    automatic: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class FilePart:
    """One named part of a message: where it is, its safe name, its transfer encoding."""

    part: str
    name: str
    encoding: str


def read_headers(raw: bytes) -> Message:
    """A block of headers; eight-bit ones count as UTF-8 if they are, else as Windows-1252."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("cp1252", "replace")
    return message_from_string(text.partition("\r\n\r\n")[0] + "\r\n\r\n")


def letter_of(headers: Message) -> Letter:
    """Who wrote a message, when and about what."""
    author = _address(headers, "From")
    answer_to = _address(headers, "Reply-To")
    # An answer goes elsewhere only within the author's own domain: anyone can write a Reply-To.
    near = author and answer_to and _domain(author) == _domain(answer_to)
    submitted = _line(headers, "Auto-Submitted").lower().partition(";")[0].strip()
    return Letter(
        message_id=_line(headers, "Message-ID"),
        references=_line(headers, "References"),
        subject=_line(headers, "Subject"),
        author=author,
        sender=answer_to if near else author,
        sent_at=_date(_line(headers, "Date")),
        automatic=submitted not in ("", "no")
        or "X-Waybill-Receipt" in headers
        or _line(headers, "Return-Path") == "<>"
        or headers.get_content_type() == "multipart/report",
    )


def file_part(headers: Message, part: str) -> FilePart | None:
    """The part that those headers describe; None if they do not name a file."""
    name = safe_name(_file_name(headers))
    encoding = (_line(headers, "Content-Transfer-Encoding").split() or [""])[0]
    return FilePart(part=part, name=name, encoding=encoding.lower()) if name else None


def parts_within(raw: bytes, section: str) -> Iterator[tuple[FilePart, bytes]]:
    """The files of a whole message, or of one attached as `section`, with their bytes.

    Raises DataError for a message that nests too deeply to be read.
    """
    try:
        walked = list(message_from_bytes(raw).walk())
    except RecursionError as error:
        raise DataError("the message nests too deeply to be read") from error
    for index, each in enumerate(walked):
        block = b"".join(
            f"{name}: {value}\r\n".encode("ascii", "surrogateescape")
            for name, value in each.raw_items()
        )
        found = file_part(read_headers(block), f"{section}:{index}")
        if found and not each.is_multipart():
            payload = each.get_payload(decode=True)
            yield found, payload if isinstance(payload, bytes) else b""


def safe_name(name: str) -> str:
    """The bare file name: no folders, nothing unprintable, composed (NFC), at most 200 long."""
    bare = unicodedata.normalize("NFC", name).replace("\\", "/").rpartition("/")[2]
    spaced = " ".join(bare.split())
    return "".join(char for char in spaced if char.isprintable())[-_LONGEST_NAME:].strip(" .")


def decoded(blocks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """The bytes of a part from blocks of its transfer encoding (RFC 2045, and uuencode).

    An unknown encoding counts as none. Raises DataError for base64 that is cut short.
    """
    match encoding:
        case "base64":
            yield from _from_base64(blocks)
        case "quoted-printable":
            yield from _from_quoted(blocks)
        case "x-uuencode" | "uuencode" | "x-uue" | "uue":
            whole = b"Content-Transfer-Encoding: x-uuencode\r\n\r\n" + b"".join(blocks)
            payload = message_from_bytes(whole).get_payload(decode=True)
            yield payload if isinstance(payload, bytes) else b""
        case _:
            yield from blocks


def _from_base64(blocks: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for block in blocks:
        digits, padding, _ = (rest + block.translate(None, _NOT_BASE64)).partition(b"=")
        whole = len(digits) // 4 * 4
        yield binascii.a2b_base64(digits[:whole])
        rest = digits[whole:]
        if padding:
            # What follows the end is a footer that some server has added.
            break
    if len(rest) == 1:
        raise DataError("the attachment's base64 is cut short")
    yield binascii.a2b_base64(rest + b"=" * (-len(rest) % 4))


def _from_quoted(blocks: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for block in blocks:
        lines, end, rest = (rest + block).rpartition(b"\n")
        yield binascii.a2b_qp(lines + end)
    yield binascii.a2b_qp(rest)


def _file_name(headers: Message) -> str:
    """The name by RFC 2231 or RFC 2047, in Content-Disposition or else in Content-Type."""
    for header, parameter in (("Content-Disposition", "filename"), ("Content-Type", "name")):
        try:
            found = headers.get_param(parameter, None, header)
            if found:
                return _words(collapse_rfc2231_value(found))
        except (LookupError, ValueError):
            continue
    return ""


def _line(headers: Message, name: str) -> str:
    """A header, decoded, on one line and not endless; empty if it is missing."""
    text = " ".join(_words(str(headers.get(name, ""))).split())
    return "".join(char for char in text if char.isprintable())[:_LONGEST_HEADER]


def _words(text: str) -> str:
    """The text with its encoded words decoded (RFC 2047); what cannot be decoded stays."""
    try:
        pieces = decode_header(re.sub(r"\r?\n[ \t]?", " ", text))
        return "".join(
            piece if isinstance(piece, str) else piece.decode(charset or "latin-1", "replace")
            for piece, charset in pieces
        )
    except (HeaderParseError, LookupError, ValueError):
        return text


def _address(headers: Message, name: str) -> str | None:
    """The first address of a header if it is a plain one, such as a reply can go to."""
    try:
        found = getaddresses([_line(headers, name)])
    except (IndexError, ValueError):
        return None
    address = found[0][1] if found else ""
    return address if _ADDRESS.fullmatch(address) else None


def _domain(address: str) -> str:
    return address.rpartition("@")[2].lower()


def _date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, IndexError, TypeError, OverflowError):
        return None
