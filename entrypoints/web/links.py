"""Links to receipts: what is answered at `/r/…`, to whoever has the link.

A page, and `.json` after the link (or `Accept: application/json`), are the receipt;
`/rejected.csv` after it are its rejected rows, `/template` a template for the next file. Nothing is
changed by asking.
"""

from __future__ import annotations

import logging
import secrets
from functools import cache, partial
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from entrypoints.web.api.problems import answer as problem
from entrypoints.web.context import WebContext
from entrypoints.web.requests import request_id
from entrypoints.web.streaming import streamed
from pipelines.acknowledge.receipt import json_of
from pipelines.acknowledge.render import CORRECTED_BY, PASSED, headline_of, words_of
from pipelines.operations.answers import has_rejects
from pipelines.operations.fix_page import may_correct
from pipelines.operations.receipt_link import (
    ExpiredLinkError,
    OpenedLink,
    linked_receipt,
    linked_rejects,
    may_fix,
    open_link,
)
from pipelines.operations.template import template_of
from schemas.errors import ConflictError, NotFoundError, WaybillError
from schemas.language import printable, translate
from schemas.receipt_link import PATH

log = logging.getLogger(__name__)

_JSON, _REJECTS, _TEMPLATE, _FIX = ".json", "/rejected.csv", "/template", "/fix"
ALWAYS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow, noarchive",
    "X-Content-Type-Options": "nosniff",
}
"""What every answer to a link says of itself."""
_ASK = "Ask whoever receives your files for a new link."
_NOTHING = "There is no receipt at this address."
_EXPIRED = "This link has expired. The receipt that was mailed to you still holds."
_NOT_YET = "This file is on its way. Look again in some minutes."
_GONE = "The rejected rows of this file are not kept any more."
_TOO_MANY = "There were too many requests from your address. Wait a minute."
_AWAY = "The receipt cannot be shown just now. Try again in some minutes."


class Links:
    """`/r/…` before another ASGI application, which answers the rest."""

    def __init__(self, app: Any, context: WebContext) -> None:
        self._app, self._context = app, context

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Answer what is asked of a link; where rows are corrected, the other application does."""
        path = scope.get("path", "")
        if scope["type"] != "http" or not path.startswith(PATH) or _FIX in path[len(PATH) :]:
            await self._app(scope, receive, send)
            return
        found = await run_in_threadpool(answered, self._context, Request(scope))
        found.headers.update(ALWAYS)
        await found(scope, receive, send)


def answered(context: WebContext, request: Request) -> Response:
    """The answer to whoever opens a link."""
    rest = request.url.path.removeprefix(PATH)
    text = rest.removesuffix(_JSON).removesuffix(_REJECTS).removesuffix(_TEMPLATE)
    wants_json = rest.endswith(_JSON) or "application/json" in request.headers.get("accept", "")
    refuse = partial(_refusal, wants_json=wants_json)
    if request.method not in ("GET", "HEAD"):
        return refuse(HTTPStatus.METHOD_NOT_ALLOWED, _NOTHING, headers={"Allow": "GET, HEAD"})
    origin = request.client.host if request.client is not None else None
    limit = context.limit
    if limit.count(f"link:{origin}") > context.settings.web.link_requests_a_minute:
        wait = {"Retry-After": str(limit.seconds_left())}
        return refuse(HTTPStatus.TOO_MANY_REQUESTS, _TOO_MANY, headers=wait)
    try:
        link = open_link(context.runtime, text, origin=origin, request_id=request_id())
    except ExpiredLinkError as error:
        return refuse(HTTPStatus.GONE, _EXPIRED, error.language)
    except NotFoundError:
        return refuse(HTTPStatus.NOT_FOUND, _NOTHING)
    except WaybillError as error:
        log.warning("a link was not answered: %s", error.message)
        return refuse(HTTPStatus.SERVICE_UNAVAILABLE, _AWAY)
    refuse = partial(refuse, language=link.language)
    try:
        if rest.endswith(_REJECTS):
            return _rejects(context, link)
        if rest.endswith(_TEMPLATE):
            return _template(context, link)
        return _receipt(context, link, text, wants_json)
    except ConflictError:
        return refuse(HTTPStatus.CONFLICT, _NOT_YET)
    except NotFoundError:
        return refuse(HTTPStatus.NOT_FOUND, _GONE)
    except WaybillError as error:
        log.warning("the link to %s was not answered: %s", link.file.file_id, error.message)
        return refuse(HTTPStatus.SERVICE_UNAVAILABLE, _AWAY)


def _receipt(context: WebContext, link: OpenedLink, text: str, wants_json: bool) -> Response:
    receipt = linked_receipt(context.runtime, link)
    if wants_json:
        return Response(json_of(receipt), media_type="application/json")
    facts = {
        "receipt": receipt,
        "headline": headline_of(receipt),
        "passed": PASSED,
        "corrected_by": CORRECTED_BY,
        "rejects": f"{text}{_REJECTS}"
        if has_rejects(link.file) and not (receipt.is_complete or receipt.taken_out)
        else None,
        "json": f"{text}{_JSON}",
        "template": f"{text}{_TEMPLATE}" if receipt.wants_template else None,
        "fix": f"{text}{_FIX}" if _can_fix(context, link) else None,
        "whole": context.runtime.feeds[link.file.feed].makes_rows,
    }
    return _page("receipt", link.language, facts)


def _can_fix(context: WebContext, link: OpenedLink) -> bool:
    return may_fix(context.runtime, link) and may_correct(context.runtime, link.file)


def _rejects(context: WebContext, link: OpenedLink) -> Response:
    chunks = streamed(linked_rejects(context.runtime, link))
    name = printable(link.file.item.name).replace("/", "_").replace("\\", "_")
    named = quote(f"{name}{'.rejected.csv'}".encode("utf-8", "replace"), safe="")
    plain = f"{link.file.file_id}.rejected.csv"
    disposition = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{named}"
    return StreamingResponse(
        chunks, media_type="text/csv", headers={"Content-Disposition": disposition}
    )


def _template(context: WebContext, link: OpenedLink) -> Response:
    made = template_of(context.runtime, link.file.feed, language=link.language)
    disposition = {"Content-Disposition": f'attachment; filename="{made.name}"'}
    return Response(made.content, media_type=made.content_type, headers=disposition)


def _refusal(
    status: HTTPStatus,
    sentence: str,
    language: str = "en",
    *,
    wants_json: bool,
    headers: dict[str, str] | None = None,
) -> Response:
    """The same to everybody for whom there is nothing."""
    said = translate(sentence, language)
    if wants_json:
        return problem(status, said, headers=headers)
    is_over = status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE)
    more = translate(_ASK, language) if is_over else ""
    page = _page("refusal", language, {"sentence": said, "more": more}, status)
    page.headers.update(headers or {})
    return page


def _page(name: str, language: str, facts: dict[str, Any], status: int = 200) -> Response:
    nonce = secrets.token_urlsafe(16)
    template = _templates().get_template(f"{name}.html.j2")
    text = template.render(nonce=nonce, **words_of(language), **facts)
    policy = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; base-uri 'none'; form-action 'none';"
        " frame-ancestors 'none'"
    )
    return Response(
        text.encode("utf-8", "replace"),
        status_code=status,
        media_type="text/html; charset=utf-8",
        headers={"Content-Security-Policy": policy, "Content-Language": language},
    )


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("entrypoints.web"), autoescape=True, undefined=StrictUndefined
    )
    environment.filters["printable"] = lambda value: printable(str(value))
    return environment
