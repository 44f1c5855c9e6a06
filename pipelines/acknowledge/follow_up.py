"""Follow-up: when rejected rows have come corrected, the receipt of the file they belong to is made
again, and its sender told, in the sender's language.

The correction's own task does it, before that file is done: so it is owed like any answer, and what
is repeated after a crash is the same documents and a mail of the same Message-ID.
"""

from __future__ import annotations

import hashlib
import tempfile
from contextlib import ExitStack
from pathlib import Path

from connectors.failpoints import crash_point
from pipelines.acknowledge.addressee import addressee
from pipelines.acknowledge.answer import answer_about
from pipelines.acknowledge.leave import leave
from pipelines.acknowledge.links import links_of
from pipelines.acknowledge.reply import planned_follow_up, send_reply
from pipelines.acknowledge.stale import stale_rejects, withdraw_stale, without_rejects
from pipelines.runtime import Runtime
from schemas.errors import BusyError, ItemChangedError
from schemas.file import BRINGING, File, Status
from schemas.receipt import Answer

_TOLD_SOON = frozenset({Status.LOADED, Status.ACKNOWLEDGING})


def follow_up(runtime: Runtime, correction: File) -> None:
    """Tell of what a correction has brought to the file that it corrects; nothing for other files,
    and where it was told already. Raises BusyError while that file's own answer is on its way."""
    if correction.corrects is None or correction.outcome not in BRINGING:
        return
    target = next(iter(runtime.ledger.files.many([correction.corrects])), None)
    if target is None or not target.in_force or target.feed not in runtime.feeds:
        return
    if target.status in _TOLD_SOON:
        # Its answer may have been written before these rows were there.
        raise BusyError(f"{target.item.name}, which it corrects, is being answered")
    if target.status is not Status.DONE or target.source not in runtime.sources:
        return
    with (
        tempfile.TemporaryDirectory(dir=runtime.work_folder, prefix="follow-up-") as folder,
        ExitStack() as stack,
    ):
        try:
            link = links_of(runtime, [target]).get(target.file_id)
            answer = answer_about(runtime, target, Path(folder), stack, link=link)
        except FileNotFoundError:
            return  # its rejected rows are not kept any more, so there is nothing to add to
        _mail(runtime, target, correction, answer)
        crash_point("acknowledge.followed")
        try:
            leave(runtime, target, answer)
        except ItemChangedError:
            return  # a newer version lies there, whose receipt it has
        withdraw_stale(runtime, target, stale_rejects(runtime, [target]).get(target.file_id, ()))


def _mail(runtime: Runtime, target: File, correction: File, answer: Answer) -> None:
    """Mail the file's sender, unless they have sent the correction themselves: its own answer tells
    them, as does that of one that is only applied again."""
    if correction.quiet or addressee(target) in (None, addressee(correction)):
        return
    named = f"{target.file_id}.{correction.file_id}.{correction.batch_id}"
    reply_id = hashlib.sha256(named.encode()).hexdigest()[:24]
    if answer.receipt.is_complete:
        answer = without_rejects(answer)
    reply = planned_follow_up(runtime, target, answer, reply_id)
    send_reply(runtime, reply, target, answer).close(runtime)
