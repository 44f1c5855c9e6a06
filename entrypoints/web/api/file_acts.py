"""File acts: sending files on their way again, letting them in, taking them out."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import Field

from entrypoints.web.api.caller import Operator, Steward
from entrypoints.web.api.etags import IfMatch, check_match
from entrypoints.web.api.fields import Body, FileId, Model, Moment, Text
from entrypoints.web.api.file_models import FileModel
from entrypoints.web.api.files import file_etag
from entrypoints.web.api.operation_models import FileReplayBody, OperationModel, accepted
from entrypoints.web.api.problems import responses
from pipelines.operations.file_search import search_files
from pipelines.operations.holds import release
from pipelines.operations.long_work import request_replay, request_unload
from pipelines.operations.receipt_link import renew_link, revoke_link
from pipelines.operations.retry import retry, retry_files
from schemas.file_query import FileQuery

router = APIRouter(prefix="/files", tags=["acts on files"])

_CHANGED = responses(404, 409, 412, 422)


class RetryBody(Body):
    """`may_lose`: it may take the place of rows under which others lie that cannot come back."""

    may_lose: bool = False


class RetryFilter(Body):
    """Which files are meant; at most `limit`, the newest first."""

    feed: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$", examples=["orders"])]
    status: Annotated[str, Field(max_length=20, examples=["failed"])]
    since: Moment | None = None
    until: Moment | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    may_lose: bool = False


class LeftModel(Model):
    """A file that stays as it is, and why."""

    file_id: str
    reason: Text


class RetriedModel(Model):
    """What is on its way again, and what is not."""

    again: tuple[str, ...]
    left: tuple[LeftModel, ...]


class LinkModel(Model):
    """A link to a receipt, and until when it is good."""

    url: str
    until: datetime


class RevokedLinkModel(Model):
    """A file without a link; `changed` is false if that was so before."""

    file_id: str
    changed: bool


@router.post("/retry", responses=responses(404, 409, 422))
def retry_by_filter(caller: Operator, body: RetryFilter) -> RetriedModel:
    """Send all files of a feed and a status on their way again, the oldest first."""
    query = FileQuery(status=body.status, since=body.since, until=body.until)
    feeds = [caller.feed(body.feed)]
    found = search_files(caller.runtime, query, feeds, None, body.limit).files
    done = retry_files(caller.runtime, found[::-1], may_lose=body.may_lose)
    return RetriedModel(
        again=tuple(file.file_id for file in done.again),
        left=tuple(LeftModel(file_id=file.file_id, reason=why) for file, why in done.left),
    )


@router.post("/{file_id}/retry", responses=_CHANGED)
def retry_file(
    caller: Operator, file_id: FileId, body: RetryBody, if_match: IfMatch = None
) -> FileModel:
    """Send a failed or finished file on its way again, from its landed bytes."""
    with caller.runtime.ledger.acts.together():
        file = caller.file(file_id)
        check_match(if_match, file_etag(file))
        again = retry(caller.runtime, file, may_lose=body.may_lose)
    return FileModel.of(again, caller.mask(again.feed))


@router.post("/{file_id}/release", responses=_CHANGED)
def release_file(caller: Steward, file_id: FileId, if_match: IfMatch = None) -> FileModel:
    """Let a held file in."""
    with caller.runtime.ledger.acts.together():
        file = caller.file(file_id)
        check_match(if_match, file_etag(file))
        released = release(caller.runtime, file, caller.runtime.actor.who)
    return FileModel.of(released.file, caller.mask(file.feed))


@router.post("/{file_id}/unload", status_code=202, responses=_CHANGED)
def unload_file(
    caller: Steward,
    request: Request,
    response: Response,
    file_id: FileId,
    if_match: IfMatch = None,
) -> OperationModel:
    """Take a file's rows out of its table, as if it had never come. A worker does it: follow the
    operation."""
    with caller.runtime.ledger.acts.together():
        file = caller.file(file_id)
        check_match(if_match, file_etag(file))
        operation = request_unload(caller.runtime, file)
    return accepted(caller, request, response, operation)


@router.post("/{file_id}/replay", status_code=202, responses=_CHANGED)
def replay_file(
    caller: Steward,
    request: Request,
    response: Response,
    file_id: FileId,
    body: FileReplayBody,
    if_match: IfMatch = None,
) -> OperationModel:
    """Run a raw file again under today's contract, and replace its rows. A worker does it."""
    with caller.runtime.ledger.acts.together():
        file = caller.file(file_id)
        check_match(if_match, file_etag(file))
        operation = request_replay(caller.runtime, file.feed, file=file, tell=body.tell)
    return accepted(caller, request, response, operation)


@router.post("/{file_id}/link", responses=responses(404, 409, 422))
def renew_file_link(caller: Steward, file_id: FileId) -> LinkModel:
    """Make a new link to its receipt, in place of all before it. Who has it sees all values, so
    keep it to yourself and the sender: it is not shown again."""
    return LinkModel.model_validate(renew_link(caller.runtime, caller.file(file_id)))


@router.post("/{file_id}/link/revoke", responses=responses(404, 422))
def revoke_file_link(caller: Operator, file_id: FileId) -> RevokedLinkModel:
    """End all links to its receipt; none is made by itself any more. Safe to repeat."""
    done = revoke_link(caller.runtime, caller.file(file_id))
    return RevokedLinkModel(file_id=file_id, changed=done)
