"""ETags: a word for how something is now, so that nobody changes what they have not seen."""

from __future__ import annotations

import hashlib
from typing import Annotated

from fastapi import Header, Request, Response

from entrypoints.web.api.problems import ProblemError

IfMatch = Annotated[
    str | None,
    Header(
        description="The ETag that the resource had when it was read: it is changed only if it is"
        " still the same.",
        max_length=200,
    ),
]


def etag_of(*facts: object) -> str:
    """The ETag of something that those facts are all of."""
    return f'"{hashlib.sha256(repr(facts).encode("utf-8", "replace")).hexdigest()[:24]}"'


def check_match(if_match: str | None, current: str) -> None:
    """Refuse to change what is not as the caller has seen it; raises ProblemError."""
    if if_match is None or if_match.strip() == "*":
        return
    if current not in [each.strip() for each in if_match.split(",")]:
        raise ProblemError(412, "it has changed since it was read", "read it again, then decide")


class NotModifiedError(Exception):
    """The caller has it as it is."""

    def __init__(self, etag: str) -> None:
        super().__init__(etag)
        self.etag = etag


def say_etag(request: Request, response: Response, current: str) -> None:
    """Say how something is now; raises NotModifiedError if the caller has just that."""
    known = request.headers.get("if-none-match", "")
    if current in [each.strip().removeprefix("W/") for each in known.split(",")]:
        raise NotModifiedError(current)
    tell_etag(response, current)


def tell_etag(response: Response, current: str) -> None:
    """Say by what something is changed only as it is, of which more is told than that."""
    response.headers.update(_headers(current))


def unchanged(_: Request, error: Exception) -> Response:
    """The answer to whoever has it as it is."""
    assert isinstance(error, NotModifiedError)
    return Response(status_code=304, headers=_headers(error.etag))


def _headers(etag: str) -> dict[str, str]:
    return {"ETag": etag, "Cache-Control": "private, no-cache"}
