"""Alerts: what is the matter, who looks after it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import path

from entrypoints.web.caller import Caller
from entrypoints.web.console.language import said, say
from entrypoints.web.console.lists import PAGE, csv_answer, later_than, query_of
from entrypoints.web.console.pages import require, say_done, screen, show
from pipelines.operations.alerts import (
    acknowledge_alert,
    dismiss_alert,
    list_alerts,
    who_was_told,
)
from schemas.alert import OF_FILES, Alert
from schemas.key import Role

_MOST = 10_000
_MAX_NOTE = 300
_SNOOZES = {"4": 4, "24": 24, "72": 72}


@screen(Role.VIEWER)
def alerts(request: HttpRequest, caller: Caller) -> HttpResponse:
    """The open ones, or also those that are over."""
    query = query_of(request, "q", "show")
    found, further = later_than(_found(caller, query), query, PAGE, lambda each: each.alert_id)
    return show(
        request,
        caller,
        "alerts.html",
        here="alerts",
        query=query,
        alerts=[_shown(caller, each) for each in found],
        told=who_was_told(caller.runtime, found),
        of_files=OF_FILES,
        next=further,
        choices=[("", say("Open")), ("all", say("Also those that are over"))],
    )


@screen(Role.VIEWER)
def alerts_csv(request: HttpRequest, caller: Caller) -> HttpResponseBase:
    """The same as CSV."""
    found = (_shown(caller, each) for each in _found(caller, query_of(request, "q", "show")))
    header = ("what", "feed", "summary", "advice", "opened (UTC)", "over (UTC)", "looked after by")
    return csv_answer(
        "alerts",
        header,
        (
            (each.trouble.kind, each.trouble.feed, said(each.trouble.says),
             said(each.trouble.todo), each.opened_at, each.resolved_at, each.acknowledged_by)
            for each in found
        ),
    )  # fmt: skip


@screen(Role.OPERATOR, "POST")
def look_after(request: HttpRequest, caller: Caller, alert_id: str) -> HttpResponse:
    """Say that one looks after it, for some hours or until it is over; or not any more."""
    alert = caller.alert(alert_id)
    require(caller, Role.OPERATOR, alert.trouble.feed)
    hours = _SNOOZES.get(request.POST.get("hours", ""))
    until = caller.runtime.now() + timedelta(hours=hours) if hours is not None else None
    undo = request.POST.get("undo") == "yes"
    acknowledge_alert(caller.runtime, alert_id, until=until, undo=undo)
    done = say("Nobody looks after it now.") if undo else say("You look after it now.")
    say_done(request, done)
    return redirect("alerts")


@screen(Role.OPERATOR, "POST")
def dismiss_file_alert(request: HttpRequest, caller: Caller, alert_id: str) -> HttpResponse:
    """Put the alert of a file away for good, or take that back."""
    alert = caller.alert(alert_id)
    require(caller, Role.OPERATOR, alert.trouble.feed)
    undo = request.POST.get("undo") == "yes"
    note = request.POST.get("note", "").strip()[:_MAX_NOTE]
    dismiss_alert(caller.runtime, alert_id, note, undo=undo)
    done = say("It is told of again.") if undo else say("It is put away for good.")
    say_done(request, done)
    return redirect("alerts")


def _found(caller: Caller, query: dict[str, str]) -> Sequence[Alert]:
    # Of other feeds there may be many: they must not leave no room for one's own.
    found = list_alerts(caller.runtime, resolved=query.get("show") == "all", limit=_MOST)
    seen = [each for each in found if caller.sees(each.trouble.feed)]
    text = query.get("q", "").casefold()
    if not text:
        return seen
    return [
        each
        for each in seen
        if text in f"{each.trouble.feed} {each.trouble.subject} {each.trouble.kind}".casefold()
    ]


def _shown(caller: Caller, alert: Alert) -> Alert:
    """An alert as the caller may see it."""
    return caller.masked_alert(alert)


PATHS = [
    path("alerts", alerts, name="alerts"),
    path("alerts.csv", alerts_csv, name="alerts_csv"),
    path("alerts/<str:alert_id>/look-after", look_after, name="look_after"),
    path("alerts/<str:alert_id>/dismiss", dismiss_file_alert, name="dismiss_alert"),
]
