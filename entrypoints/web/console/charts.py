"""Charts: SVG made here, without a script; the same numbers stand in a table beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from schemas.daily_count import DailyCount

_WIDTH, _HEIGHT, _GAP = 720, 110, 0.25


@dataclass(frozen=True, slots=True)
class Bar:
    """A day's bar: what was loaded below, what was rejected on top of it, hatched."""

    day: str
    x: float
    width: float
    loaded_y: float
    loaded_height: float
    rejected_y: float
    rejected_height: float


def bars(counts: Sequence[DailyCount]) -> list[Bar]:
    """A bar for each day; all are to one scale."""
    most = max((each.rows_loaded + each.rows_rejected for each in counts), default=0) or 1
    step = _WIDTH / max(1, len(counts))
    found = []
    for number, each in enumerate(counts):
        loaded = round(_HEIGHT * each.rows_loaded / most, 1)
        rejected = round(_HEIGHT * each.rows_rejected / most, 1)
        # However few they are, they are seen.
        loaded = max(loaded, 1.0) if each.rows_loaded else 0.0
        rejected = max(rejected, 1.0) if each.rows_rejected else 0.0
        found.append(
            Bar(
                each.day,
                round(number * step, 1),
                round(step * (1 - _GAP), 1),
                _HEIGHT - loaded,
                loaded,
                _HEIGHT - loaded - rejected,
                rejected,
            )
        )
    return found
