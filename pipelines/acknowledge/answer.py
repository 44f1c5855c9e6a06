"""Answers: everything that is told about a file, gathered from the ledger and from storage."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from pipelines.acknowledge.names import mark_of
from pipelines.acknowledge.receipt import ReceiptInput, answer_of
from pipelines.acknowledge.reply import earlier_receipt
from pipelines.runtime import Runtime
from pipelines.stored_files import fetched
from schemas.file import File
from schemas.receipt import Answer
from schemas.storage_keys import bundle_of, is_shared


def answer_about(
    runtime: Runtime,
    file: File,
    folder: Path,
    stack: ExitStack,
    shared: Path | None = None,
) -> Answer:
    """The answer about a file that is loaded, its documents inside `folder`; what `stack` holds
    must stay open for as long as the answer is used. What lies in storage for many files is fetched
    only once into a folder that they have `shared`."""
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
        mark=mark_of(runtime, file),
    )
    last_of_group = runtime.ledger.files.unfinished_of_group(file) == 0
    return answer_of(case, rejects, contract.dialect, folder, last_of_group, runtime.templates)
