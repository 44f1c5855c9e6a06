"""Drift: how files differ from their contract; accepted into it, or dismissed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path

from entrypoints.web.caller import Caller
from entrypoints.web.console.language import language, say
from entrypoints.web.console.lists import PAGE, csv_answer, later_than, query_of
from entrypoints.web.console.pages import require, say_done, screen, show
from entrypoints.web.seen_drift import SeenDrift, seen_drift
from pipelines.operations import drift_decisions
from pipelines.operations.drift_decisions import list_drifts
from schemas.contract import Column, Contract
from schemas.drift import DriftKind, DriftStatus, Profile
from schemas.key import Role

_MAX_NOTE = 300
_FILES, _SHAPES = 50, 5


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that the contract says of the column, and what it would say."""

    what: str
    before: str
    after: str


@screen(Role.VIEWER)
def drifts(request: HttpRequest, caller: Caller) -> HttpResponse:
    """What differs and waits for somebody, or also what was decided."""
    query = query_of(request, "q", "show")
    found, further = later_than(
        _found(caller, query), query, PAGE, lambda each: each.drift.drift_id
    )
    return show(
        request,
        caller,
        "drifts.html",
        here="drifts",
        query=query,
        drifts=found,
        next=further,
        choices=[("", say("Open")), ("all", say("Also what was decided"))],
    )


@screen(Role.VIEWER)
def drifts_csv(request: HttpRequest, caller: Caller) -> HttpResponse:
    """The same as CSV."""
    header = (
        "feed",
        "what",
        "column",
        "status",
        "files",
        "senders",
        "waiting",
        "first (UTC)",
        "last (UTC)",
        "id",
    )
    rows = (
        (each.drift.feed, each.summary, each.column, each.drift.status, each.drift.files,
         each.drift.senders, len(each.drift.held), each.drift.first_seen, each.drift.last_seen,
         each.drift.drift_id)
        for each in _found(caller, query_of(request, "q", "show"))
    )  # fmt: skip
    return csv_answer("drift", header, rows)


@screen(Role.VIEWER)
def drift(request: HttpRequest, caller: Caller, drift_id: str) -> HttpResponse:
    """One of them: before and after, how values look, the files that wait."""
    found = seen_drift(caller.drift(drift_id), caller, language())
    runtime, feed = caller.runtime, found.drift.feed
    contract = runtime.contract_of(runtime.feeds[feed])
    return show(
        request,
        caller,
        "drift.html",
        here="drifts",
        seen=found,
        is_open=found.drift.status is DriftStatus.OPEN,
        differences=_differences(contract, found),
        effect=_effect(runtime.warehouse.table_id(contract), found),
        shapes=_shapes(caller, found),
        waiting=runtime.ledger.files.many(list(found.drift.held[:_FILES])),
        may_decide=caller.may(Role.STEWARD, feed),
    )


@screen(Role.STEWARD, "POST")
def accept(request: HttpRequest, caller: Caller, drift_id: str) -> HttpResponse:
    """Write it into the contract; what waited for it is checked again."""
    found = caller.drift(drift_id)
    require(caller, Role.STEWARD, found.feed)
    folder = caller.context.settings.folders.contracts
    drift_decisions.accept(caller.runtime, folder, found, _note(request))
    say_done(request, say("It is accepted. What waited for it is checked again."))
    return redirect("drifts")


@screen(Role.STEWARD, "POST")
def dismiss_drift(request: HttpRequest, caller: Caller, drift_id: str) -> HttpResponse:
    """Leave the contract as it is."""
    found = caller.drift(drift_id)
    require(caller, Role.STEWARD, found.feed)
    drift_decisions.dismiss(caller.runtime, found, _note(request))
    say_done(request, say("It is dismissed. The contract stays as it is."))
    return redirect("drifts")


def _found(caller: Caller, query: dict[str, str]) -> list[SeenDrift]:
    found = list_drifts(caller.runtime, decided=query.get("show") == "all")
    seen = [seen_drift(each, caller, language()) for each in found if caller.sees(each.feed)]
    text = query.get("q", "").casefold()
    return [
        each
        for each in seen
        if text in f"{each.drift.feed} {each.column} {each.summary}".casefold()
    ]


def _differences(contract: Contract, seen: SeenDrift) -> list[Difference]:
    change = seen.change
    if change is None:
        return []
    known = {each.name: each for each in contract.columns}
    now = known.get(change.column)
    before = _facts(now)
    after = dict(before) if now is not None else {"name": change.column}
    if change.type is not None:
        after["type"] = str(change.type)
    if change.required is not None:
        after["required"] = say("yes") if change.required else say("no")
    for name in ("headers", "formats"):
        old = getattr(now, name, ())
        added = [each for each in getattr(change, name) if each not in old]
        if added:
            after[name] = ", ".join([*old, *added])
    words = {
        "name": say("Column"),
        "type": say("Type"),
        "required": say("Required"),
        "headers": say("Further names"),
        "formats": say("Formats"),
    }
    return [
        Difference(words[name], before.get(name) or "–", after.get(name) or "–")
        for name in words
        if name in before or name in after
    ]


def _facts(column: Column | None) -> dict[str, str]:
    if column is None:
        return {}
    return {
        "name": column.name,
        "type": str(column.type),
        "required": say("yes") if column.required else say("no"),
        "headers": ", ".join(column.headers),
        "formats": ", ".join(column.formats),
    }


def _effect(table: str, seen: SeenDrift) -> str:
    change, kind = seen.change, seen.drift.finding.kind
    if change is None:
        return say("Nothing in {table} changes.", table=table)
    if kind is DriftKind.NEW:
        return say(
            "{table} gets the column {column}. Rows that are there already have nothing in it.",
            table=table,
            column=change.column,
        )
    if change.type is not None:
        return say(
            "The type of {column} in {table} becomes {type}. Where the table cannot follow by"
            " itself, you are told what to do first.",
            column=change.column,
            table=table,
            type=str(change.type),
        )
    if change.required is False:
        return say("{column} in {table} may be empty.", column=change.column, table=table)
    return say("{table} stays as it is: only how files are read changes.", table=table)


def _shapes(caller: Caller, seen: SeenDrift) -> Sequence[tuple[str, float]]:
    """How the values of the column look in the latest file: letters as `a`, digits as `9`."""
    drift = seen.drift
    if caller.mask(drift.feed).hides_column(drift.finding.column):
        return []
    profiles: Sequence[Profile] = caller.runtime.ledger.profiles.of(drift.feed, "").get(
        drift.finding.column, ()
    )
    if not profiles:
        return []
    found = sorted(profiles[0].shapes.items(), key=lambda each: each[1], reverse=True)
    return found[:_SHAPES]


def _note(request: HttpRequest) -> str:
    return request.POST.get("note", "").strip()[:_MAX_NOTE]


PATHS = [
    path("drift", drifts, name="drifts"),
    path("drift.csv", drifts_csv, name="drifts_csv"),
    path("drift/<str:drift_id>", drift, name="drift"),
    path("drift/<str:drift_id>/accept", accept, name="accept_drift"),
    path("drift/<str:drift_id>/dismiss", dismiss_drift, name="dismiss_drift"),
]
