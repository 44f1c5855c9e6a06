"""Outcome: what became of a file that was prepared, and why."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from pipelines.drift.detector import HeldBackError
from pipelines.feed import Feed
from pipelines.prepare.stage_file import Staged
from pipelines.runtime import Runtime
from schemas import storage_keys
from schemas.accounted import Accounted
from schemas.contract import Contract
from schemas.drift import Finding
from schemas.errors import DataError, ItemChangedError
from schemas.file import Counts, File, Outcome
from schemas.language import joined, translate
from schemas.limits import Limits


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


@dataclass(frozen=True, kw_only=True, slots=True)
class FileVerdict:
    """What becomes of a file: whether its rows are loaded, how many there are, and why not, or what
    its sender should look at all the same."""

    outcome: Outcome
    counts: Counts = field(default_factory=Counts)
    reason: str | None = None
    warnings: tuple[str, ...] = ()
    drift: tuple[Finding, ...] = ()
    accounted: Accounted | None = None


def verdict_on(
    staged: Staged | DataError,
    contract: Contract,
    raw: Path,
    limits: Limits,
    *,
    is_correction: bool = False,
) -> FileVerdict:
    """The verdict on a file that was staged, or could not be: the same whether it is prepared to be
    loaded or only checked."""
    if isinstance(staged, DataError):
        return FileVerdict(
            outcome=Outcome.QUARANTINED,
            reason=_joined(staged.render(), _evidence(raw, contract)),
            drift=staged.drift if isinstance(staged, HeldBackError) else (),
            accounted=staged.accounted,
        )
    refusal = _too_many_partitions(staged, contract, limits)
    if refusal is None and staged.refusal is not None:
        refusal = _joined(staged.refusal, "" if is_correction else _evidence(raw, contract))
    if refusal is not None:
        return FileVerdict(
            outcome=Outcome.QUARANTINED,
            counts=staged.counts.refused(),
            reason=refusal,
            drift=staged.drift,
            accounted=staged.accounted,
        )
    return FileVerdict(
        outcome=Outcome.PARTLY if staged.counts.rejected else Outcome.ACCEPTED,
        counts=staged.counts,
        warnings=staged.warnings,
        drift=staged.drift,
        accounted=staged.accounted,
    )


def settled(
    runtime: Runtime,
    file: File,
    contract: Contract,
    raw: Path,
    staged: Staged | DataError,
    stored: Stored,
) -> tuple[File, tuple[Finding, ...]]:
    """The file with its verdict, and its rows in storage; also what differs from the contract."""
    is_correction = file.corrects is not None
    found = verdict_on(staged, contract, raw, runtime.limits, is_correction=is_correction)
    file = replace(
        file,
        outcome=found.outcome,
        counts=found.counts,
        # The receipt and the timeline tell a loaded file's warnings, a line each.
        reason=joined("\n", found.warnings) if found.warnings else found.reason,
        accounted=found.accounted,
    )
    if isinstance(staged, DataError):
        return file, found.drift
    file = replace(
        file,
        rejects_key=stored.rejects(file, staged) if staged.counts.rejected else None,
        contract_version=staged.contract.version,
    )
    if found.outcome is Outcome.QUARANTINED:
        return file, found.drift
    if not is_correction:
        stored.profiles(file, staged)
    keys = stored.rows(file, staged) if staged.counts.loaded else ()
    file = replace(
        file,
        staged_keys=keys,
        staged_bytes=staged.size if keys else 0,
        partitions=staged.partitions,
    )
    return file, found.drift


def _too_many_partitions(staged: Staged, contract: Contract, limits: Limits) -> str | None:
    if len(staged.partitions) <= limits.partitions:
        return None
    return DataError(
        "the file touches {count:,} partitions, more than {most:,}",
        hint="look at the values of its partition column, {column}",
        count=len(staged.partitions),
        most=limits.partitions,
        column=_partition_name(contract),
    ).render()


def _evidence(path: Path, contract: Contract) -> str:
    """How a quarantined file differs from what its contract pins; empty if it does not."""
    from pipelines.detect import evidence

    return evidence(path, contract) or ""


def _joined(reason: str, seen: str) -> str:
    return joined("; ", [reason, seen]) if seen else reason


def _partition_name(contract: Contract) -> str:
    return contract.partition.column if contract.partition else "none"
