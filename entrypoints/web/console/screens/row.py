"""Row: where a row comes from: found by a worker, by its key."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path

from entrypoints.web.caller import Caller, NotThereError
from entrypoints.web.console.language import say
from entrypoints.web.console.lists import query_of
from entrypoints.web.console.pages import require, screen, show
from pipelines.operations.long_work import operation_of
from pipelines.operations.row_search import (
    MAX_KEY,
    key_columns,
    request_row,
    row_request,
    row_result,
)
from schemas.errors import ConflictError, NotFoundError
from schemas.key import Role
from schemas.operation import OperationKind, OperationState

_DAYS = {"30": 30, "365": 365, "": None}


@screen(Role.OPERATOR)
def row(request: HttpRequest, caller: Caller) -> HttpResponse:
    """Which row: a feed, and the key."""
    query = query_of(request, "feed")
    feeds = sorted(caller.feeds_where(Role.OPERATOR))
    feed = caller.feed(query["feed"]) if "feed" in query else (feeds[0] if feeds else None)
    return show(
        request,
        caller,
        "row.html",
        here="row",
        feeds=feeds,
        feed=feed,
        columns=_columns(caller, feed) if feed is not None else [],
        max_key=MAX_KEY,
        choices=[("30", say("30 days")), ("365", say("a year")), ("", say("all time"))],
    )


@screen(Role.OPERATOR, "POST")
def find_row(request: HttpRequest, caller: Caller) -> HttpResponse:
    """Let a worker look for it."""
    feed = caller.feed(request.POST.get("feed", ""))
    require(caller, Role.OPERATOR, feed)
    given = {name: request.POST.get(f"key_{name}", "") for name in _columns(caller, feed)}
    key = {name: text.strip() for name, text in given.items() if text.strip()}
    days = request.POST.get("days", "30")
    if days not in _DAYS:
        raise ConflictError("that is no time to look through", hint="choose one of the list")
    asked = request_row(caller.runtime, feed, key, _DAYS[days], caller.mask(feed))
    caller.context.send(asked)
    return redirect("found_row", asked.operation_id)


@screen(Role.OPERATOR)
def found_row(request: HttpRequest, caller: Caller, operation_id: str) -> HttpResponse:
    """What was found, or that somebody still looks."""
    try:
        asked = operation_of(caller.runtime, operation_id)
    except NotFoundError:
        raise NotThereError from None
    if asked.kind is not OperationKind.FIND_ROW or not caller.may(Role.OPERATOR, asked.feed):
        raise NotThereError
    mask = caller.mask(asked.feed)
    facts: dict[str, Any] = {
        "here": "row",
        "asked": asked,
        "key": row_request(asked.request, mask)["key"],
        "rows": [_times(each) for each in row_result(asked.result, mask)["rows"]]
        if asked.result is not None
        else [],
        "is_over": asked.state in (OperationState.DONE, OperationState.FAILED),
        "is_forgotten": asked.state is OperationState.DONE and asked.result is None,
        "error": mask.sentence(asked.error),
        "is_masked": mask.hides,
    }
    if request.GET.get("part") == "found":
        return show(request, caller, "parts/found_row.html", **facts)
    return show(request, caller, "found_row.html", **facts)


def _columns(caller: Caller, feed: str) -> list[str]:
    """The columns by which this person may look for rows of a feed."""
    mask = caller.mask(feed)
    contract = caller.runtime.contract_of(caller.runtime.feeds[feed])
    return [each.name for each in key_columns(contract) if not mask.hides_column(each.name)]


def _times(found: dict[str, Any]) -> dict[str, Any]:
    sent = found["sent_at"]
    return {
        **found,
        "sent_at": datetime.fromisoformat(sent) if sent is not None else None,
        "loaded_at": datetime.fromisoformat(found["loaded_at"]),
    }


PATHS = [
    path("row", row, name="row"),
    path("row/find", find_row, name="find_row"),
    path("row/<str:operation_id>", found_row, name="found_row"),
]
