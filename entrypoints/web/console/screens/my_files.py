"""My files: what arrived and what became of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import path

from entrypoints.web.caller import Caller
from entrypoints.web.console.fates import Fate, fate_of
from entrypoints.web.console.language import say
from entrypoints.web.console.lists import CSV_ROWS, PAGE, csv_answer, mark_in, query_of
from entrypoints.web.console.pages import screen, show
from entrypoints.web.marks import cursor_of
from pipelines.operations.file_search import FilePage, search_files
from pipelines.operations.masking import Mask
from schemas.errors import ConflictError
from schemas.file import File
from schemas.file_query import UNDER_WAY, FileQuery, FileState
from schemas.key import Role

_HEADER = ("file", "feed", "sender", "state", "rows", "loaded", "rejected", "sent (UTC)", "id")
_COUNTED = 99
"""More files of a state are not counted, so that a page costs the same however many there are."""


@dataclass(frozen=True, slots=True)
class Row:
    """A file of the list."""

    file: File
    fate: Fate
    rows: int | None


@screen(Role.VIEWER)
def my_files(request: HttpRequest, caller: Caller) -> HttpResponse:
    """The list, newest first; with a search in the order of what begins so."""
    query = query_of(request, "q", "feed", "state", "day")
    is_part, ledger = request.GET.get("part") == "list", caller.runtime.ledger
    more: dict[str, Any] = {}
    # One transaction for all: each by itself asks the database four times as often.
    with ledger.file_pages.at_once():
        page = _found(caller, query, PAGE)
        if not is_part:
            more["choices"] = _choices(caller)
            more["week"] = ledger.daily_counts.total(caller.only_feeds, _a_week_ago(caller))
    masks = _masks(caller, page)
    rows = [_row(file, masks[file.feed]) for file in page.files]
    facts: dict[str, Any] = {
        "here": "my_files",
        "query": query,
        "rows": rows,
        "next": cursor_of(page.mark),
        "feeds": caller.feeds,
        "searched": bool(query),
        "on_their_way": any(row.file.status in UNDER_WAY for row in rows),
    }
    template = "parts/my_files_list.html" if is_part else "my_files.html"
    return show(request, caller, template, **facts, **more)


def _choices(caller: Caller) -> list[tuple[str, str]]:
    """The states, with how many files are in those that need somebody."""
    words = {
        FileState.PARTLY: say("Partly loaded"),
        FileState.NOT_LOADED: say("Not loaded"),
        FileState.ON_ITS_WAY: say("On their way"),
    }
    counted = [
        (str(state), f"{word} {_count(caller, state)}".strip()) for state, word in words.items()
    ]
    return [("", say("All")), *counted, (str(FileState.LOADED), say("Loaded"))]


def _count(caller: Caller, state: FileState) -> str:
    found = caller.runtime.ledger.file_pages.at_most(state, caller.only_feeds, _COUNTED + 1)
    return f"{_COUNTED}+" if found > _COUNTED else str(found or "")


def _a_week_ago(caller: Caller) -> str:
    return (caller.runtime.now().date() - timedelta(days=6)).isoformat()


@screen(Role.VIEWER)
def my_files_csv(request: HttpRequest, caller: Caller) -> HttpResponseBase:
    """The same list as CSV, from its beginning."""
    query = query_of(request, "q", "feed", "state", "day")
    return csv_answer("files", _HEADER, _lines(caller, query))


def _found(caller: Caller, query: dict[str, str], limit: int) -> FilePage:
    feeds = [caller.feed(query["feed"])] if "feed" in query else caller.only_feeds
    state = query.get("state")
    since, until = _day(query.get("day"))
    wanted = FileQuery(
        starts=query.get("q"),
        state=FileState(state) if state in list(FileState) else None,
        since=since,
        until=until,
    )
    return search_files(caller.runtime, wanted, feeds, mark_in(query), limit)


def _day(text: str | None) -> tuple[datetime | None, datetime | None]:
    """The beginning of a day (UTC) and of the next one; raises ConflictError for what is none."""
    if text is None:
        return None, None
    try:
        day = date.fromisoformat(text)
        start = datetime.combine(day, time(), UTC)
        return start, start + timedelta(days=1)
    except (ValueError, OverflowError):
        raise ConflictError("the address names no day", hint=None) from None


def _masks(caller: Caller, page: FilePage) -> dict[str, Mask]:
    """What may be seen of the files of a page, asked once for each feed."""
    return {feed: caller.mask(feed) for feed in {file.feed for file in page.files}}


def _row(file: File, mask: Mask) -> Row:
    shown = mask.file(file)
    return Row(shown, fate_of(shown), file.counts.read if file.outcome is not None else None)


def _lines(caller: Caller, query: dict[str, str]) -> Iterator[tuple[object, ...]]:
    query = {name: value for name, value in query.items() if name != "cursor"}
    left = CSV_ROWS
    while left > 0:
        page = _found(caller, query, min(left, 1000))
        masks = _masks(caller, page)
        for file in page.files:
            row = _row(file, masks[file.feed])
            counts, item = file.counts, file.item
            yield (
                item.name, file.feed, item.sender, row.fate.says, row.rows, counts.loaded,
                counts.rejected, f"{item.sent_at:%Y-%m-%d %H:%M:%S}", file.file_id,
            )  # fmt: skip
        left -= len(page.files)
        if page.mark is None:
            return
        query["cursor"] = cursor_of(page.mark) or ""


PATHS = [path("", my_files, name="my_files"), path("files.csv", my_files_csv, name="my_files_csv")]
