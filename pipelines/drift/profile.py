"""Profile: what the values of a column look like, kept of each file, and whether their scale
changed."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import median
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.drift.padding import lost_width, width_of
from schemas.contract import Column, Type
from schemas.drift import Profile

NUMBERS = (Type.INT64, Type.FLOAT64, Type.NUMERIC, Type.BIGNUMERIC)


_MAX_SHAPES, _MAX_VALUES, _MAX_TEXTS, _A_CHUNK = 20, 4096, 512, 512


_ENOUGH_FILES, ENOUGH_ROWS = 3, 20


class Watch:
    """Samples a column's values chunk by chunk; memory stays the same however many come. Of a key,
    whose values are each another, no more is wanted than how wide its codes are."""

    def __init__(self, column: Column, *, is_key: bool = False) -> None:
        self.is_number = column.type in NUMBERS and not column.repeated
        self._is_key = is_key
        self._values: list[float] = []
        self._texts: list[str] = []
        self._count = 0

    def add(self, values: pa.ChunkedArray, cells: pa.ChunkedArray) -> None:
        """Some values of the column and the cells they were cast from."""
        self._count += len(values) - values.null_count
        if not self.is_number and len(self._texts) >= _MAX_TEXTS:
            return
        if len(values) >= 2 * _A_CHUNK:
            some = pa.array(np.arange(0, len(values), len(values) // _A_CHUNK))
            values, cells = values.take(some), cells.take(some)
        if self.is_number and len(self._values) < _MAX_VALUES:
            numbers = pc.cast(values.drop_null(), pa.float64(), safe=False)
            self._values += numbers.to_pylist()
        if len(self._texts) < _MAX_TEXTS:
            self._texts += [text for text in cells.to_pylist() if text]

    def to_json(self) -> dict[str, Any]:
        """What was sampled, as JSON can say it."""
        return {"count": self._count, "values": self._values, "texts": self._texts}

    def merge(self, facts: Mapping[str, Any]) -> None:
        """Go on with what was sampled after it."""
        self._count += facts["count"]
        if len(self._values) < _MAX_VALUES:
            self._values += facts["values"]
        if len(self._texts) < _MAX_TEXTS:
            self._texts += facts["texts"]

    def profile(self) -> Profile:
        """What was seen."""
        if self._is_key:
            return self.compared()
        shapes = profile_of(self._texts, self._values, self._count)
        return replace(shapes, width=self._width)

    def compared(self) -> Profile:
        """What of it is compared with earlier files: all but the shapes of the texts."""
        return replace(profile_of((), self._values, self._count), width=self._width)

    def lost_width(self, before: Sequence[Profile]) -> int | None:
        """How many digits each code of the earlier files had, if these have lost their leading
        zeros; None if not."""
        known = [each for each in before if each.width is not None and each.count >= ENOUGH_ROWS]
        if self.is_number or len(known) < _ENOUGH_FILES or self._count < ENOUGH_ROWS:
            return None
        return lost_width(self._texts, known)

    @property
    def _width(self) -> int | None:
        return None if self.is_number else width_of(self._texts)


def profile_of(texts: Sequence[str], values: Sequence[float] = (), count: int = 0) -> Profile:
    """The profile of some cells and, for numbers, their values."""
    shapes = Counter(map(shape, texts)).most_common(_MAX_SHAPES)
    finite = [value for value in values if math.isfinite(value)]
    low, middle, high = np.percentile(finite, [25, 50, 75]) if finite else (None, None, None)
    return Profile(
        count=count or len(texts),
        low=None if low is None else float(low),
        median=None if middle is None else float(middle),
        high=None if high is None else float(high),
        shapes={each: round(times / len(texts), 4) for each, times in shapes},
    )


def shape(cell: str) -> str:
    """A cell's shape: letters as `a`, digits as `9`, runs of the same as one; at most 24 signs."""
    letters = re.sub(r"[^\W\d_]+", "a", cell[:80].strip())
    return re.sub(r"\d+", "9", letters)[:24]


def comparable(before: Sequence[Profile]) -> list[Profile]:
    """Those of a column's earlier profiles that its numbers can be compared with; none while they
    are too few."""
    known = [each for each in before if each.median is not None and each.count >= ENOUGH_ROWS]
    return known if len(known) >= _ENOUGH_FILES else []


def changed_scale(now: Profile, before: Sequence[Profile]) -> float | None:
    """By what factor a column's numbers have moved against earlier files; None if they have not.

    Either all quartiles by the same power of ten, beyond anything seen before, or the median far
    outside of the usual spread.
    """
    known = comparable(before)
    if not known or now.count < ENOUGH_ROWS or now.median is None:
        return None
    medians = [each.median or 0.0 for each in known]
    least, most, middle = min(medians), max(medians), median(medians)
    if least <= now.median <= most:
        return None
    usual = (
        median(each.low or 0.0 for each in known),
        middle,
        median(each.high or 0.0 for each in known),
    )
    pairs = list(zip((now.low or 0.0, now.median, now.high or 0.0), usual, strict=True))
    if all(new * old > 0 for new, old in pairs):
        powers = [math.log10(new / old) for new, old in pairs]
        power = round(powers[1])
        if power and all(abs(each - power) < 0.15 for each in powers):
            return 10.0**power
    spread = max(usual[2] - usual[0], most - least, abs(middle) * 0.05)
    if abs(now.median - middle) > 8 * spread and middle:
        return now.median / middle
    return None


def floats(texts: Sequence[str]) -> list[float]:
    """The numbers among texts; what is none is left out."""
    values = []
    for text in texts:
        try:
            values.append(float(text))
        except ValueError:
            continue
    return values
