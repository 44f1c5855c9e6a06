"""Files: searching them, and one with all that is known of it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse

from entrypoints.web.api.caller import Caller, Operator, Viewer
from entrypoints.web.api.etags import etag_of, tell_etag
from entrypoints.web.api.fields import Cursor, FeedQuery, FileId, Limit, Moment, Word
from entrypoints.web.api.file_models import (
    EventModel,
    FileDetailModel,
    FileModel,
    FilesModel,
    ReceiptModel,
    RejectedRowModel,
    RejectedRowsModel,
    ReplyModel,
    VersionModel,
    detail_facts,
)
from entrypoints.web.api.paging import cursor_of, link_next, mark_of
from entrypoints.web.api.problems import responses
from entrypoints.web.streaming import streamed
from pipelines.operations.answers import raw_file, receipt_of, rejected_page, rejects_csv
from pipelines.operations.feeds import why_waiting
from pipelines.operations.file_search import search_files
from schemas.file import File, Status
from schemas.file_query import FileQuery

router = APIRouter(prefix="/files", tags=["files"])


@router.get("", responses=responses(404, 409, 422))
def list_files(
    caller: Viewer,
    request: Request,
    response: Response,
    *,
    feed: FeedQuery = None,
    status: Annotated[
        str | None, Query(max_length=20, description="A status or an outcome.", examples=["partly"])
    ] = None,
    sender: Word = None,
    since: Annotated[Moment | None, Query(description="Found since then.")] = None,
    until: Annotated[Moment | None, Query(description="Found before then.")] = None,
    starts: Annotated[
        str | None,
        Query(min_length=1, max_length=200, description="Beginning of name, id or sender."),
    ] = None,
    contains: Annotated[
        str | None,
        Query(min_length=1, max_length=200, description="Within a name; needs `feed`."),
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> FilesModel:
    """Files, newest first; with `starts` in the order of what begins so."""
    feeds = caller.only_feeds if feed is None else [caller.feed(feed)]
    query = FileQuery(
        status=status, sender=sender, since=since, until=until, starts=starts, contains=contains
    )
    page = search_files(caller.runtime, query, feeds, mark_of(cursor), limit)
    items = tuple(FileModel.of(file, caller.mask(file.feed)) for file in page.files)
    return FilesModel(items=items, next=link_next(request, response, cursor_of(page.mark)))


@router.get("/{file_id}", responses=responses(404, 422))
def get_file(caller: Viewer, response: Response, file_id: FileId) -> FileDetailModel:
    """One file: timeline, counts, accounted lines, versions and replies."""
    with caller.runtime.ledger.file_pages.at_once():
        file = caller.file(file_id)
        # Its versions and timeline may change while the file itself does not.
        tell_etag(response, file_etag(file))
        return detail_of(caller, file)


@router.get("/{file_id}/rejected-rows", responses=responses(404, 422))
def list_rejected_rows(
    caller: Viewer,
    request: Request,
    response: Response,
    file_id: FileId,
    *,
    rule: Word = None,
    column: Word = None,
    limit: Limit = 50,
    cursor: Annotated[int, Query(ge=0, le=2**53)] = 0,
) -> RejectedRowsModel:
    """Its rejected rows, in the order of the file; of one rule or column only, if that is named."""
    file = caller.file(file_id)
    mask = caller.mask(file.feed)
    page = rejected_page(
        caller.runtime, file, mask, rule=rule, column=column, after=cursor, limit=limit
    )
    further = None if page.further is None else str(page.further)
    items = tuple(map(RejectedRowModel.of, page.rows))
    return RejectedRowsModel(items=items, next=link_next(request, response, further))


@router.get("/{file_id}/receipt", responses=responses(404, 409, 422))
def get_receipt(caller: Viewer, file_id: FileId) -> ReceiptModel:
    """What its sender is told, with the broken rules and how to fix each."""
    file = caller.file(file_id)
    return ReceiptModel.of(receipt_of(caller.runtime, file, caller.mask(file.feed)))


@router.get(
    "/{file_id}/rejected.csv",
    response_class=StreamingResponse,
    responses=responses(404, 422, media_type="text/csv"),
)
def get_rejects_csv(caller: Viewer, file_id: FileId) -> StreamingResponse:
    """Its rejected rows as a CSV to correct. Where values are hidden it is no correction: `_file`
    is left out."""
    file = caller.file(file_id)
    opened = rejects_csv(caller.runtime, file, caller.mask(file.feed))
    return StreamingResponse(
        streamed(opened), media_type="text/csv", headers=_attachment(f"{file.file_id}.rejected.csv")
    )


@router.get(
    "/{file_id}/raw",
    response_class=StreamingResponse,
    responses=responses(404, 409, 422, media_type="application/octet-stream"),
)
def get_raw(caller: Operator, file_id: FileId) -> StreamingResponse:
    """The bytes that were sent. Of a feed with values that are not public only a steward gets
    them."""
    file = caller.file(file_id)
    opened = raw_file(caller.runtime, file, caller.mask(file.feed))
    return StreamingResponse(
        streamed(opened),
        media_type="application/octet-stream",
        headers=_attachment(f"{file.file_id}.raw"),
    )


def detail_of(caller: Caller, file: File) -> FileDetailModel:
    """All that a caller may know of a file."""
    ledger, mask = caller.runtime.ledger, caller.mask(file.feed)
    waits = None
    if file.status is Status.PREPARED and file.feed in caller.runtime.feeds:
        waits = why_waiting(caller.runtime, file.feed)
    others = ledger.files.versions(file.feed, [file.item.key])
    facts = {
        **detail_facts(file, mask),
        "waits_until": None if waits is None else waits.until,
        "waits_why": None if waits is None else waits.reason,
        "timeline": tuple(EventModel.of(each, mask) for each in ledger.timelines.of(file.file_id)),
        "versions": tuple(
            VersionModel(
                file_id=each.file_id,
                sent_at=each.item.sent_at,
                status=each.status,
                outcome=each.outcome,
                in_force=each.in_force,
                superseded_by=each.superseded_by,
            )
            for each in others
            if each.file_id != file.file_id
        ),
        "replies": tuple(map(ReplyModel.of, ledger.replies.of(file.file_id))),
    }
    return FileDetailModel.model_validate(facts)


def file_etag(file: File) -> str:
    """How a file is now, but for who holds it for how long."""
    return etag_of(
        file.file_id, file.status, file.outcome, file.attempt, file.in_force, file.batch_id,
        file.superseded_by, file.done_at, file.reason,
    )  # fmt: skip


def _attachment(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'}
