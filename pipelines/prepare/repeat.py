"""Repeats: files whose bytes their feed has loaded already."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.feed import OnNewVersion
from pipelines.runtime import Runtime
from schemas.batch import WriteMode
from schemas.file import AT_REST, LEFT_OUT, File, Outcome


@dataclass(frozen=True, slots=True)
class Repeat:
    """The file that brought the same bytes, and what that makes of the one that comes again."""

    file_id: str
    outcome: Outcome


def repeated_by(runtime: Runtime, file: File, owner_id: str) -> Repeat | None:
    """The file whose rows are, or will be, in the table and which had these bytes; None if they
    are this file's to load. Then it owns them; `owner_id` is who did after its claim to them.

    Bytes that come back to a key over others are loaded again while those of the version between
    may be, and are answered in any case.
    """
    if owner_id == file.file_id:
        return None
    owners = runtime.ledger.files.many([owner_id])
    if not owners or owners[0].item.key != file.item.key or file.item.sender is not None:
        if owners and _brings_something(runtime, owners[0]):
            runtime.ledger.contents.take(file)
            return None
        return Repeat(owner_id, Outcome.REPEATED)
    between = _between(runtime, owners[0], file)
    replaces = runtime.feeds[file.feed].new_versions is OnNewVersion.REPLACE
    if replaces and any(each.in_force or each.status not in AT_REST for each in between):
        runtime.ledger.contents.take(file)
        return None
    return Repeat(owner_id, Outcome.REPEATED if between else Outcome.UNCHANGED)


def _brings_something(runtime: Runtime, owner: File) -> bool:
    """Whether another delivery of the owner's bytes changes what the table or its freshness shows:
    later files have taken rows of the owner's, or there is nothing that could come twice."""
    if not owner.in_force:
        return False
    if owner.corrects is not None:
        others = runtime.ledger.corrections.active([owner.corrects])
        return any(each.order() > owner.order() for each in others)
    can_take = runtime.feeds[owner.feed].mode is not WriteMode.APPEND
    return (can_take and owner.covered) or not owner.counts.read


def _between(runtime: Runtime, owner: File, file: File) -> list[File]:
    """The versions of the key that came after the owner and before the file, with other bytes."""
    return [
        each
        for each in runtime.ledger.files.versions(file.feed, {file.item.key})
        if owner.order() < each.order() < file.order() and each.outcome not in LEFT_OUT
    ]
