"""What the last check of a draft found, as somebody may see it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipelines.operations.masking import HIDDEN, Mask
from schemas.draft import Draft
from schemas.reject import Problem, RejectedRow


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckedRow:
    """What would become of a row: its verdict, what is wrong with it, or what would be loaded."""

    line: int
    member: str | None
    verdict: str
    problems: tuple[Problem, ...]
    values: Mapping[str, str | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownCheck:
    """A check: of which revision, how many rows would load, and what is wrong with the others.
    `is_old` once the draft was changed since."""

    revision: int
    at: datetime
    is_old: bool
    rows: int
    would_load: int
    still_wrong: int
    left_out: int
    refusal: str | None
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    lines: tuple[CheckedRow, ...]


def shown_check(draft: Draft | None, mask: Mask) -> ShownCheck | None:
    """The last check of a draft; None if there was none. Sentences that may quote a row are hidden
    from who may not see all values."""
    if draft is None or draft.checked is None:
        return None
    found = draft.checked
    refusal = found["refusal"]
    return ShownCheck(
        revision=found["revision"],
        at=datetime.fromisoformat(found["at"]),
        is_old=found["revision"] != draft.revision,
        rows=found["rows"],
        would_load=found["would_load"],
        still_wrong=found["still_wrong"],
        left_out=found["left_out"],
        refusal=HIDDEN if refusal is not None and mask.hides else refusal,
        warnings=tuple(HIDDEN if mask.hides else each for each in found["warnings"]),
        notes=tuple(found["notes"]),
        lines=tuple(_row(each, mask) for each in found["lines"]),
    )


def _row(found: Mapping[str, Any], mask: Mask) -> CheckedRow:
    row = RejectedRow(
        line=found["line"],
        raw="",
        problems=tuple(Problem(**each) for each in found.get("problems", ())),
        member=found["member"],
        params=None if found.get("params") is None else json.dumps(found["params"]),
    )
    values = found.get("values", {})
    return CheckedRow(
        line=row.line,
        member=row.member,
        verdict=found["verdict"],
        problems=mask.problems(row),
        values={
            name: HIDDEN if value is not None and mask.hides_column(name) else value
            for name, value in values.items()
        },
    )
