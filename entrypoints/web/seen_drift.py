"""A drift as somebody may see it, by a program or on a page."""

from __future__ import annotations

from dataclasses import dataclass

from entrypoints.web.caller import Caller
from pipelines.operations.masking import HIDDEN
from schemas.drift import ContractChange, Drift, DriftKind


@dataclass(frozen=True, slots=True)
class SeenDrift:
    """A drift's column, its sentence and its change; dots and none where the holder may not see
    what came out of a file."""

    drift: Drift
    column: str
    summary: str
    change: ContractChange | None


def seen_drift(drift: Drift, caller: Caller, language: str = "en") -> SeenDrift:
    """A drift as the caller may see it, its sentence in a language."""
    finding, mask = drift.finding, caller.mask(drift.feed)
    # The header of a column that no contract knows may be a value: a file without a header.
    is_known = finding.kind is not DriftKind.NEW or not mask.hides
    known = (finding.column, finding.cell) if is_known else ()
    said = mask.sentence(finding.render(language), known, False)
    change = finding.change if is_known else None
    return SeenDrift(drift, finding.column if is_known else HIDDEN, said or "", change)
