"""Requests: each has an id, a line in the log, a bound on its size, and headers that keep its
answer where it belongs."""

from __future__ import annotations

import logging
import re
import secrets
import time
from contextvars import ContextVar
from typing import Any

from starlette.exceptions import HTTPException

from schemas.receipt_link import PATH

type Scope = dict[str, Any]

log = logging.getLogger("waybill.web")

_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_MAX_BODY = 1024 * 1024
# Their endpoints bound what they take by themselves, once they know who asks.
_UPLOADS = {
    "PUT": re.compile(r"/api/v1/feeds/[^/]+/uploads/.+", re.DOTALL),
    "POST": re.compile(r"/api/v1/(feeds/[^/]+/)?checks"),
}
FILE_FORM = "/send/check"
"""Where a file comes in a form, which is taken in before it is known who sends it."""
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
_FILE_ID = 16
_current: ContextVar[str | None] = ContextVar("request_id", default=None)


class BodyTooLargeError(HTTPException):
    """The body is larger than any request of ours."""

    def __init__(self) -> None:
        super().__init__(413)


def request_id() -> str | None:
    """The id of the request that is answered now."""
    return _current.get()


class AddsRequestId(logging.Filter):
    """Gives what is logged while a request is answered its id."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Never leaves a record out."""
        if (found := _current.get()) is not None:
            record.request_id = found
        return True


class HidesLinks(logging.Filter):
    """Cuts receipt links out of what is logged about requests: who has one needs no login."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Never leaves a record out."""
        if isinstance(record.args, tuple):
            record.args = tuple(
                hidden(each) if isinstance(each, str) else each for each in record.args
            )
        return True


def hidden(path: str) -> str:
    """An address for the log: of a receipt link the id of its file is enough to find it."""
    return f"{path[: len(PATH) + _FILE_ID]}…" if path.startswith(PATH) else path


class Requests:
    """An ASGI application around another one. A caller's own X-Request-Id is kept if it is a word;
    the answer says which id it was."""

    def __init__(self, app: Any, upload_bytes: int) -> None:
        self._app, self._upload_bytes = app, upload_bytes

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Let the other application answer, with all that goes around it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = dict(scope["headers"]).get(b"x-request-id", b"")
        found = given.decode() if _ID.fullmatch(given) else secrets.token_hex(8)
        token, began, status = _current.set(found), time.monotonic(), 500
        size = 0
        most = _MAX_BODY + (self._upload_bytes if scope["path"] == FILE_FORM else 0)
        uploads = _UPLOADS.get(scope["method"])
        is_upload = uploads is not None and uploads.fullmatch(scope["path"]) is not None

        async def bounded() -> Any:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > most and not is_upload:
                raise BodyTooLargeError
            return message

        async def told(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = [*message.get("headers", []), (b"x-request-id", found.encode())]
                known = {name.lower() for name, _ in headers}
                headers += [each for each in _HEADERS if each[0] not in known]
                if b"cache-control" not in known:
                    headers.append((b"cache-control", b"no-store"))
                message = {**message, "headers": headers}
            await send(message)

        try:
            await self._app(scope, bounded, told)
        finally:
            seconds = time.monotonic() - began
            # The query may hold what people search for: the path is enough to know what was asked.
            path = scope["path"].encode("ascii", "backslashreplace").decode()[:200]
            log.info(
                "%s %r %d %.0f ms", scope["method"], hidden(path), status, seconds * 1000,
                extra={"status": status, "seconds": round(seconds, 4)},
            )  # fmt: skip
            _current.reset(token)
