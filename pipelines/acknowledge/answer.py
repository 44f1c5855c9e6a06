"""Answers: everything that is told about a file, gathered from the ledger and from storage."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from pipelines.acknowledge.names import mark_of
from pipelines.acknowledge.receipt import ReceiptInput, answer_of
from pipelines.acknowledge.reply import earlier_receipt
from pipelines.runtime import Runtime
from pipelines.stored_files import corrected_lines, fetched
from schemas.batch import BatchKind
from schemas.draft import DRAFT
from schemas.file import File, Status
from schemas.receipt import Answer, CorrectedRows, TakenOut
from schemas.receipt_link import ReceiptLink
from schemas.storage_keys import bundle_of, is_shared


def answer_about(
    runtime: Runtime,
    file: File,
    folder: Path,
    stack: ExitStack,
    shared: Path | None = None,
    link: ReceiptLink | None = None,
    language: str | None = None,
) -> Answer:
    """The answer about a file that is loaded, its documents inside `folder`; what `stack` holds
    must stay open for as long as the answer is used. What lies in storage for many files is fetched
    only once into a folder that they have `shared`. Whoever has the `link` sees all values: only an
    answer for the sender has it. It is in the sender's language, unless another is asked for."""
    feed = runtime.feeds[file.feed]
    contract = runtime.contract_of(feed)
    rejects = None
    if file.rejects_key is not None:
        local = folder / "rejects.parquet"
        if shared is not None and is_shared(file.rejects_key):
            local = shared / f"{bundle_of(file.rejects_key)}.parquet"
        if not local.exists():
            fetched(runtime, file.rejects_key, local)
        rejects = stack.enter_context(local.open("rb"))
    case = ReceiptInput(
        file=file,
        feed=feed,
        table=runtime.warehouse.table_id(contract),
        loaded_at=runtime.now(),
        sightings=runtime.ledger.drifts.sightings(file.file_id),
        examples=runtime.limits.receipt_examples,
        earlier=earlier_receipt(runtime, file),
        contract=contract,
        mark=mark_of(runtime, file),
        link=link,
        spoken=language,
        corrected=_corrected(runtime, file),
        taken_out=_taken_out(runtime, file),
        done=corrected_lines(runtime, file) if file.rows_corrected else (),
    )
    last_of_group = runtime.ledger.files.unfinished_of_group(file) == 0
    return answer_of(case, rejects, contract.dialect, folder, last_of_group, runtime.templates)


def _corrected(runtime: Runtime, file: File) -> tuple[CorrectedRows, ...]:
    """Which files have brought rejected rows of it corrected, and by whom they were sent: a draft
    knows its submitter's role, whatever else came from the sender."""
    if not file.rows_corrected:
        return ()
    roles = {each.draft_id: each.role for each in runtime.ledger.drafts.submitted(file.file_id)}
    return tuple(
        CorrectedRows(
            file_id=each.file_id,
            rows=each.counts.loaded,
            at=each.item.sent_at,
            by=roles.get(each.item.detail.get(DRAFT, "")) or "sender",
        )
        for each in runtime.ledger.corrections.active([file.file_id])
        if each.counts.loaded
    )


def _taken_out(runtime: Runtime, file: File) -> TakenOut | None:
    """When its rows left the table, if a person has unloaded it and it was not loaded since."""
    if file.status is not Status.UNLOADED:
        return None
    events = runtime.ledger.timelines.of(file.file_id)
    left = [each.at for each in events if each.step == BatchKind.UNLOAD]
    return TakenOut(at=max(left, default=runtime.now()), by="operator")
