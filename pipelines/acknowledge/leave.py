"""Leave: the answer about a file at its source, where its sender looks for it."""

from __future__ import annotations

from dataclasses import replace

from pipelines.acknowledge.stale import note_left, without_rejects
from pipelines.runtime import Runtime
from schemas.errors import AwayError, FatalError, ItemChangedError, RetryableError
from schemas.file import File, Outcome
from schemas.receipt import Answer


def answer_to_leave(file: File, answer: Answer) -> Answer:
    """The answer, without documents where nothing was sent: a copy over itself, another key of
    encryption, a touch."""
    return replace(answer, documents=()) if file.outcome is Outcome.UNCHANGED else answer


def leave(runtime: Runtime, file: File, answer: Answer) -> None:
    """Leave the answer at its source, without rejected rows if all have come corrected or the
    file was taken out; whether the
    original may go is asked once its file is done. Where there is no room for it the file waits for
    days (AwayError), and its feed goes on."""
    receipt = answer.receipt
    is_settled = receipt.is_complete or receipt.taken_out is not None
    left = without_rejects(answer) if is_settled else answer
    try:
        runtime.sources[file.source].acknowledge(file.item, replace(left, last_of_group=False))
    except FatalError as error:
        raise AwayError(error.message, hint=error.hint) from error
    note_left(runtime, file, left)


def note_receipts(runtime: Runtime, source: str, error: Exception | None = None) -> None:
    """Note in the ledger whether answers can be left at a source."""
    if isinstance(error, ItemChangedError):
        return
    if error is None:
        runtime.ledger.services.note(f"receipts of {source}")
    elif isinstance(error, RetryableError):
        runtime.ledger.services.note(f"receipts of {source}", error.message)
