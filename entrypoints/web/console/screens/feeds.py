"""Feeds: all of them, and one with its promise, its days and its contract in words."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import path

from entrypoints.web.caller import Caller
from entrypoints.web.console.charts import bars
from entrypoints.web.console.language import language, say
from entrypoints.web.console.lists import PAGE, csv_answer, query_of
from entrypoints.web.console.pages import require, say_done, screen, show
from pipelines.operations.drift_decisions import list_drifts
from pipelines.operations.feed_details import (
    FeedDetails,
    contract_in_words,
    daily_counts,
    feed_details,
)
from pipelines.operations.feeds import resume, stop
from pipelines.operations.service import table_quotas
from pipelines.operations.template import template_forms, template_of
from schemas.errors import ConflictError
from schemas.key import Role

_DAYS = 60
_MAX_REASON = 300


@screen(Role.VIEWER)
def feeds(request: HttpRequest, caller: Caller) -> HttpResponse:
    """The feeds that one may see."""
    query = query_of(request, "q", "show")
    found = list(islice(_found(caller, query), PAGE + 1))
    further = found[PAGE - 1].feed.name if len(found) > PAGE else None
    return show(
        request,
        caller,
        "feeds.html",
        here="feeds",
        query=query,
        feeds=found[:PAGE],
        next=further,
        choices=[("", say("All")), ("late", say("Late")), ("stopped", say("Stopped or waiting"))],
    )


@screen(Role.VIEWER)
def feeds_csv(request: HttpRequest, caller: Caller) -> HttpResponseBase:
    """The same as CSV."""
    header = ("feed", "table", "stopped", "late", "promise", "last load (UTC)")
    query = query_of(request, "q", "show")
    found = _found(caller, {name: text for name, text in query.items() if name != "cursor"})
    return csv_answer(
        "feeds",
        header,
        (
            (each.feed.name, each.table, each.stopped_why, each.freshness.late,
             each.freshness.promise, each.freshness.last_load)
            for each in found
        ),
    )  # fmt: skip


@screen(Role.VIEWER)
def feed(request: HttpRequest, caller: Caller, name: str) -> HttpResponse:
    """One feed."""
    name = caller.feed(name)
    runtime = caller.runtime
    counts = daily_counts(runtime, name, _DAYS)
    return show(
        request,
        caller,
        "feed.html",
        here="feeds",
        feed=feed_details(runtime, name),
        counts=counts,
        bars=bars(counts),
        contract=contract_in_words(runtime, name),
        drifts=len(list_drifts(runtime, name, decided=False)),
        quota=table_quotas(runtime, [name])[0],
        templates=template_forms(runtime, name),
        may_stop=caller.may(Role.STEWARD, name),
    )


@screen(Role.VIEWER)
def feed_csv(request: HttpRequest, caller: Caller, name: str) -> HttpResponseBase:
    """Its days as CSV."""
    header = ("day (UTC)", "loaded", "partly", "not loaded", "rows read", "rows loaded", "rejected")
    found = daily_counts(caller.runtime, caller.feed(name), _DAYS)
    rows = (
        (each.day, each.accepted, each.partly, each.quarantined, each.rows_read,
         each.rows_loaded, each.rows_rejected)
        for each in found
    )  # fmt: skip
    return csv_answer(name, header, rows)


@screen(Role.VIEWER)
def feed_template(request: HttpRequest, caller: Caller, name: str, form: str) -> HttpResponse:
    """What its senders fill in, in the form of its own files or another, in the reader's words."""
    wanted = None if form == "own" else form
    made = template_of(caller.runtime, caller.feed(name), wanted, language())
    answer = HttpResponse(made.content, content_type=made.content_type)
    answer["Content-Disposition"] = f'attachment; filename="{made.name}"'
    return answer


@screen(Role.STEWARD, "POST")
def stop_feed(request: HttpRequest, caller: Caller, name: str) -> HttpResponse:
    """Let it look for no new files, for a reason that everybody reads."""
    name = caller.feed(name)
    require(caller, Role.STEWARD, name)
    reason = request.POST.get("reason", "").strip()[:_MAX_REASON]
    if not reason:
        raise ConflictError("a feed is stopped for a reason", hint="write one, for those who ask")
    stop(caller.runtime, name, reason)
    say_done(request, say("{feed} looks for no new files now.", feed=name))
    return redirect("feed", name)


@screen(Role.STEWARD, "POST")
def resume_feed(request: HttpRequest, caller: Caller, name: str) -> HttpResponse:
    """Let it run again."""
    name = caller.feed(name)
    require(caller, Role.STEWARD, name)
    resume(caller.runtime, name)
    say_done(request, say("{feed} looks for new files again.", feed=name))
    return redirect("feed", name)


def _found(caller: Caller, query: dict[str, str]) -> Iterator[FeedDetails]:
    """The feeds that are asked for, by name, after the one that is the cursor. Each is looked at
    only once it is its turn."""
    text, after, shown = query.get("q", "").casefold(), query.get("cursor", ""), query.get("show")
    for name in sorted(name for name in caller.feeds if text in name and name > after):
        found = feed_details(caller.runtime, name)
        is_paused = found.stopped_at is not None or found.waits is not None
        if {"late": found.freshness.late, "stopped": is_paused}.get(shown or "", True):
            yield found


PATHS = [
    path("feeds", feeds, name="feeds"),
    path("feeds.csv", feeds_csv, name="feeds_csv"),
    path("feeds/<str:name>", feed, name="feed"),
    path("feeds/<str:name>/days.csv", feed_csv, name="feed_csv"),
    path("feeds/<str:name>/template.<str:form>", feed_template, name="feed_template"),
    path("feeds/<str:name>/stop", stop_feed, name="stop_feed"),
    path("feeds/<str:name>/resume", resume_feed, name="resume_feed"),
]
