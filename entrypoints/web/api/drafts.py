"""Drafts: rejected rows corrected in place, checked, and submitted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from entrypoints.web.api.caller import Operator
from entrypoints.web.api.draft_models import (
    ChangedModel,
    DraftBody,
    DraftModel,
    EqualBody,
    RevisionBody,
    conflicts_of,
)
from entrypoints.web.api.fields import FileId, Limit, Word
from entrypoints.web.api.operation_models import OperationModel, accepted
from entrypoints.web.api.paging import link_next
from entrypoints.web.api.problems import ProblemError, responses
from pipelines.operations.draft_view import shown_check
from pipelines.operations.draft_work import request_draft_check, submit_draft
from pipelines.operations.drafts import change_draft, discard_draft, draft_page, replace_equal
from schemas.draft import DraftConflictError
from schemas.errors import RefusedError

router = APIRouter(prefix="/files/{file_id}/draft", tags=["corrections"])


@router.get("", responses=responses(404, 409, 422))
def get_draft(
    caller: Operator,
    request: Request,
    response: Response,
    file_id: FileId,
    *,
    rule: Word = None,
    column: Word = None,
    limit: Limit = 50,
    cursor: Annotated[int, Query(ge=0, le=2**53)] = 0,
) -> DraftModel:
    """The rows of a file that are rejected now, what the file's draft has for their cells, and what
    the last check of it found."""
    file = caller.file(file_id)
    mask = caller.mask(file.feed)
    page = draft_page(
        caller.runtime, file, mask, rule=rule, column=column, after=cursor, limit=limit
    )
    further = None if page.further is None else str(page.further)
    check = shown_check(page.draft, mask)
    return DraftModel.of(file_id, page, check, link_next(request, response, further))


@router.patch("", responses=responses(404, 409, 422))
def edit_draft(caller: Operator, file_id: FileId, body: DraftBody) -> ChangedModel:
    """Change cells of rejected rows. A cell that somebody else has changed since it was read is
    answered 409 with what it is now (`conflicts`), and nothing is changed."""
    file = caller.file(file_id)
    changes = [each.change() for each in body.cells]
    draft = _changed(lambda: change_draft(caller.runtime, file, caller.mask(file.feed), changes))
    return ChangedModel(
        draft_id=draft.draft_id if draft.revision else None,
        revision=draft.revision,
        cells=len(changes),
    )


@router.post("/equal", responses=responses(404, 409, 422))
def edit_equal_cells(caller: Operator, file_id: FileId, body: EqualBody) -> ChangedModel:
    """Give every rejected row that has that value in that column another one."""
    file = caller.file(file_id)
    draft, count = _changed(
        lambda: replace_equal(
            caller.runtime, file, caller.mask(file.feed), body.column, body.old, body.new
        )
    )
    return ChangedModel(
        draft_id=None if draft is None else draft.draft_id,
        revision=0 if draft is None else draft.revision,
        cells=count,
    )


@router.post("/check", status_code=202, responses=responses(404, 409, 422))
def check_draft(
    caller: Operator, request: Request, response: Response, file_id: FileId, body: RevisionBody
) -> OperationModel:
    """Let a worker check the draft by the rules of the feed, loading nothing; `GET` of the draft
    tells then what it found, row by row."""
    file = caller.file(file_id)
    operation = request_draft_check(caller.runtime, file, body.revision)
    return accepted(caller, request, response, operation)


@router.post("/submit", status_code=202, responses=responses(404, 409, 422))
def send_draft(
    caller: Operator, request: Request, response: Response, file_id: FileId, body: RevisionBody
) -> OperationModel:
    """Send the rows that the draft changes as a correction of the file. A worker does it, once; the
    operation's result names the file that they became."""
    file = caller.file(file_id)
    operation = submit_draft(caller.runtime, file, body.revision, str(caller.key.role))
    return accepted(caller, request, response, operation)


@router.delete("", status_code=204, responses=responses(404, 409, 422))
def delete_draft(
    caller: Operator,
    file_id: FileId,
    revision: Annotated[int | None, Query(ge=0, le=2**31 - 1)] = None,
) -> None:
    """Throw the draft away."""
    file = caller.file(file_id)
    discard_draft(caller.runtime, file, revision)


def _changed[T](change: Callable[[], T]) -> T:
    try:
        return change()
    except DraftConflictError as error:
        raise ProblemError(
            409,
            "somebody else has changed cells since they were read: nothing is changed",
            "look at `conflicts`, and send the cell's `revision` as it is now",
            more=conflicts_of(error.cells),
        ) from None
    except RefusedError as error:
        raise ProblemError(422, error.message, error.hint) from None
