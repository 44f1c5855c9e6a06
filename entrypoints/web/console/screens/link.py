"""The receipt link's own page to fix rows: for whoever has the link, without a login."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.translation import override
from django.views.decorators.http import require_http_methods

from entrypoints.web.console.failures import failure
from entrypoints.web.console.fix_rows import Table, check_rows, save_rows, send_rows, show_rows
from entrypoints.web.console.language import say
from entrypoints.web.console.pages import render
from entrypoints.web.context import WebContext
from entrypoints.web.links import ALWAYS
from entrypoints.web.requests import request_id
from pipelines.operations.masking import Mask
from pipelines.operations.receipt_link import OpenedLink, fixing, open_link
from schemas.errors import ConflictError, NotFoundError
from schemas.receipt_link import PATH

_SENDER = "sender"


def _linked(*methods: str) -> Callable[[Callable[..., HttpResponse]], Callable[..., HttpResponse]]:
    """A view for the holder of a link that is good; others are sent to the link's own page, which
    says what is the matter with it."""

    def made(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @wraps(view)
        def opened(request: HttpRequest, token: str) -> HttpResponse:
            context: WebContext = settings.WAYBILL
            answer = _answered(view, request, context, token)
            for name, value in ALWAYS.items():
                answer[name] = value
            return answer

        return require_http_methods(methods)(opened)

    return made


def _answered(
    view: Callable[..., HttpResponse], request: HttpRequest, context: WebContext, token: str
) -> HttpResponse:
    origin = request.META.get("REMOTE_ADDR") or None
    if context.limit.count(f"link:{origin}") > context.settings.web.link_requests_a_minute:
        what = say("There were too many requests from your address. Wait a minute.")
        return failure(request, 429, what)
    try:
        link = open_link(context.runtime, token, origin=origin, request_id=request_id())
    except NotFoundError:
        receipt = f"{PATH}{token}"
        if request.headers.get("HX-Request"):
            # The whole page goes there: the answer would be put into a cell.
            return HttpResponse(status=200, headers={"HX-Redirect": receipt})
        return redirect(receipt)
    with override(link.language):
        try:
            return view(request, _table(request, context, link, token))
        except ConflictError as error:
            return failure(request, 409, error.message, error.hint)


def _table(request: HttpRequest, context: WebContext, link: OpenedLink, token: str) -> Table:
    runtime, receipt = fixing(context.runtime, link), f"{PATH}{token}"
    contract = runtime.contract_of(runtime.feeds[link.file.feed])
    home = f"{receipt}/fix"
    return Table(
        runtime=runtime,
        file=link.file,
        mask=Mask(contract, sees_all=True),
        role=_SENDER,
        send=context.send,
        home=home,
        after=lambda operation_id: f"{home}?sent={operation_id}",
        render=partial(_render, request, receipt),
    )


def _render(
    request: HttpRequest, receipt: str, template: str, facts: dict[str, Any], status: int
) -> HttpResponse:
    return render(request, template, {"back": receipt, "is_linked": True, **facts}, status)


@_linked("GET", "HEAD")
def fix_linked(request: HttpRequest, table: Table) -> HttpResponse:
    """The rows that are rejected now, and what is drafted for them."""
    return show_rows(request, table)


@_linked("POST")
def save_linked(request: HttpRequest, table: Table) -> HttpResponse:
    """Keep what was written, as a draft."""
    return save_rows(request, table)


@_linked("POST")
def check_linked(request: HttpRequest, table: Table) -> HttpResponse:
    """Check what is drafted, loading nothing."""
    return check_rows(request, table)


@_linked("POST")
def send_linked(request: HttpRequest, table: Table) -> HttpResponse:
    """Send the rows that are drafted, as the file's sender."""
    return send_rows(request, table)


PATHS = [
    path("r/<str:token>/fix", fix_linked, name="fix_linked"),
    path("r/<str:token>/fix/save", save_linked, name="save_linked"),
    path("r/<str:token>/fix/check", check_linked, name="check_linked"),
    path("r/<str:token>/fix/send", send_linked, name="send_linked"),
]
