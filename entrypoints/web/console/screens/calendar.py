"""Calendar: days and feeds: what came in time, late or not at all."""

from __future__ import annotations

from datetime import date, timedelta

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import path

from entrypoints.web.caller import Caller
from entrypoints.web.console.language import say
from entrypoints.web.console.lists import csv_answer, later_than, query_of
from entrypoints.web.console.pages import screen, show
from entrypoints.web.console.times import day_name
from pipelines.operations.arrivals import DayState, arrivals
from schemas.errors import ConflictError
from schemas.key import Role

_DAYS, _FEEDS = 14, 20
_A_DAY = timedelta(days=1)


@screen(Role.VIEWER)
def calendar(request: HttpRequest, caller: Caller) -> HttpResponse:
    """Two weeks of all feeds that one may see."""
    query = query_of(request, "q", "until")
    last = _last(caller, query)
    first = last - (_DAYS - 1) * _A_DAY
    names, further = later_than(_names(caller, query), query, _FEEDS, str)
    today = caller.runtime.now().date()
    return show(
        request,
        caller,
        "calendar.html",
        here="calendar",
        query=query,
        days=[(first + n * _A_DAY, day_name(first + n * _A_DAY)) for n in range(_DAYS)],
        today=today,
        rows=[(name, arrivals(caller.runtime, name, first, _DAYS)) for name in names],
        words=_words(),
        next=further,
        earlier=(first - _A_DAY).isoformat(),
        later=(last + _DAYS * _A_DAY).isoformat() if last < today else None,
    )


@screen(Role.VIEWER)
def calendar_csv(request: HttpRequest, caller: Caller) -> HttpResponseBase:
    """The same days of all those feeds as CSV, a line for each."""
    query = query_of(request, "q", "until")
    first = _last(caller, query) - (_DAYS - 1) * _A_DAY
    words = _words()
    rows = (
        (name, each.day, words[each.state][2], each.files)
        for name in _names(caller, query)
        for each in arrivals(caller.runtime, name, first, _DAYS)
    )
    return csv_answer("calendar", ("feed", "day", "state", "files"), rows)


def _last(caller: Caller, query: dict[str, str]) -> date:
    today = caller.runtime.now().date()
    if "until" not in query:
        return today
    try:
        return min(today, max(date(2000, 1, 1), date.fromisoformat(query["until"])))
    except ValueError:
        raise ConflictError("the address names no day", hint=None) from None


def _names(caller: Caller, query: dict[str, str]) -> list[str]:
    text = query.get("q", "").casefold()
    return sorted(name for name in caller.feeds if text in name)


def _words() -> dict[DayState, tuple[str, str, str]]:
    """The class of its colour, the sign, and what a state is called."""
    return {
        DayState.ON_TIME: ("good", "✓", say("on time")),
        DayState.LATE: ("part", "◐", say("late")),
        DayState.MISSING: ("not", "✕", say("missing")),
        DayState.DUE: ("way", "→", say("due")),
        DayState.CLOSED: ("rest", "–", say("closed")),
        DayState.UNPROMISED: ("rest", "·", say("no promise")),
        DayState.UNWATCHED: ("rest", "·", say("not watched yet")),
    }


PATHS = [
    path("calendar", calendar, name="calendar"),
    path("calendar.csv", calendar_csv, name="calendar_csv"),
]
