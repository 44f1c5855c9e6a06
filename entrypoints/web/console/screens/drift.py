"""Drift: how files differ from their contract; accepted into it, or dismissed."""

from __future__ import annotations

from collections.abc import Sequence

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import path, reverse

from entrypoints.web.caller import Caller, NotThereError
from entrypoints.web.console.drift_words import differences, effect_on
from entrypoints.web.console.language import language, say
from entrypoints.web.console.lists import PAGE, csv_answer, later_than, query_of
from entrypoints.web.console.pages import require, say_done, screen, show
from entrypoints.web.console.waiting import ENDED, wait_for
from entrypoints.web.seen_drift import SeenDrift, seen_drift
from pipelines.operations import drift_decisions
from pipelines.operations.drift_decisions import list_drifts
from pipelines.operations.drift_samples import (
    LOOKED_THROUGH,
    has_samples,
    hides_samples,
    request_samples,
    samples_result,
)
from pipelines.operations.long_work import operation_of
from schemas.drift import Drift, DriftStatus, Profile
from schemas.errors import NotFoundError
from schemas.key import Role
from schemas.operation import OperationKind

_MAX_NOTE = 300
_FILES, _SHAPES = 50, 5
_MAX_ID = 16


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
def drifts_csv(request: HttpRequest, caller: Caller) -> HttpResponseBase:
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
    if request.GET.get("part") == "samples":
        samples = _samples(request, caller, found.drift)
        return show(request, caller, "parts/drift_samples.html", drift=found.drift, samples=samples)
    contract = runtime.contract_of(runtime.feeds[feed])
    return show(
        request,
        caller,
        "drift.html",
        here="drifts",
        seen=found,
        drift=found.drift,
        samples=_samples(request, caller, found.drift),
        may_look=has_samples(found.drift) and caller.may(Role.OPERATOR, feed),
        is_open=found.drift.status is DriftStatus.OPEN,
        differences=differences(contract, found),
        effect=effect_on(runtime.warehouse.table_id(contract), found),
        shapes=_shapes(caller, found),
        waiting=runtime.ledger.files.many(list(found.drift.held[:_FILES])),
        more_waiting=max(0, len(found.drift.held) - _FILES),
        may_decide=caller.may(Role.STEWARD, feed),
    )


@screen(Role.OPERATOR, "POST")
def look_at_samples(request: HttpRequest, caller: Caller, drift_id: str) -> HttpResponse:
    """Let a worker look for sample cells."""
    found = caller.drift(drift_id)
    require(caller, Role.OPERATOR, found.feed)
    asked = request_samples(caller.runtime, found)
    caller.context.send(asked)
    wait_for(caller.runtime, asked)
    return redirect(f"{reverse('drift', args=[drift_id])}?samples={asked.operation_id}#samples")


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


def _samples(request: HttpRequest, caller: Caller, drift: Drift) -> dict[str, object] | None:
    """The sample cells that the address asks for, as far as they are found; None without any."""
    if "samples" not in request.GET:
        return None
    try:
        asked = operation_of(caller.runtime, str(request.GET["samples"])[:_MAX_ID])
    except NotFoundError:
        raise NotThereError from None
    is_ours = asked.kind is OperationKind.DRIFT_SAMPLES and asked.feed == drift.feed
    if not is_ours or asked.request["drift_id"] != drift.drift_id:
        raise NotThereError
    mask = caller.mask(drift.feed)
    return {
        "operation_id": asked.operation_id,
        "is_over": asked.state in ENDED,
        "error": mask.sentence(asked.error),
        "found": None if asked.result is None else samples_result(asked.result, mask),
        "is_masked": hides_samples(mask, drift.finding.column, drift.finding.cell),
        "looked_through": LOOKED_THROUGH,
    }


def _note(request: HttpRequest) -> str:
    return request.POST.get("note", "").strip()[:_MAX_NOTE]


PATHS = [
    path("drift", drifts, name="drifts"),
    path("drift.csv", drifts_csv, name="drifts_csv"),
    path("drift/<str:drift_id>", drift, name="drift"),
    path("drift/<str:drift_id>/samples", look_at_samples, name="drift_samples"),
    path("drift/<str:drift_id>/accept", accept, name="accept_drift"),
    path("drift/<str:drift_id>/dismiss", dismiss_drift, name="dismiss_drift"),
]
