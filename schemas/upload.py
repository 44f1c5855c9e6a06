"""An upload: a file that somebody sends us directly, and what its name may be."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from schemas.errors import RefusedError
from schemas.language import printable

UPLOADS = "uploads"
"""The source of all uploads, which every service has."""

MAX_NAME_BYTES = 255
_SEPARATORS = "/\\"
# They turn the letters around them, so that a name shows another ending than it has.
_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_NO_CHARACTERS = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Some languages are not written without these.
_JOINERS = frozenset("\u200c\u200d")
# Letters and marks by their category, which nobody sees.
_UNSEEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")


class UploadState(StrEnum):
    """How far an upload is."""

    OPEN = "open"
    STORED = "stored"
    REGISTERED = "registered"


@dataclass(frozen=True, kw_only=True, slots=True)
class Upload:
    """What somebody sends: OPEN until its bytes are known to be in storage, STORED while it waits
    for somebody to say what is to be done with it, REGISTERED once it is a file of its feed.

    `key_hash` is made of the sender's Idempotency-Key: the same request again is the same upload.
    `multipart` names what was begun at the store, where the sender puts the parts there directly;
    size and hash are known only afterwards then.
    """

    upload_id: str
    name: str
    who: str
    feed: str | None = None
    size: int | None = None
    sha256: str | None = None
    state: UploadState = UploadState.OPEN
    key_hash: str | None = None
    multipart: str | None = None
    file_id: str | None = None
    created_at: datetime | None = None


def upload_name(text: str) -> str:
    """A sender's file name as it is kept, its accents composed (NFC). Raises RefusedError for what
    is no name, leads elsewhere, or shows as another."""
    name = unicodedata.normalize("NFC", text)
    if why := _why_not(name):
        raise RefusedError(
            f'the name "{printable(name[:100])}" {why}', hint="send it under a plain file name"
        )
    return name


def _why_not(name: str) -> str | None:
    if not name.strip(" ."):
        return "is empty, or nothing but dots"
    if any(each in _SEPARATORS for each in name):
        return "holds a / or \\: a file's own name is wanted, without folders"
    if any(each in _TURNING for each in name):
        return "holds characters that turn the direction of writing"
    if any(map(_is_none_of_a_name, name)):
        return "holds characters that are none of a name"
    if name != name.strip():
        return "begins or ends with a blank"
    if len(name.encode()) > MAX_NAME_BYTES:
        return f"is longer than {MAX_NAME_BYTES} bytes"
    return None


def _is_none_of_a_name(each: str) -> bool:
    if each in _JOINERS:
        return False
    return each == "\ufffd" or each in _UNSEEN or unicodedata.category(each) in _NO_CHARACTERS
