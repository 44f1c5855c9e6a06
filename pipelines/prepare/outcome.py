"""Outcome: what became of a file that was prepared, and why."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

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


def quarantined(file: File, error: DataError) -> File:
    """The file that cannot be loaded as a whole, for that reason."""
    return replace(
        file,
        outcome=Outcome.QUARANTINED,
        reason=error.render(),
        accounted=error.accounted or file.accounted,
    )


class Stored(Protocol):
    """Puts what was staged of a file where its load and its receipt find it."""

    def rows(self, file: File, staged: Staged) -> tuple[str, ...]:
        """The keys of its good rows, of which there are some."""

    def rejects(self, file: File, staged: Staged) -> str:
        """The key of its bad rows, of which there are some."""

    def profiles(self, file: File, staged: Staged) -> None:
        """Keep what its columns look like."""


@dataclass(frozen=True, slots=True)
class StoredAlone:
    """Puts the rows of one file into objects of its own."""

    runtime: Runtime

    def rows(self, file: File, staged: Staged) -> tuple[str, ...]:
        """Parts of a large file lie in storage already."""
        if staged.keys:
            return staged.keys
        key = storage_keys.rows(file.staged_prefix)
        self.runtime.storage.put(key, staged.rows[0], is_final=True)
        return (key,)

    def rejects(self, file: File, staged: Staged) -> str:
        """One object, also of a large file."""
        key = storage_keys.rejects(file.staged_prefix)
        self.runtime.storage.put(key, staged.rejects, is_final=True)
        return key

    def profiles(self, file: File, staged: Staged) -> None:
        """In the ledger, at once."""
        self.runtime.ledger.profiles.save(file, staged.profiles)


def settled(
    runtime: Runtime,
    file: File,
    contract: Contract,
    raw: Path,
    staged: Staged | DataError,
    stored: Stored,
) -> tuple[File, tuple[Finding, ...]]:
    """The file with its verdict, and its rows in storage; also what differs from the contract.
    Raises DataError for one that touches too many partitions."""
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
    file = replace(
        file,
        rejects_key=stored.rejects(file, staged) if staged.counts.rejected else None,
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
        stored.profiles(file, staged)
    keys = stored.rows(file, staged) if staged.counts.loaded else ()
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
