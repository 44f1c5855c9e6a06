"""Problems: every error as problem+json (RFC 9457), with what to do about it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException

from entrypoints.web.caller import NotThereError
from entrypoints.web.requests import BodyTooLargeError, request_id
from schemas.errors import (
    ConfigError,
    ConflictError,
    ContractError,
    NotFoundError,
    RefusedError,
    RetryableError,
    TooLargeError,
    WaybillError,
)
from schemas.language import printable

log = logging.getLogger(__name__)

_AWAY_SECONDS = "10"


class Problem(BaseModel):
    """What went wrong (`detail`), what to do about it (`hint`), and by which request the log tells
    more."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "about:blank",
                    "title": "Conflict",
                    "status": 409,
                    "detail": "shop.csv is preparing: it is still on its way",
                    "hint": "ask again once it is done",
                    "request_id": "f3a1c09b2d4e5f60",
                }
            ]
        }
    )

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    hint: str | None = None
    request_id: str | None = None


class ProblemError(Exception):
    """An answer that is a problem, raised wherever it is found."""

    def __init__(
        self,
        status: int,
        detail: str,
        hint: str | None = None,
        headers: dict[str, str] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.hint = status, detail, hint
        self.headers, self.more = headers or {}, more


NOT_FOUND = ProblemError(
    404,
    "there is nothing here, or nothing that this key may see",
    "check the address, and for which feeds the key is (GET /api/v1/me)",
)
"""Said of what is not there and of what is another's: nobody learns which."""


def responses(*statuses: int, media_type: str | None = None) -> dict[int | str, dict[str, Any]]:
    """The problems that an endpoint may answer with, for its document; and the kind of what it
    answers, if that is no JSON."""
    wanted = sorted({401, 403, 429, 503, *statuses})
    # A YAML document is what it says: its schema is that of the standard.
    text = {"schema": {} if media_type == "application/yaml" else {"type": "string"}}
    own: dict[int | str, dict[str, Any]] = {}
    if media_type is not None:
        own[200] = {"description": "The file.", "content": {media_type: text}}
    return own | {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {"application/problem+json": {"schema": _REF}},
        }
        for status in wanted
    }


_REF = {"$ref": "#/components/schemas/Problem"}


def add_handlers(app: FastAPI) -> None:
    """Let the application answer every error as a problem."""
    app.add_exception_handler(ProblemError, _said)
    app.add_exception_handler(WaybillError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _of_framework)
    app.add_exception_handler(BodyTooLargeError, _too_large)
    app.add_exception_handler(Exception, _unforeseen)


def answer(
    status: int,
    detail: str,
    hint: str | None = None,
    headers: dict[str, str] | None = None,
    more: Mapping[str, Any] | None = None,
) -> JSONResponse:
    """A problem as an answer; `more` are members of its own kind of problem."""
    problem = Problem(
        title=HTTPStatus(status).phrase,
        status=status,
        detail=clean(detail),
        hint=None if hint is None else clean(hint),
        request_id=request_id(),
    )
    return JSONResponse(
        {**problem.model_dump(), **(more or {})},
        status_code=status,
        headers=headers,
        media_type="application/problem+json",
    )


def clean(text: str) -> str:
    """A text that any JSON reader takes: file names may hold what is no character."""
    return text.encode("utf-8", "replace").decode()


def _said(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ProblemError)
    return answer(error.status, error.detail, error.hint, error.headers, error.more)


def _ours(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, WaybillError)
    if isinstance(error, NotThereError):
        return answer(404, NOT_FOUND.detail, NOT_FOUND.hint)
    if isinstance(error, RetryableError):
        log.warning("%s: %s", request.method, error.message)
        wait = {"Retry-After": _AWAY_SECONDS}
        return answer(503, "a part of the service does not answer", "ask again later", wait)
    if isinstance(error, NotFoundError | ConflictError | ContractError | ConfigError):
        status = 404 if isinstance(error, NotFoundError) else 409
        return answer(status, printable(error.message), error.hint)
    if isinstance(error, RefusedError):
        status = 413 if isinstance(error, TooLargeError) else 422
        return answer(status, printable(error.message), error.hint)
    log.error("%s: %s", request.method, error.message)
    return answer(500, "the service is not set up as it must be", "an admin finds why in its log")


def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    found = [
        f"{'.'.join(str(each) for each in one['loc'])}: {one['msg']}" for one in error.errors()
    ]
    return answer(
        422,
        printable("; ".join(found)[:2000]),
        "the document at /api/v1/openapi.json says what may be sent",
    )


def _of_framework(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return answer(404, NOT_FOUND.detail, NOT_FOUND.hint)
    headers = dict(error.headers or {})
    hint = "the document at /api/v1/openapi.json says what there is"
    return answer(error.status_code, str(error.detail), hint, headers)


def _too_large(_: Request, error: Exception) -> JSONResponse:
    return answer(413, "the request is larger than 1 MiB", "no request needs so much")


def _unforeseen(request: Request, error: Exception) -> JSONResponse:
    log.exception("%s broke down", request.method, exc_info=error)
    return answer(500, "the service broke down over this request", "tell an admin the request_id")
