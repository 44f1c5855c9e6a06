"""Paging: marks as programs hand them back, and links to the next page."""

from __future__ import annotations

from fastapi import Request, Response

from entrypoints.web import marks
from entrypoints.web.api.problems import ProblemError

cursor_of = marks.cursor_of


def mark_of(cursor: str | None) -> list[str] | None:
    """The mark that a word was made of; raises ProblemError for any other word."""
    try:
        return marks.mark_of(cursor)
    except ValueError as error:
        raise ProblemError(
            422, str(error), "take the one of the page before, or leave it out"
        ) from error


def link_next(request: Request, response: Response, cursor: str | None) -> str | None:
    """The address of the next page, which also goes into the Link header; None at the end."""
    if cursor is None:
        return None
    url = request.url.include_query_params(cursor=cursor)
    path = f"{url.path}?{url.query}"
    response.headers["Link"] = f'<{path}>; rel="next"'
    return path
