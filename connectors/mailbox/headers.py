"""Headers: who wrote a message, when, about what, and what its files are called, by its headers.

Nothing here trusts a message: whatever its headers are, reading them raises nothing. The email
package's older policy (`compat32`) is used, for the newer one raises on some malformed headers.
"""

from __future__ import annotations

import hashlib
import logging
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.parser import HeaderParser
from email.utils import parsedate_to_datetime
from urllib.parse import unquote_to_bytes

from connectors.mailbox.bounded import BOUNDED
from connectors.mailbox.charsets import letters
from connectors.mailbox.sender_headers import (
    OUR_RECEIPT,
    envelope_of,
    named_address,
    trust_of,
    why_passed_over,
)
from schemas.address import address_of, is_public_suffix

log = logging.getLogger(__name__)

OWN = "it comes from our own address"
_LONGEST_NAME = 200
_LONGEST_HEADER = 900
_PATH = re.compile(r"[a-z]:|~|//|\.{0,2}/|(?:[^/]*/)+\.\.?/", re.IGNORECASE)
"""How a name begins that is a path: of a drive, a home, a share, or with dots for folders."""
_NAMED = re.compile(r"name\*?[0-9]{0,3}\*?=\s{0,9}\"?(?:[\w-]{0,40}'[\w-]{0,9}')?([^\";]{1,300})")
_FILE = re.compile(r"[^<>]{1,180}\.[A-Za-z][A-Za-z0-9]{1,4}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Letter:
    """What a message's own headers say. `sender` is who to answer, if that is one plain address;
    `passed_over` is why its files are not read, if they are not. `trust` is what tells it from a
    forged copy. `envelope` is what its headers say of trust and answers, by name. `received_at`
    tells messages apart that have no Message-ID. `boundary` is that of its parts, and `is_encoded`
    says that all of them together are encoded, against RFC 2045."""

    message_id: str
    references: str
    subject: str
    author: str | None
    sender: str | None
    sent_at: datetime | None
    passed_over: str | None
    trust: str = ""
    envelope: Mapping[str, str] = field(default_factory=dict)
    received_at: str = ""
    boundary: str = ""
    is_encoded: bool = False

    @property
    def brings_others(self) -> bool:
        """Whether the files of a message that is passed over may be somebody else's than ours."""
        return self.passed_over not in (None, OWN, OUR_RECEIPT)

    @property
    def digest(self) -> str:
        """What tells the message from others, wherever a copy of it lies: of two that claim to be
        the same, but are not as trustworthy, neither may hide the other."""
        told = [self.message_id, self.author or "", self.sent_at or "", self.subject]
        if self.trust:
            told.append(self.trust)
        if not self.message_id:
            told.append(self.received_at)
        return hashlib.sha256("\n".join(map(str, told)).encode()).hexdigest()[:24]


def read_headers(raw: bytes) -> Message:
    """A block of headers; eight-bit ones count as UTF-8 if they are, else as Windows-1252."""
    block = re.split(rb"\r?\n\r?\n", raw, maxsplit=1)[0]
    try:
        text = block.decode("utf-8")
    except UnicodeDecodeError:
        text = block.decode("cp1252", "replace")
    # Headers only: over some, the parser of bodies breaks down before a message is there.
    message: Message = HeaderParser(policy=BOUNDED).parsestr(text + "\r\n\r\n")
    return message


def letter_of(
    headers: Message, own_address: str | None = None, received: datetime | None = None
) -> Letter:
    """Who wrote a message, when and about what; one from our own address is passed over.
    `received` is when it arrived, as the server says."""
    is_multipart = headers.get_content_maintype() == "multipart"
    author, answer_to = named_address(headers, "From"), named_address(headers, "Reply-To")
    own = address_of(own_address or "")
    is_own = author is not None and own is not None and author.key == own.key
    # An answer goes elsewhere only within the author's own domain: anyone can write a Reply-To.
    near = author and answer_to and author.domain == answer_to.domain
    if author and is_public_suffix(author.domain):
        near = False
    return Letter(
        message_id=_line(headers, "Message-ID"),
        references=_line(headers, "References"),
        subject=_line(headers, "Subject"),
        author=str(author) if author else None,
        sender=str(answer_to if near else author) if author else None,
        sent_at=_date(_line(headers, "Date")),
        passed_over=OWN if is_own else why_passed_over(headers),
        trust=trust_of(headers),
        envelope=envelope_of(headers),
        received_at=received.astimezone(UTC).isoformat() if received else "",
        boundary=_boundary(headers) if is_multipart else "",
        is_encoded=is_multipart and encoding_of(headers) in ("base64", "quoted-printable"),
    )


def tell_passed_over(place: str, letter: Letter, names: Sequence[str]) -> None:
    """Leave a trace of a message whose files are not read."""
    log.info(
        "%s is passed over, its Message-ID %s, with %s: %s",
        place, letter.message_id or "missing", ", ".join(names) or "files", letter.passed_over,
    )  # fmt: skip


def safe_name(name: str) -> str:
    """The bare file name: no folders, nothing unprintable, composed (NFC), at most 200 long.

    A path loses its folders; in any other name a slash is a letter, as in a date, and becomes `_`.
    """
    whole = unicodedata.normalize("NFC", name[: 4 * _LONGEST_HEADER])
    bare = whole.replace("\\", "/")
    bare = bare.rpartition("/")[2] if _PATH.match(bare) else bare.replace("/", "_")
    spaced = " ".join(bare.split())
    return "".join(char for char in spaced if char.isprintable())[-_LONGEST_NAME:].strip(" .")


def file_name(headers: Message) -> str:
    """The safe name by RFC 2231 or RFC 2047, in Content-Disposition or else in Content-Type; else
    what Content-Description says, if that reads like a file's name."""
    for header, parameter in (("Content-Disposition", "filename"), ("Content-Type", "name")):
        try:
            found = headers.get_param(parameter, None, header)
        except (LookupError, ValueError, TypeError):
            # The package breaks down over a parameter that is there whole and in pieces.
            written = _NAMED.search(str(headers.get(header, ""))[:_LONGEST_HEADER])
            found = written[1] if written else None
        # Some programs write `filename` where `name` belongs, and the other way round.
        if found and (name := safe_name(_words(_value(found)))):
            return name
    described = safe_name(_line(headers, "Content-Description"))
    return described if _FILE.fullmatch(described) else ""


def _value(found: str | tuple[str | None, str | None, str]) -> str:
    """A parameter's text; one by RFC 2231 comes with its charset."""
    if isinstance(found, str):
        return found
    charset, _, text = found
    try:
        # The email package has its percent signs resolved already, each byte a letter.
        return letters(text.encode("latin-1"), charset)
    except UnicodeEncodeError:
        return letters(unquote_to_bytes(text), charset)


def encoding_of(headers: Message) -> str:
    """The part's transfer encoding as `decoded` knows it, however it is written (`"Base64";`);
    empty if it has none."""
    written = _line(headers, "Content-Transfer-Encoding").lower()
    plain = re.sub(r"[^a-z0-9]", "", written.partition(";")[0].partition("(")[0])
    if plain.endswith("base64"):
        return "base64"
    if plain.endswith("quotedprintable"):
        return "quoted-printable"
    if plain in ("xuuencode", "uuencode", "xuue", "uue"):
        return "x-uuencode"
    return plain


def _line(headers: Message, name: str) -> str:
    """A header, decoded, on one line and not endless; empty if it is missing."""
    text = " ".join(_words(str(headers.get(name, ""))).split())
    return "".join(char for char in text if char.isprintable())[:_LONGEST_HEADER]


def _words(text: str) -> str:
    """The text with its encoded words decoded (RFC 2047); what cannot be decoded stays."""
    try:
        pieces = decode_header(re.sub(r"\r?\n[ \t]?", " ", text))
        return "".join(
            piece if isinstance(piece, str) else letters(piece, charset or "latin-1")
            for piece, charset in pieces
        )
    except (HeaderParseError, LookupError, ValueError):
        return text


def _boundary(headers: Message) -> str:
    try:
        return str(headers.get_boundary("") or "")[:_LONGEST_HEADER]
    except (LookupError, ValueError, TypeError):
        return ""


def _date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, IndexError, TypeError, OverflowError):
        return None
