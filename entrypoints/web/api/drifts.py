"""Drifts: what differs between files and contracts, and deciding about it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from entrypoints.web.api.caller import Caller, Steward, Viewer
from entrypoints.web.api.etags import IfMatch, check_match, etag_of, say_etag
from entrypoints.web.api.fields import FeedQuery, Model, ShortId, Text
from entrypoints.web.api.problems import responses
from entrypoints.web.seen_drift import seen_drift
from pipelines.operations.drift_decisions import Decision, accept, dismiss, list_drifts
from schemas.drift import Drift, DriftKind, DriftStatus
from schemas.odcs.edit import fragment

router = APIRouter(prefix="/drifts", tags=["drift"])

_CHANGED = responses(404, 409, 412, 422)


class DriftModel(Model):
    """A difference, once however many files of however many senders show it (`senders` counts those
    that are known); `proposal` is what accepting it would write into the contract (YAML)."""

    drift_id: str = Field(examples=["9f2c11aa"])
    feed: str
    kind: DriftKind
    column: Text
    summary: Text
    status: DriftStatus
    first_seen: datetime
    last_seen: datetime
    files: int
    senders: int
    waiting_files: tuple[str, ...]
    proposal: Text | None

    @classmethod
    def of(cls, drift: Drift, caller: Caller) -> Self:
        """A drift as the caller may see it."""
        seen = seen_drift(drift, caller)
        return cls(
            drift_id=drift.drift_id,
            feed=drift.feed,
            kind=drift.finding.kind,
            column=seen.column,
            summary=seen.summary,
            status=drift.status,
            first_seen=drift.first_seen,
            last_seen=drift.last_seen,
            files=drift.files,
            senders=drift.senders,
            waiting_files=drift.held,
            proposal=fragment(seen.change) if seen.change is not None else None,
        )


class DriftsModel(Model):
    """Drifts, the latest seen first."""

    items: tuple[DriftModel, ...]


class DecisionModel(Model):
    """What a decision has done: whether the contract and the table were changed, and which files
    are prepared again or still wait for another drift."""

    drift_id: str
    status: DriftStatus
    contract_changed: bool
    table_changes: tuple[str, ...]
    again: tuple[str, ...]
    waiting: tuple[str, ...]

    @classmethod
    def of(cls, decision: Decision) -> Self:
        """A decision without the folders of this machine."""
        return cls(
            drift_id=decision.drift_id,
            status=decision.status,
            contract_changed=decision.contract is not None,
            table_changes=tuple(each.what for each in decision.warehouse),
            again=decision.replayed,
            waiting=decision.waiting,
        )


@router.get("", responses=responses(404, 422))
def get_drifts(
    caller: Viewer,
    feed: FeedQuery = None,
    decided: Annotated[bool, Query(description="Also what somebody has decided about.")] = False,
) -> DriftsModel:
    """What differs."""
    name = None if feed is None else caller.feed(feed)
    found = list_drifts(caller.runtime, name, decided=decided)
    seen = (each for each in found if caller.sees(each.feed))
    return DriftsModel(items=tuple(DriftModel.of(each, caller) for each in seen))


@router.get("/{drift_id}", responses=responses(404, 422))
def get_drift(
    caller: Viewer, request: Request, response: Response, drift_id: ShortId
) -> DriftModel:
    """One difference."""
    drift = caller.drift(drift_id)
    say_etag(request, response, etag_of(drift))
    return DriftModel.of(drift, caller)


@router.post("/{drift_id}/accept", responses=_CHANGED)
def accept_drift(caller: Steward, drift_id: ShortId, if_match: IfMatch = None) -> DecisionModel:
    """Write the change into the contract, widen the table, and load what waited."""
    drift = caller.drift(drift_id)
    check_match(if_match, etag_of(drift))
    folder = caller.context.settings.folders.contracts
    return DecisionModel.of(accept(caller.runtime, folder, drift))


@router.post("/{drift_id}/dismiss", responses=_CHANGED)
def dismiss_drift(caller: Steward, drift_id: ShortId, if_match: IfMatch = None) -> DecisionModel:
    """Leave the contract as it is."""
    with caller.runtime.ledger.acts.together():
        drift = caller.drift(drift_id)
        check_match(if_match, etag_of(drift))
        decision = dismiss(caller.runtime, drift)
    return DecisionModel.of(decision)
