"""Restage: rows of earlier files that come back when a file leaves, staged again if need be."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from pipelines.prepare.correctable import refuse_correction
from pipelines.prepare.corrected import correction_terms
from pipelines.prepare.stage_file import Terms, stage_file
from pipelines.runtime import Runtime
from pipelines.stored_files import fetched
from schemas import storage_keys
from schemas.batch import Batch, BatchKind, WriteMode
from schemas.contract import Contract
from schemas.errors import DataError
from schemas.file import BRINGING, Counts, File


def beneath(runtime: Runtime, batch: Batch) -> list[File]:
    """The files in force whose rows may come back when the batch's leaving files are gone.

    What a file that leaves had taken out is looked up in the warehouse's records; a file found
    there that is not in force any more had taken out others in its turn.
    """
    found: dict[str, File] = {}
    if batch.kind is BatchKind.UNLOAD:
        for older in runtime.ledger.files.superseded_by(batch.removed):
            if older.outcome in BRINGING and batch.heir_of(older) is None:
                found[older.file_id] = older
    if runtime.feeds[batch.feed].mode is not WriteMode.APPEND:
        seen = {*batch.removed, *(file.file_id for file in batch.files), *found}
        frontier = set(batch.removed)
        while frontier:
            oldest = first_found(runtime, frontier)
            new = set(runtime.warehouse.files_replaced_by(batch.table, frontier, oldest)) - seen
            seen |= new
            files = runtime.ledger.files.many(new)
            found |= {file.file_id: file for file in files if file.in_force}
            frontier = new - found.keys()
    # Lines of another correction of the same file come back as that is applied again.
    corrected = {
        each.corrects for each in runtime.ledger.files.many(batch.removed) if each.corrects
    }
    return sorted(
        (file for file in found.values() if file.corrects not in corrected), key=File.order
    )


def restored(runtime: Runtime, batch: Batch) -> tuple[File, ...]:
    """The files whose rows come back as those of the batch are removed."""
    if not batch.removed:
        return ()
    files = beneath(runtime, batch)
    lost = [file for file in files if not can_come_back(runtime, file)]
    if lost and not all(file.may_lose for file in batch.files):
        raise DataError(
            "rows of {count:,} files, such as {name}, would come back from under rows that leave"
            " with this file, and cannot: their raw files are not in storage any more",
            hint="drop those files again first; or, to do without their rows:"
            " waybill retry {file} --without-rows-beneath",
            count=len(lost),
            name=lost[0].item.name,
            file=batch.files[0].file_id,
        )
    again = (_restaged(runtime, file, batch) for file in files if file not in lost)
    return tuple(file for file in again if file.staged_keys)


def can_come_back(runtime: Runtime, file: File) -> bool:
    """Whether the file's rows, or its raw bytes, are still in storage."""
    raw = file.landing_key is not None and runtime.storage.exists(file.landing_key)
    return file.feed in runtime.feeds and (raw or _is_staged(runtime, file))


def _is_staged(runtime: Runtime, file: File) -> bool:
    keys = file.staged_keys
    return bool(keys) and all(runtime.storage.exists(key) for key in keys)


def terms_again(runtime: Runtime, file: File, contract: Contract, raw: Path) -> Terms:
    """What a file is staged by again, from its raw bytes. Rules that move with the time are counted
    from when it came. Raises DataError for a correction that could not be applied again."""
    if file.corrects is None:
        feed = runtime.feeds[file.feed]
        return Terms.of(file.file_id, feed, contract, runtime.limits, file.discovered_at)
    [target] = runtime.ledger.files.many([file.corrects])
    refuse_correction(runtime, target, file)
    return correction_terms(runtime, file, target, raw, lambda: None)


def _restaged(runtime: Runtime, file: File, batch: Batch) -> File:
    """The file with its rows staged: as they were if they still are and the contract is the same,
    else prepared again from landing, under today's contract."""
    nothing = replace(file, staged_keys=(), partitions=(), counts=Counts())
    feed = runtime.feeds[file.feed]
    contract = runtime.contract_of(feed)
    if file.contract_version == contract.version and _is_staged(runtime, file):
        return file
    if file.landing_key is None or not runtime.storage.exists(file.landing_key):
        # Staged under an older contract is better than nothing.
        return file
    with tempfile.TemporaryDirectory(dir=runtime.work_folder, prefix="again-") as name:
        folder = Path(name)
        raw = fetched(runtime, file.landing_key, folder / "raw")
        try:
            staged = stage_file(raw, terms_again(runtime, file, contract, raw), folder)
        except DataError:
            return nothing
        if staged.refusal is not None or not staged.counts.loaded:
            return nothing
        [rows] = staged.rows
        with rows.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        key = storage_keys.again(batch.batch_id, file.file_id, digest)
        runtime.storage.put(key, rows)
    return replace(file, staged_keys=(key,), partitions=staged.partitions, counts=staged.counts)


def first_found(runtime: Runtime, file_ids: Collection[str]) -> datetime | None:
    """When the first of the files was found; None if that is not known of all."""
    found = [file.discovered_at for file in runtime.ledger.files.many(file_ids)]
    known = [each for each in found if each is not None]
    return min(known, default=None) if len(known) == len(file_ids) else None
