"""Acknowledge: tell the sender what became of a file; only then is it done."""

from __future__ import annotations

import hashlib
import tempfile
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from connectors.crash import crash_point
from pipelines.failure import held
from pipelines.receipt import Case, answer_of
from pipelines.runtime import Runtime, Work
from schemas.errors import DataError
from schemas.file import Event, File, Status
from schemas.receipt import Answer, Message


def acknowledge(runtime: Runtime, file_id: str) -> list[Work]:
    """Answer the sender of one loaded file and mark its original; nothing if it is not due.

    Repeating it writes the same documents and sends a mail with the same Message-ID.
    """
    file = runtime.ledger.claim(file_id, Status.LOADED, runtime.owner, runtime.limits.lease_seconds)
    if file is None:
        return []
    crash_point("acknowledge.claimed")
    with held(runtime, file, "acknowledge") as check, ExitStack() as stack:
        started = time.monotonic()
        folder = Path(
            stack.enter_context(
                tempfile.TemporaryDirectory(dir=runtime.work_folder, prefix="acknowledge-")
            )
        )
        answer = _answer(runtime, file, folder, stack)
        told = _reply(runtime, file, answer)
        crash_point("acknowledge.mailed")
        runtime.sources[file.source].acknowledge(file.item, answer)
        crash_point("acknowledge.told")
        check()
        now = runtime.now()
        event = Event(
            file_id=file_id,
            at=now,
            step="acknowledge",
            outcome="told",
            seconds=time.monotonic() - started,
            message=told,
        )
        runtime.ledger.advance(replace(file, status=Status.DONE, done_at=now), event)
        crash_point("acknowledge.done")
        if not answer.last_of_group and runtime.ledger.unfinished_of_group(file) == 0:
            # The rest of the group was acknowledged at the same time, and saw this file unfinished.
            last = replace(answer, last_of_group=True)
            runtime.sources[file.source].acknowledge(file.item, last)
    return []


def _answer(runtime: Runtime, file: File, folder: Path, stack: ExitStack) -> Answer:
    feed = runtime.feeds[file.feed]
    contract = runtime.contract_of(feed)
    rejects = None
    if file.rejects_key is not None:
        rejects = stack.enter_context(_local(runtime, file.rejects_key, folder).open("rb"))
    case = Case(
        file=file,
        feed=feed,
        table=runtime.warehouse.table_id(contract),
        loaded_at=runtime.now(),
        sightings=runtime.ledger.sightings(file.file_id),
        examples=runtime.limits.receipt_examples,
    )
    last_of_group = runtime.ledger.unfinished_of_group(file) == 0
    return answer_of(case, rejects, contract.dialect, folder, last_of_group, runtime.templates)


def _local(runtime: Runtime, key: str, folder: Path) -> Path:
    """A local copy of a stored object: Parquet is read from its end."""
    path = folder / "rejects.parquet"
    with runtime.storage.open(key) as stream, path.open("wb") as copy:
        while block := stream.read(1024 * 1024):
            copy.write(block)
    return path


def _reply(runtime: Runtime, file: File, answer: Answer) -> str:
    """Mail the receipt to a sender who has an address; says what was done."""
    if file.item.sender is None:
        return "receipt left at the source"
    if file.quiet:
        return "receipt renewed; its sender is not told again"
    if runtime.notifier is None:
        return f"no reply to {file.item.sender}: no outgoing mail is configured"
    named = hashlib.sha256(f"{file.file_id}.{file.batch_id}".encode()).hexdigest()[:24]
    subject = file.item.detail.get("subject") or file.item.name
    try:
        runtime.notifier.send(
            Message(
                message_id=f"<receipt.{named}@waybill>",
                to=file.item.sender,
                subject=subject if subject.lower().startswith("re:") else f"Re: {subject}",
                text=answer.text,
                in_reply_to=file.item.detail.get("message_id"),
                attachments=tuple(
                    (file.item.name + document.suffix, document)
                    for document in answer.documents
                    if document.suffix.endswith(".rejected.csv")
                ),
            )
        )
    except DataError as error:
        return f"the mail server refused the reply to {file.item.sender}: {error.message}"
    return f"receipt mailed to {file.item.sender}"
