"""Paging: marks as texts that programs hand back, and links to the next page."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence

from fastapi import Request, Response

from entrypoints.web.api.problems import ProblemError

_MAX = 600


def cursor_of(mark: Sequence[str] | None) -> str | None:
    """A mark as a word of an address."""
    if mark is None:
        return None
    text = json.dumps(list(mark), separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def mark_of(cursor: str | None) -> list[str] | None:
    """The mark that a word was made of; raises ProblemError for any other word."""
    if cursor is None:
        return None
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        found = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, UnicodeError, RecursionError):
        found = None
    is_mark = isinstance(found, list) and all(isinstance(each, str) for each in found)
    if not is_mark or not 2 <= len(found) <= 3 or len(cursor) > _MAX:
        raise ProblemError(
            422, "the cursor is none of ours", "take the one of the page before, or leave it out"
        )
    marks: list[str] = found
    return marks


def link_next(request: Request, response: Response, cursor: str | None) -> str | None:
    """The address of the next page, which also goes into the Link header; None at the end."""
    if cursor is None:
        return None
    url = request.url.include_query_params(cursor=cursor)
    path = f"{url.path}?{url.query}"
    response.headers["Link"] = f'<{path}>; rel="next"'
    return path
