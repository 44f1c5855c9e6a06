"""Versions: which version of a file is in force, and whose rows come back when one leaves.

One rule decides everything: the table is what it would be if only the files in force had been
loaded, in their order. A file is in force from its load until it is unloaded or superseded.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace

from pipelines.feed import Feed, OnNewVersion
from pipelines.load.restage import first_found, restored
from pipelines.runtime import Runtime
from schemas.batch import Batch, BatchKind
from schemas.file import BRINGING, File, Outcome
from schemas.language import joined, moment_said, translate

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
    batch = replace(batch, restored=restored(runtime, batch))
    spoken_of = {file.file_id for file in (*batch.files, *batch.restored)} | set(batch.superseded)
    spoken_of.update(batch.earlier, (each.corrects for each in batch.files if each.corrects))
    return replace(batch, known_since=first_found(runtime, spoken_of))


def with_corrections(runtime: Runtime, batch: Batch) -> Batch:
    """The batch with what it means for corrections: those of a file that leaves or comes again
    leave with it, and one whose file is not in force any more brings nothing."""
    leaving = set(batch.removed)
    found = [
        each for each in runtime.ledger.corrections.active(leaving) if each.file_id not in leaving
    ]
    own = {each.file_id: each.corrects for each in found if each.corrects is not None}
    batch = replace(batch, superseded={**batch.superseded, **own})
    if batch.kind is BatchKind.UNLOAD or not batch.files or batch.files[0].corrects is None:
        return batch
    [file] = batch.files
    [target] = runtime.ledger.files.many([file.corrects or ""])
    if file.outcome in BRINGING and not target.in_force:
        feed = runtime.feeds[batch.feed]
        file = _without_rows(feed, file, target, _GONE)
        return replace(batch, files=(file,))
    others = runtime.ledger.corrections.active([target.file_id])
    gone = {file.file_id, *batch.removed}
    return replace(
        batch, earlier=tuple(each.file_id for each in others if each.file_id not in gone)
    )


def _judged(runtime: Runtime, batch: Batch, feed: Feed) -> Batch:
    """Decide between the versions of each key."""
    judged = {file.file_id: file for file in batch.files}
    keys = {file.item.key for file in batch.files if file.outcome in _TOLD}
    versions: dict[str, list[File]] = defaultdict(list)
    for known in runtime.ledger.files.versions(batch.feed, keys):
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
    sent = moment_said(winner.item.sent_at, "second")
    refused = template is None and feed.new_versions is OnNewVersion.REFUSE
    template = template or (_REFUSED if refused else _OLDER)
    return replace(
        file,
        outcome=Outcome.QUARANTINED if refused else Outcome.SUPERSEDED,
        superseded_by=None if refused else winner.file_id,
        reason=translate(template, version=winner.item.version, sent=sent),
        counts=replace(counts, loaded=0, dropped=counts.dropped + counts.loaded),
        staged_keys=(),
        staged_bytes=None,
        partitions=(),
    )


def _with_note(file: File, standing: File) -> File:
    """The quarantined file, its reason saying whose rows the table keeps."""
    sent = moment_said(standing.item.sent_at, "second")
    return replace(file, reason=joined(". ", [file.reason or "", translate(_STAYS, sent=sent)]))
