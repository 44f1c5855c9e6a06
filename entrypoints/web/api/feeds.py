"""Feeds: how they are, what has ended by day, what their contracts ask, and stopping them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import PlainTextResponse
from pydantic import Field

from entrypoints.web.api.caller import Caller, Steward, Viewer
from entrypoints.web.api.etags import IfMatch, check_match, etag_of, tell_etag
from entrypoints.web.api.fields import Body, FeedName, Model, Text
from entrypoints.web.api.operation_models import Bounds, OperationModel, ReplayBody, accepted
from entrypoints.web.api.problems import responses
from pipelines.operations.feed_details import (
    ContractInWords,
    FeedDetails,
    contract_in_words,
    contract_text,
    daily_counts,
    feed_details,
)
from pipelines.operations.feeds import resume, stop
from pipelines.operations.long_work import request_backfill, request_replay
from schemas.contract import Type

router = APIRouter(prefix="/feeds", tags=["feeds"])

_CHANGED = responses(404, 409, 412, 422)


class FreshnessModel(Model):
    """How fresh the table is; `late` is null where the contract promises nothing."""

    latest_partition: str | None
    last_load: datetime | None
    last_sent: datetime | None
    expected_at: datetime | None
    late_at: datetime | None
    late: bool | None
    promise: Text | None


class FeedModel(Model):
    """A feed: where its files come from, whether it runs, and how fresh its table is."""

    name: str = Field(examples=["orders"])
    source: str
    match: Text
    contract: str
    table: str
    write: str
    schedule: str
    stopped_at: datetime | None
    stopped_why: Text | None
    waits_until: datetime | None
    waits_why: Text | None
    freshness: FreshnessModel

    @classmethod
    def of(cls, found: FeedDetails, caller: Caller) -> Self:
        """A feed as it is now. Why it has stopped may quote a row."""
        feed, waits = found.feed, found.waits
        return cls(
            name=feed.name,
            source=feed.source,
            match=feed.match,
            contract=feed.contract,
            table=found.table,
            write=str(feed.mode),
            schedule=str(feed.schedule),
            stopped_at=found.stopped_at,
            stopped_why=caller.mask(feed.name).sentence(found.stopped_why),
            waits_until=None if waits is None else waits.until,
            waits_why=None if waits is None else waits.reason,
            freshness=FreshnessModel.model_validate(found.freshness),
        )


class FeedsModel(Model):
    """All feeds that the key is for, by name."""

    items: tuple[FeedModel, ...]


class DayModel(Model):
    """What ended on a day (UTC)."""

    day: str = Field(examples=["2026-11-03"])
    accepted: int
    partly: int
    quarantined: int
    left_out: int
    rows_read: int
    rows_loaded: int
    rows_rejected: int


class DaysModel(Model):
    """Days, oldest first, without a gap."""

    items: tuple[DayModel, ...]


class ColumnModel(Model):
    """A column that a file must bring."""

    name: str
    type: Type
    required: bool
    unique: bool
    description: Text | None
    headers: tuple[Text, ...]
    classification: Text | None


class ContractModel(Model):
    """A contract in words."""

    name: str
    version: str
    description: Text | None
    primary_key: tuple[str, ...]
    reject_threshold: float
    columns: tuple[ColumnModel, ...]
    checks: tuple[Text, ...]

    @classmethod
    def of(cls, found: ContractInWords) -> Self:
        """A contract with its rules as sentences."""
        contract = found.contract
        return cls(
            name=contract.name,
            version=contract.version,
            description=contract.description,
            primary_key=contract.primary_key,
            reject_threshold=contract.reject_threshold,
            columns=tuple(map(ColumnModel.model_validate, found.columns)),
            checks=found.checks,
        )


class StopBody(Body):
    """Why the feed is stopped: everybody who looks at it reads that."""

    reason: Annotated[
        str, Field(min_length=1, max_length=500, examples=["the sender's export is broken"])
    ]


@router.get("", responses=responses())
def list_feeds(caller: Viewer) -> FeedsModel:
    """All feeds that the key is for."""
    found = (feed_details(caller.runtime, name) for name in sorted(caller.feeds))
    return FeedsModel(items=tuple(FeedModel.of(each, caller) for each in found))


@router.get("/{feed}", responses=responses(404, 422))
def get_feed(caller: Viewer, response: Response, feed: FeedName) -> FeedModel:
    """One feed."""
    name = caller.feed(feed)
    found = feed_details(caller.runtime, name)
    # Of all that is told only this can be changed here; the rest may be another at each look.
    tell_etag(response, _etag(caller, name))
    return FeedModel.of(found, caller)


@router.get("/{feed}/daily-counts", responses=responses(404, 422))
def get_daily_counts(
    caller: Viewer, feed: FeedName, days: Annotated[int, Query(ge=1, le=400)] = 60
) -> DaysModel:
    """Files and rows by the day on which they ended, today last."""
    found = daily_counts(caller.runtime, caller.feed(feed), days)
    return DaysModel(items=tuple(map(DayModel.model_validate, found)))


@router.get("/{feed}/contract", responses=responses(404, 422))
def get_contract(caller: Viewer, feed: FeedName) -> ContractModel:
    """What a file of the feed must be, in words."""
    return ContractModel.of(contract_in_words(caller.runtime, caller.feed(feed)))


@router.get(
    "/{feed}/contract.odcs.yaml",
    response_class=PlainTextResponse,
    responses=responses(404, 422, media_type="application/yaml"),
)
def get_contract_text(caller: Viewer, feed: FeedName) -> PlainTextResponse:
    """The text of the contract that is in force (Open Data Contract Standard)."""
    folder = caller.context.settings.folders.contracts
    text = contract_text(caller.runtime, folder, caller.feed(feed))
    return PlainTextResponse(text, media_type="application/yaml")


@router.post("/{feed}/stop", responses=_CHANGED)
def stop_feed(
    caller: Steward, feed: FeedName, body: StopBody, if_match: IfMatch = None
) -> FeedModel:
    """Let the feed look for no new files until somebody resumes it."""
    with caller.runtime.ledger.acts.together():
        name = caller.feed(feed)
        check_match(if_match, _etag(caller, name))
        stop(caller.runtime, name, body.reason)
    return FeedModel.of(feed_details(caller.runtime, name), caller)


@router.post("/{feed}/resume", responses=_CHANGED)
def resume_feed(caller: Steward, feed: FeedName, if_match: IfMatch = None) -> FeedModel:
    """Let a stopped feed run again."""
    with caller.runtime.ledger.acts.together():
        name = caller.feed(feed)
        check_match(if_match, _etag(caller, name))
        resume(caller.runtime, name)
    return FeedModel.of(feed_details(caller.runtime, name), caller)


@router.post("/{feed}/replay", status_code=202, responses=responses(404, 409, 422))
def replay_feed(
    caller: Steward, request: Request, response: Response, feed: FeedName, body: ReplayBody
) -> OperationModel:
    """Run the feed's raw files again under today's contract, as far as they were sent in a time. A
    worker does it: follow the operation."""
    name = caller.feed(feed)
    operation = request_replay(
        caller.runtime, name, since=body.since, until=body.until, tell=body.tell
    )
    return accepted(caller, request, response, operation)


@router.post("/{feed}/backfill", status_code=202, responses=responses(404, 409, 422))
def backfill_feed(
    caller: Steward, request: Request, response: Response, feed: FeedName, body: Bounds
) -> OperationModel:
    """Take in what the feed's source holds from before. A worker does it: follow the operation."""
    name = caller.feed(feed)
    operation = request_backfill(caller.runtime, name, body.since, body.until)
    return accepted(caller, request, response, operation)


def _etag(caller: Caller, name: str) -> str:
    state = caller.runtime.ledger.feeds.state(name)
    return etag_of(name, state.stopped_at, state.reason)
