"""Marks: where a page of a list ends, as a word of an address that is handed back."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence

_MAX = 600


def cursor_of(mark: Sequence[str] | None) -> str | None:
    """A mark as a word of an address."""
    if mark is None:
        return None
    text = json.dumps(list(mark), separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def mark_of(cursor: str | None) -> list[str] | None:
    """The mark that a word was made of; raises ValueError for any other word."""
    if cursor is None:
        return None
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        found = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, UnicodeError, RecursionError):
        found = None
    is_mark = isinstance(found, list) and all(isinstance(each, str) for each in found)
    if not is_mark or not 2 <= len(found) <= 3 or len(cursor) > _MAX:
        raise ValueError("the cursor is none of ours")
    marks: list[str] = found
    return marks
