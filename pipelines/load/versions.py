"""Versions: which version of a file is in force, and whose rows come back when one leaves.

One rule decides everything: the table is what it would be if only the files in force had been
loaded, in their order. A file is in force from its load until it is unloaded or superseded.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from pipelines.feed import Feed, OnNewVersion
from pipelines.prepare.corrected import correction_terms, refuse_correction
from pipelines.prepare.stage_file import Terms, stage_file
from pipelines.runtime import Runtime
from pipelines.stored_files import fetched
from schemas import storage_keys
from schemas.batch import Batch, BatchKind, WriteMode
from schemas.contract import Contract
from schemas.errors import DataError
from schemas.file import BRINGING, Counts, File, Outcome
from schemas.language import joined, say

_OLDER = "version {version}, sent {sent}, is newer and is loaded already"
_REFUSED = "a version of this file, sent {sent}, is loaded already, and the feed takes only one"
_GONE = "the file that it corrects, sent {sent}, is not in the table any more"
_STAYS = "The rows of the version sent {sent} stay in the table"


def settled(runtime: Runtime, batch: Batch) -> Batch:
    """The batch with everything decided about versions: files that are too late or refused bring
    nothing, older versions leave, and what lay under rows that leave is staged again.

    Depends on the ledger and the warehouse alone, which do not change while the batch is open.
    """
    if batch.kind is BatchKind.LOAD:
        batch = _judged(runtime, batch, runtime.feeds[batch.feed])
    batch = with_corrections(runtime, batch)
    batch = replace(batch, under=_under(runtime, batch))
    spoken_of = {file.file_id for file in (*batch.files, *batch.under)} | set(batch.superseded)
    spoken_of.update(batch.earlier, (each.corrects for each in batch.files if each.corrects))
    return replace(batch, known_since=first_found(runtime, spoken_of))


def with_corrections(runtime: Runtime, batch: Batch) -> Batch:
    """The batch with what it means for corrections: those of a file that leaves or comes again
    leave with it, and one whose file is not in force any more brings nothing."""
    leaving = set(batch.leaving)
    found = [each for each in runtime.ledger.corrections(leaving) if each.file_id not in leaving]
    own = {each.file_id: each.corrects for each in found if each.corrects is not None}
    batch = replace(batch, superseded={**batch.superseded, **own})
    if batch.kind is BatchKind.UNLOAD or not batch.files or batch.files[0].corrects is None:
        return batch
    [file] = batch.files
    [target] = runtime.ledger.many([file.corrects or ""])
    if file.outcome in BRINGING and not target.in_force:
        feed = runtime.feeds[batch.feed]
        file = _without_rows(feed, file, target, _GONE)
        return replace(batch, files=(file,))
    others = runtime.ledger.corrections([target.file_id])
    gone = {file.file_id, *batch.leaving}
    return replace(
        batch, earlier=tuple(each.file_id for each in others if each.file_id not in gone)
    )


def first_found(runtime: Runtime, file_ids: Collection[str]) -> datetime | None:
    """When the first of the files was found; None if that is not known of all."""
    found = [file.discovered_at for file in runtime.ledger.many(file_ids)]
    known = [each for each in found if each is not None]
    return min(known, default=None) if len(known) == len(file_ids) else None


def _judged(runtime: Runtime, batch: Batch, feed: Feed) -> Batch:
    """Decide between the versions of each key."""
    judged = {file.file_id: file for file in batch.files}
    keys = {file.item.key for file in batch.files if file.outcome in _TOLD}
    versions: dict[str, list[File]] = defaultdict(list)
    for known in runtime.ledger.versions(batch.feed, keys):
        if known.file_id in judged or known.in_force:
            versions[known.item.key].append(judged.get(known.file_id, known))
    superseded: dict[str, str] = {}
    for same in versions.values():
        bringing = [each for each in same if each.outcome in BRINGING]
        for loser, winner in _losers(feed.new_versions, bringing, judged):
            if loser.in_force:
                superseded[loser.file_id] = winner.file_id
            if loser.file_id in judged:
                judged[loser.file_id] = _without_rows(feed, loser, winner)
        for file in same:
            # Its bytes are in the table by another name; what it lies over is not current.
            if file.file_id in judged and file.outcome is Outcome.REPEATED:
                superseded |= _older_of(feed, file, same)
        standing = [each for each in same if each.in_force and each.file_id not in superseded]
        for file in same:
            if file.outcome is Outcome.QUARANTINED and file.file_id in judged and standing:
                judged[file.file_id] = _with_note(file, standing[-1])
    files = tuple(judged[file.file_id] for file in batch.files)
    return replace(batch, files=files, superseded=superseded)


_TOLD = BRINGING | {Outcome.QUARANTINED, Outcome.REPEATED}


def _older_of(feed: Feed, file: File, versions: list[File]) -> dict[str, str]:
    """The versions in force that one which repeats another file takes the place of."""
    if feed.new_versions is not OnNewVersion.REPLACE:
        return {}
    return {
        each.file_id: file.file_id
        for each in versions
        if each.in_force and each.order() < file.order() and each.file_id != file.repeats
    }


def _losers(
    policy: OnNewVersion, versions: list[File], judged: Mapping[str, File]
) -> Iterable[tuple[File, File]]:
    """The versions that must not bring rows, each with the one that stands in its way."""
    if policy is OnNewVersion.APPEND or len(versions) < 2:
        return []
    if policy is OnNewVersion.REPLACE:
        return [(each, versions[-1]) for each in versions[:-1]]
    first = next((each for each in versions if each.in_force), versions[0])
    return [
        (each, first)
        for each in versions
        if each is not first and each.file_id in judged and not each.in_force
    ]


def _without_rows(feed: Feed, file: File, winner: File, template: str | None = None) -> File:
    """The file as one that brings nothing, with the reason."""
    counts = file.counts
    sent = f"{winner.item.sent_at:%Y-%m-%d %H:%M:%S} UTC"
    refused = template is None and feed.new_versions is OnNewVersion.REFUSE
    template = template or (_REFUSED if refused else _OLDER)
    return replace(
        file,
        outcome=Outcome.QUARANTINED if refused else Outcome.SUPERSEDED,
        superseded_by=None if refused else winner.file_id,
        reason=say(template, version=winner.item.version, sent=sent),
        counts=replace(counts, loaded=0, dropped=counts.dropped + counts.loaded),
        staged_keys=(),
        partitions=(),
    )


def _with_note(file: File, standing: File) -> File:
    """The quarantined file, its reason saying whose rows the table keeps."""
    sent = f"{standing.item.sent_at:%Y-%m-%d %H:%M:%S} UTC"
    return replace(file, reason=joined(". ", [file.reason or "", say(_STAYS, sent=sent)]))


def beneath(runtime: Runtime, batch: Batch) -> list[File]:
    """The files in force whose rows may come back when the batch's leaving files are gone.

    What a file that leaves had taken out is looked up in the warehouse's records; a file found
    there that is not in force any more had taken out others in its turn.
    """
    found: dict[str, File] = {}
    if batch.kind is BatchKind.UNLOAD:
        for older in runtime.ledger.superseded_by(batch.leaving):
            if older.outcome in BRINGING and batch.heir_of(older) is None:
                found[older.file_id] = older
    if runtime.feeds[batch.feed].mode is not WriteMode.APPEND:
        seen = {*batch.leaving, *(file.file_id for file in batch.files), *found}
        frontier = set(batch.leaving)
        while frontier:
            oldest = first_found(runtime, frontier)
            new = set(runtime.warehouse.beneath(batch.table, frontier, oldest)) - seen
            seen |= new
            files = runtime.ledger.many(new)
            found |= {file.file_id: file for file in files if file.in_force}
            frontier = new - found.keys()
    # Lines of another correction of the same file come back as that is applied again.
    corrected = {each.corrects for each in runtime.ledger.many(batch.leaving) if each.corrects}
    return sorted(
        (file for file in found.values() if file.corrects not in corrected), key=File.order
    )


def _under(runtime: Runtime, batch: Batch) -> tuple[File, ...]:
    if not batch.leaving:
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
    [target] = runtime.ledger.many([file.corrects])
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
