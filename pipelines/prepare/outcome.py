"""Outcome: what became of a file that was prepared, and why."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pipelines.drift.detector import HeldBackError
from pipelines.feed import Feed
from pipelines.prepare.stage_file import Staged
from pipelines.runtime import Runtime
from schemas import storage_keys
from schemas.contract import Contract
from schemas.drift import Finding
from schemas.errors import DataError, ItemChangedError
from schemas.file import File, Outcome
from schemas.language import joined, translate


def gone(runtime: Runtime, file: File, feed: Feed, error: ItemChangedError) -> File:
    """The file whose bytes were overwritten or removed before they were read: superseded once the
    newer version is known, quarantined if none comes; until then the error is raised again."""
    newer = [
        each
        for each in runtime.ledger.files.versions(file.feed, {file.item.key})
        if each.order() > file.order()
    ]
    if newer:
        reason = translate("it was overwritten by a newer version before it was read")
        return replace(
            file,
            outcome=Outcome.SUPERSEDED,
            superseded_by=newer[-1].file_id,
            reason=reason,
        )
    if file.tries < runtime.limits.attempts:
        raise error
    reason = translate("it was removed or overwritten before it could be read")
    return replace(file, outcome=Outcome.QUARANTINED, reason=reason)


def settled(
    runtime: Runtime,
    file: File,
    feed: Feed,
    contract: Contract,
    raw: Path,
    staged: Staged | DataError,
) -> tuple[File, tuple[Finding, ...]]:
    """The file with its verdict, and its rows in storage; also what differs from the contract."""
    if isinstance(staged, DataError):
        reason: str = staged.render()
        seen = _evidence(raw, contract)
        file = replace(
            file,
            outcome=Outcome.QUARANTINED,
            reason=_joined(reason, seen),
            accounted=staged.accounted,
        )
        return file, staged.drift if isinstance(staged, HeldBackError) else ()
    if len(staged.partitions) > runtime.limits.partitions:
        raise DataError(
            "the file touches {count:,} partitions, more than {most:,}",
            hint="look at the values of its partition column, {column}",
            count=len(staged.partitions),
            most=runtime.limits.partitions,
            column=_partition_name(contract),
        )
    rejects_key = None
    if staged.counts.rejected:
        rejects_key = storage_keys.rejects(file.staged_prefix)
        runtime.storage.put(rejects_key, staged.rejects, is_final=True)
    file = replace(
        file,
        rejects_key=rejects_key,
        contract_version=staged.contract.version,
        accounted=staged.accounted,
    )
    if staged.refusal is not None:
        counts = staged.counts.refused()
        seen = "" if file.corrects else _evidence(raw, contract)
        reason = _joined(staged.refusal, seen)
        file = replace(file, outcome=Outcome.QUARANTINED, counts=counts, reason=reason)
        return file, staged.drift
    if file.corrects is None:
        runtime.ledger.profiles.save(file, staged.profiles)
    keys = staged.keys
    if staged.counts.loaded and not keys:
        keys = (storage_keys.rows(file.staged_prefix),)
        runtime.storage.put(keys[0], staged.rows[0], is_final=True)
    file = replace(
        file,
        outcome=Outcome.PARTLY if staged.counts.rejected else Outcome.ACCEPTED,
        counts=staged.counts,
        staged_keys=keys,
        staged_bytes=staged.size if keys else 0,
        partitions=staged.partitions,
        # The receipt and the timeline tell a loaded file's warnings, a line each.
        reason=joined("\n", staged.warnings) if staged.warnings else None,
    )
    return file, staged.drift


def _evidence(path: Path, contract: Contract) -> str:
    """How a quarantined file differs from what its contract pins; empty if it does not."""
    from pipelines.detect import evidence

    return evidence(path, contract) or ""


def _joined(reason: str, seen: str) -> str:
    return joined("; ", [reason, seen]) if seen else reason


def _partition_name(contract: Contract) -> str:
    return contract.partition.column if contract.partition else "none"
