"""Acknowledge: tell the sender what became of a file; only then is it done."""

from __future__ import annotations

import tempfile
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from connectors.failpoints import crash_point
from pipelines.acknowledge.answer import answer_about
from pipelines.acknowledge.move import move_original
from pipelines.acknowledge.reply import planned_reply, send_reply
from pipelines.failure import held
from pipelines.runtime import Runtime, Work
from schemas.errors import AwayError, FatalError, ItemChangedError, RetryableError
from schemas.file import Event, File, Outcome, Status
from schemas.receipt import Answer


def acknowledge(runtime: Runtime, file_id: str) -> list[Work]:
    """Answer the sender of one loaded file and mark its original; nothing if it is not due.

    Repeating it writes the same documents; a mail that is not known to be sent is sent again with
    the same Message-ID.
    """
    file = runtime.ledger.leases.claim(
        file_id, Status.LOADED, runtime.owner, runtime.limits.lease_seconds
    )
    if file is None:
        return []
    crash_point("acknowledge.claimed")
    moves = runtime.sources[file.source].moves
    with held(runtime, file, "acknowledge") as check, ExitStack() as stack:
        started = time.monotonic()
        folder = Path(
            stack.enter_context(
                tempfile.TemporaryDirectory(dir=runtime.work_folder, prefix="acknowledge-")
            )
        )
        answer = answer_about(runtime, file, folder, stack)
        if file.outcome is Outcome.UNCHANGED:
            # Nothing was sent: a copy over itself, another key of encryption, a touch.
            answer = replace(answer, documents=())
        reply = planned_reply(runtime, file, answer)
        crash_point("acknowledge.replying")
        told = send_reply(runtime, reply, file, answer)
        crash_point("acknowledge.mailed")
        told.close(runtime)
        # Whether the original may go is asked once this file is done.
        _leave(runtime, file, replace(answer, last_of_group=False))
        crash_point("acknowledge.told")
        check()
        now = runtime.now()
        event = Event(
            file_id=file_id,
            at=now,
            step="acknowledge",
            outcome="told",
            seconds=time.monotonic() - started,
            message=told.note,
        )
        if moves:
            runtime.ledger.moves.defer(file)
        runtime.ledger.leases.advance(replace(file, status=Status.DONE, done_at=now), event)
        crash_point("acknowledge.done")
    if moves and runtime.ledger.files.get(file_id).status is Status.DONE:
        move_original(runtime, file)
    return []


def _leave(runtime: Runtime, file: File, answer: Answer) -> None:
    """Leave the answer at its source. Where there is no room for it the file waits for days, and
    its feed goes on."""
    service = f"receipts of {file.source}"
    try:
        runtime.sources[file.source].acknowledge(file.item, answer)
    except ItemChangedError:
        raise
    except RetryableError as error:
        runtime.ledger.services.note(service, error.message)
        raise
    except FatalError as error:
        runtime.ledger.services.note(service, error.message)
        raise AwayError(error.message, hint=error.hint) from error
    runtime.ledger.services.note(service)
