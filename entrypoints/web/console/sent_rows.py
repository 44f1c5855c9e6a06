"""Sent rows: what became of the rows of a file that somebody has fixed and sent."""

from __future__ import annotations

from entrypoints.web.console.fates import Fate
from entrypoints.web.console.language import said, say, say_count
from pipelines.operations.long_work import operation_of
from pipelines.operations.masking import Mask
from pipelines.operations.service import workers
from pipelines.runtime import Runtime
from schemas.errors import NotFoundError
from schemas.file import File
from schemas.file_query import UNDER_WAY
from schemas.operation import OperationKind, OperationState


def sent_rows(runtime: Runtime, file: File, mask: Mask, operation_id: str | None) -> Fate | None:
    """How far the rows are that an operation sends; None for an id of none of this file's. `way` as
    long as there is more to come."""
    if operation_id is None:
        return None
    try:
        operation = operation_of(runtime, operation_id)
    except NotFoundError:
        return None
    is_ours = operation.request.get("file_id") == file.file_id
    if operation.kind is not OperationKind.SUBMIT_DRAFT or not is_ours:
        return None
    if operation.state is OperationState.FAILED:
        return Fate("not", "✕", say("The fixed rows could not be sent. Fix them once more."))
    if operation.state is not OperationState.DONE:
        waits = say("No worker is there just now: it waits until one is.")
        is_alone = not any(each.is_alive for each in workers(runtime))
        return Fate("way", "→", say("The fixed rows are on their way."), waits if is_alone else "")
    found = runtime.ledger.files.many([(operation.result or {}).get("file_id", "")])
    if not found:
        return None
    [correction] = found
    if correction.status in UNDER_WAY:
        return Fate("way", "→", say("The fixed rows are on their way."))
    loaded, wrong = correction.counts.loaded, correction.counts.rejected
    if not correction.in_force and not loaded:
        reason = said(mask.sentence(correction.reason))
        return Fate("not", "✕", say("The fixed rows were not loaded."), reason)
    says = say_count(
        loaded, "1 fixed row is in the table.", "{count:,} fixed rows are in the table."
    )
    more = say_count(wrong, "1 is still wrong.", "{count:,} are still wrong.") if wrong else ""
    return Fate("good" if not wrong else "not", "✓", says, more)
