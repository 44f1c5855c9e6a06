"""Checks: what would become of a file, without loading it; and sending it then."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from entrypoints.web.api.caller import Caller, Operator
from entrypoints.web.api.fields import Body, FeedName
from entrypoints.web.api.operation_models import OperationModel, accepted
from entrypoints.web.api.problems import NOT_FOUND, responses
from entrypoints.web.api.receiving import BINARY, digest_of, received
from entrypoints.web.api.uploads import ContentDigest, UploadModel, answered
from pipelines.operations.checks import refuse_check, request_check, send_checked
from pipelines.operations.long_work import operation_of
from schemas.errors import NotFoundError

router = APIRouter(tags=["checks"])

_RESPONSES = responses(400, 404, 408, 413, 415, 422)
_Name = Annotated[
    str,
    Query(
        min_length=1,
        max_length=255,
        description="The file's own name.",
        examples=["orders_2026-11-03.csv"],
    ),
]


class SendBody(Body):
    """The feed it is for, where it was checked under none."""

    feed: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$", examples=["orders"])] | None = (
        None
    )


@router.post("/feeds/{feed}/checks", status_code=202, openapi_extra=BINARY, responses=_RESPONSES)
async def check_under_feed(
    caller: Operator,
    request: Request,
    response: Response,
    feed: FeedName,
    name: _Name,
    content_digest: ContentDigest = None,
) -> OperationModel:
    """Find out what would become of a file of a feed: first rows, rejected ones, drift. Nothing is
    loaded. A worker does it: follow the operation, and send the file by its id within a day."""
    caller.feed(feed)
    return await _checked(caller, request, response, feed, name, content_digest)


@router.post("/checks", status_code=202, openapi_extra=BINARY, responses=_RESPONSES)
async def check_anywhere(
    caller: Operator,
    request: Request,
    response: Response,
    name: _Name,
    content_digest: ContentDigest = None,
) -> OperationModel:
    """The same where nobody knows which feed it is for: `fits` says which it could be, and how
    sure that is; it is checked under the best of them."""
    return await _checked(caller, request, response, None, name, content_digest)


@router.post("/checks/{operation_id}/send", status_code=201, responses=responses(404, 409, 422))
def send_checked_file(
    caller: Operator,
    request: Request,
    response: Response,
    operation_id: Annotated[str, Path(pattern=r"^[0-9a-f]{16}$")],
    body: SendBody,
) -> UploadModel:
    """Send what was checked to its feed, without its bytes coming again. Asked once more, it is
    the same file."""
    try:
        operation = operation_of(caller.runtime, operation_id)
    except NotFoundError:
        raise NOT_FOUND from None
    if not caller.may_follow(operation):
        raise NOT_FOUND
    if body.feed is not None:
        caller.feed(body.feed)
    return answered(caller, request, response, send_checked(caller.runtime, operation, body.feed))


async def _checked(
    caller: Caller,
    request: Request,
    response: Response,
    feed: str | None,
    name: str,
    content_digest: str | None,
) -> OperationModel:
    sha256 = digest_of(content_digest)
    refuse_check(name)
    async with received(request, caller.context) as coming:
        operation = await run_in_threadpool(
            request_check, caller.runtime, name, coming, caller.feeds, feed, sha256
        )
    return await run_in_threadpool(accepted, caller, request, response, operation)
