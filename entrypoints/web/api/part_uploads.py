"""Uploads in parts: files larger than one request may hold, sent to storage directly."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import Field

from entrypoints.web.api.caller import Caller, Operator
from entrypoints.web.api.fields import Body, FeedName, Model, Text
from entrypoints.web.api.problems import NOT_FOUND, responses
from entrypoints.web.api.uploads import IdempotencyKey, UploadModel, answered
from pipelines.operations.part_uploads import (
    PART_BYTES,
    abort_parts,
    begin_parts,
    complete_parts,
    part_count,
    part_urls,
    parts_named,
)
from schemas.errors import NotFoundError
from schemas.upload import Upload

router = APIRouter(tags=["uploads"])

UploadId = Annotated[str, Path(pattern=r"^[0-9a-f]{16}$", examples=["8c1f0de2aa934b70"])]


class BeginBody(Body):
    """The file's own name, and how many bytes it has."""

    name: Annotated[str, Field(min_length=1, max_length=255, examples=["orders_2026.csv"])]
    size: Annotated[int, Field(gt=0, le=2**53, examples=[5_000_000_000])]


class BegunModel(Model):
    """An upload that was begun: its parts, all but the last of `part_bytes`, are numbered from
    1."""

    upload_id: str = Field(examples=["8c1f0de2aa934b70"])
    feed: str
    name: Text
    size: int
    part_bytes: int = Field(examples=[PART_BYTES])
    parts: int = Field(examples=[75])


class PartUrlModel(Model):
    """Where a part is to be PUT, without a key; the answer's ETag is needed to complete."""

    number: int
    url: str


class PartUrlsModel(Model):
    """Where parts are to be PUT, and for how many seconds."""

    items: tuple[PartUrlModel, ...]
    expires_in: int


class PartBody(Body):
    """A part that was PUT, and the ETag that storage answered."""

    number: Annotated[int, Field(ge=1, le=10_000)]
    etag: Annotated[str, Field(min_length=1, max_length=200)]


class CompleteBody(Body):
    """All parts, by their numbers."""

    parts: Annotated[tuple[PartBody, ...], Field(min_length=1, max_length=10_000)]


@router.post("/feeds/{feed}/uploads", status_code=201, responses=responses(404, 409, 413, 422))
def begin_upload(
    caller: Operator, feed: FeedName, body: BeginBody, idempotency_key: IdempotencyKey = None
) -> BegunModel:
    """Begin to send a file in parts, where storage is S3. Nothing is the feed's before all of it
    has come."""
    caller.feed(feed)
    begun = begin_parts(caller.runtime, feed, body.name, body.size, idempotency_key)
    return BegunModel(
        upload_id=begun.upload_id,
        feed=feed,
        name=begun.name,
        size=body.size,
        part_bytes=PART_BYTES,
        parts=part_count(begun),
    )


@router.get("/uploads/{upload_id}/parts", responses=responses(404, 409, 422))
def get_part_urls(
    caller: Operator,
    upload_id: UploadId,
    first: Annotated[int, Query(ge=1, le=10_000, description="From that part on.")] = 1,
    count: Annotated[int, Query(ge=1, le=1000, description="At most so many.")] = 100,
) -> PartUrlsModel:
    """Where to PUT the parts: for an hour, then ask again."""
    found = part_urls(caller.runtime, _upload(caller, upload_id), first, count)
    items = tuple(PartUrlModel(number=number, url=url) for number, url in found.urls)
    return PartUrlsModel(items=items, expires_in=found.seconds)


@router.post("/uploads/{upload_id}/complete", status_code=201, responses=responses(404, 409, 422))
def complete_upload(
    caller: Operator, request: Request, response: Response, upload_id: UploadId, body: CompleteBody
) -> UploadModel:
    """Put the parts together and make them a file of the feed. Asked once more, it is the same
    file."""
    upload = _upload(caller, upload_id)
    parts = [(each.number, each.etag) for each in body.parts]
    return answered(caller, request, response, complete_parts(caller.runtime, upload, parts))


@router.delete("/uploads/{upload_id}", status_code=204, responses=responses(404, 409, 422))
def abort_upload(caller: Operator, upload_id: UploadId) -> Response:
    """Give up what was begun in parts, and remove what has come of it."""
    abort_parts(caller.runtime, _upload(caller, upload_id))
    return Response(status_code=204)


def _upload(caller: Caller, upload_id: str) -> Upload:
    """An upload in parts for a feed that the key is for; else it is not there."""
    try:
        upload = parts_named(caller.runtime, upload_id)
    except NotFoundError:
        raise NOT_FOUND from None
    if upload.feed is None or not caller.sees(upload.feed):
        raise NOT_FOUND
    return upload
