"""Draft work: checking and submitting a draft, which a worker does."""

from __future__ import annotations

from typing import Any

from connectors.failpoints import crash_point
from pipelines.operations.acts import acting
from pipelines.operations.asked import ask_for_work
from pipelines.operations.drafts import changed, draft_at, without_corrected
from pipelines.operations.replay import Progress
from pipelines.runtime import Runtime, Work
from schemas.draft import Draft, DraftChangedError
from schemas.errors import NotFoundError
from schemas.file import File
from schemas.operation import Operation, OperationKind

_TRIES = 5


def request_draft_check(runtime: Runtime, file: File, revision: int | None = None) -> Operation:
    """Ask for the file's draft to be checked. Raises ConflictError if there is none, or if it is
    not at that revision any more."""
    draft = draft_at(runtime, file, revision)
    return ask_for_work(runtime, OperationKind.CHECK_DRAFT, file.feed, _request(draft))


def submit_draft(
    runtime: Runtime, file: File, revision: int | None = None, role: str | None = None
) -> Operation:
    """Submit the file's draft: one transaction ends it and asks for its rows to be sent. `role` is
    what receipts say of who did it. Raises ConflictError if there is no draft, if it is not at that
    revision any more, or if its file takes no corrections now."""
    with runtime.ledger.acts.together():
        draft, rows = without_corrected(runtime, file, draft_at(runtime, file, revision))
        with acting(runtime, "submit_draft", "file", file.file_id, file.feed) as told:
            told.after = {"draft_id": draft.draft_id, "revision": draft.revision, "rows": rows}
            try:
                runtime.ledger.drafts.submit(draft, runtime.actor.who, role)
            except DraftChangedError:
                raise changed() from None
        operation = ask_for_work(runtime, OperationKind.SUBMIT_DRAFT, file.feed, _request(draft))
    crash_point("draft.submitted")
    return operation


def do_check_draft(runtime: Runtime, operation: Operation, told: Progress) -> dict[str, Any]:
    """Check the draft; how many of its rows would load. Raises as `check_draft`."""
    # It brings the rules with it, which no process but a worker needs.
    from pipelines.operations.draft_check import check_draft

    draft = _draft(runtime, operation)
    work = Work("check_draft", draft.file_id)
    return dict(check_draft(runtime, draft, lambda: told(work, 0)))


def do_submit_draft(runtime: Runtime, operation: Operation, told: Progress) -> dict[str, Any]:
    """Send the submitted draft; the id of the file that it became. Raises as `send_draft`."""
    from pipelines.operations.draft_submission import send_draft

    draft = _draft(runtime, operation)
    return {"file_id": send_draft(runtime, draft, is_last=operation.tries >= _TRIES)}


def _request(draft: Draft) -> dict[str, Any]:
    return {"file_id": draft.file_id, "draft_id": draft.draft_id, "revision": draft.revision}


def _draft(runtime: Runtime, operation: Operation) -> Draft:
    try:
        draft = runtime.ledger.drafts.get(operation.request["draft_id"])
    except KeyError:
        raise NotFoundError("the draft is not there any more") from None
    if draft.revision != operation.request["revision"]:
        raise changed()
    return draft
