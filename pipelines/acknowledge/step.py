"""Acknowledge: tell the sender what became of a file; only then is it done."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from connectors.failpoints import crash_point
from pipelines.acknowledge.answer import answer_about
from pipelines.acknowledge.decided import sent_again
from pipelines.acknowledge.follow_up import follow_up
from pipelines.acknowledge.leave import answer_to_leave, leave, note_receipts
from pipelines.acknowledge.links import links_of
from pipelines.acknowledge.move import move_original
from pipelines.acknowledge.posts import planned_posts
from pipelines.acknowledge.reply import planned_reply, send_reply
from pipelines.acknowledge.stale import stale_rejects, withdraw_stale
from pipelines.acknowledge.taken_out import tell_taken_out
from pipelines.failure import held
from pipelines.runtime import Runtime, Work
from pipelines.telemetry import timed_step
from schemas.errors import WaybillError
from schemas.file import Status


def acknowledge(runtime: Runtime, file_id: str) -> list[Work]:
    """Answer the sender of one loaded file and mark its original; renew the receipt of one
    that was unloaded; nothing if none is due.

    Repeating it writes the same documents; a mail that is not known to be sent is sent again with
    the same Message-ID.
    """
    file = runtime.ledger.leases.claim(
        file_id, Status.LOADED, runtime.owner, runtime.limits.lease_seconds
    )
    if file is None:
        for unloaded in runtime.ledger.files.many([file_id]):
            tell_taken_out(runtime, unloaded)
        return []
    crash_point("acknowledge.claimed")
    works: list[Work] = []
    moves = runtime.sources[file.source].moves
    with held(runtime, file, "acknowledge") as check, ExitStack() as stack:
        timed = timed_step(runtime, "acknowledge")
        folder = Path(
            stack.enter_context(
                tempfile.TemporaryDirectory(dir=runtime.work_folder, prefix="acknowledge-")
            )
        )
        link = links_of(runtime, [file]).get(file_id)
        answer = answer_to_leave(file, answer_about(runtime, file, folder, stack, link=link))
        reply = planned_reply(runtime, file, answer)
        works = planned_posts(runtime, file, answer.receipt)
        crash_point("acknowledge.replying")
        told = send_reply(runtime, reply, file, answer)
        crash_point("acknowledge.mailed")
        told.close(runtime)
        try:
            leave(runtime, file, answer)
        except WaybillError as error:
            note_receipts(runtime, file.source, error)
            raise
        note_receipts(runtime, file.source)
        withdraw_stale(runtime, file, stale_rejects(runtime, [file]).get(file_id, ()))
        follow_up(runtime, file)
        crash_point("acknowledge.told")
        check()
        now = runtime.now()
        event = timed.event(file_id, "told", message=told.note)
        if moves:
            runtime.ledger.moves.defer(file)
        with runtime.ledger.acts.together():
            runtime.ledger.leases.advance(replace(file, status=Status.DONE, done_at=now), event)
            works += sent_again(runtime, file)
        crash_point("acknowledge.done")
    if moves and runtime.ledger.files.get(file_id).status is Status.DONE:
        move_original(runtime, file)
    return works
