"""Uploads: sending a file to a feed."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Self

from fastapi import APIRouter, Header, Path, Request, Response
from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.convertors import PathConvertor, register_url_convertor

from entrypoints.web.api.caller import Operator
from entrypoints.web.api.fields import FeedName, Model, Text
from entrypoints.web.api.problems import responses
from entrypoints.web.api.receiving import BINARY, digest_of, received
from pipelines.operations.uploads import Uploaded, refuse_upload, take


class _AnyName(PathConvertor):
    """A path's end that may hold line feeds as well: such a name is refused, not unknown."""

    regex = "(?s:.*)"


register_url_convertor("any_name", _AnyName())
router = APIRouter(tags=["uploads"])

FileName = Annotated[
    str,
    Path(
        description="The file's own name, percent-encoded, without folders.",
        examples=["orders_2026-11-03.csv"],
    ),
]
ContentDigest = Annotated[
    str | None,
    Header(
        description="The SHA-256 of the bytes (RFC 9530): other bytes are refused.",
        examples=["sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:"],
        max_length=1000,
    ),
]
IdempotencyKey = Annotated[
    str | None,
    Header(
        description="A name of this request, such as a UUID. Sent again with the same key, after a"
        " cut connection, it is the same file; with the same key for another one it is refused.",
        examples=["0d7c1a52-6a0f-4f0e-9f0b-2f3c7f5f7a11"],
        max_length=200,
    ),
]


class UploadModel(Model):
    """What was taken: the file, which is followed at `/files/{file_id}` like any other."""

    upload_id: str = Field(examples=["8c1f0de2aa934b70"])
    file_id: str = Field(examples=["5f0c2a9be1d34c77"])
    feed: str = Field(examples=["orders"])
    name: Text = Field(examples=["orders_2026-11-03.csv"])
    size: int | None = Field(examples=[48213])
    sha256: str | None

    @classmethod
    def of(cls, uploaded: Uploaded) -> Self:
        """An upload as it was taken: the same however often it is asked for."""
        upload, file = uploaded.upload, uploaded.file
        facts: dict[str, Any] = {
            name: getattr(upload, name) for name in ("upload_id", "name", "size", "sha256")
        }
        return cls(**facts, file_id=file.file_id, feed=file.feed)


@router.put(
    "/feeds/{feed}/uploads/{name:any_name}",
    status_code=201,
    openapi_extra=BINARY,
    responses=responses(400, 404, 408, 409, 413, 415, 422),
)
async def upload_file(
    caller: Operator,
    request: Request,
    response: Response,
    feed: FeedName,
    name: FileName,
    content_digest: ContentDigest = None,
    idempotency_key: IdempotencyKey = None,
) -> UploadModel:
    """Send a file to a feed, up to `web.upload_bytes` (100 MB). Either all of it is taken or
    nothing; the feed's `match` is not asked. The same name again is a new version."""
    sha256 = digest_of(content_digest)
    runtime = caller.runtime
    caller.feed(feed)
    await run_in_threadpool(refuse_upload, runtime, feed, name, idempotency_key)
    async with received(request, caller.context) as coming:
        taking = partial(take, sha256=sha256, idempotency_key=idempotency_key)
        uploaded = await run_in_threadpool(taking, runtime, feed, name, coming)
    return await run_in_threadpool(answered, caller, request, response, uploaded)


def answered(
    caller: Operator, request: Request, response: Response, uploaded: Uploaded
) -> UploadModel:
    """Tell a worker of a file that was taken, and say where it can be followed."""
    caller.context.send_work(uploaded.work)
    response.headers["Location"] = request.url_for("get_file", file_id=uploaded.file.file_id).path
    return UploadModel.of(uploaded)
