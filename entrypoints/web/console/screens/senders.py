"""Senders: who sends files, to which feeds, how much of it is taken, and who has fallen silent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import path

from entrypoints.web.caller import Caller
from entrypoints.web.console.lists import CSV_ROWS, PAGE, csv_answer, mark_in, query_of
from entrypoints.web.console.pages import screen, show
from entrypoints.web.marks import cursor_of
from pipelines.operations.senders import list_senders
from schemas.key import Role
from schemas.sender import SenderCount


@dataclass(frozen=True, slots=True)
class Row:
    """A sender with what they sent to each feed, and whether they are late there."""

    sender: str
    counts: Sequence[tuple[SenderCount, bool | None]]


@screen(Role.VIEWER)
def senders(request: HttpRequest, caller: Caller) -> HttpResponse:
    """Senders by address."""
    query = query_of(request, "q", "feed")
    mark = mark_in(query)
    found = _found(caller, query, mark[0] if mark else None, PAGE + 1)
    rows = _rows(caller, found)
    further = [rows[PAGE - 1].sender, ""] if len(rows) > PAGE else None
    return show(
        request,
        caller,
        "senders.html",
        here="senders",
        query=query,
        rows=rows[:PAGE],
        feeds=caller.feeds,
        next=cursor_of(further),
        searched=bool(query),
    )


@screen(Role.VIEWER)
def senders_csv(request: HttpRequest, caller: Caller) -> HttpResponseBase:
    """The same as CSV, from its beginning."""
    header = ("sender", "feed", "files", "loaded", "partly", "not loaded", "left out", "rows read",
              "rows loaded", "last file (UTC)", "late")  # fmt: skip
    return csv_answer("senders", header, _lines(caller, query_of(request, "q", "feed")))


def _found(
    caller: Caller, query: dict[str, str], after: str | None, limit: int
) -> Sequence[SenderCount]:
    feeds = [caller.feed(query["feed"])] if "feed" in query else caller.only_feeds
    return list_senders(caller.runtime, query.get("q"), feeds, after, limit)


def _rows(caller: Caller, found: Sequence[SenderCount]) -> list[Row]:
    now = caller.runtime.now()
    return [
        Row(sender, [(each, each.late(now)) for each in counts])
        for sender, counts in groupby(found, key=lambda each: each.sender)
    ]


def _lines(caller: Caller, query: dict[str, str]) -> Iterator[tuple[object, ...]]:
    after, left, now = None, CSV_ROWS, caller.runtime.now()
    while left > 0 and (found := _found(caller, query, after, min(left, 1000))):
        for each in found:
            yield (
                each.sender, each.feed, each.files, each.accepted, each.partly, each.quarantined,
                each.left_out, each.rows_read, each.rows_loaded,
                f"{each.last_sent:%Y-%m-%d %H:%M:%S}", each.late(now),
            )  # fmt: skip
        after = found[-1].sender
        left -= len(found)


PATHS = [
    path("senders", senders, name="senders"),
    path("senders.csv", senders_csv, name="senders_csv"),
]
