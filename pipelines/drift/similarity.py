"""Similarity: which types a column's cells fit, and how alike two columns are."""

from __future__ import annotations

import difflib
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from statistics import median

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.cast import cast_chunk
from pipelines.drift.profile import ENOUGH_ROWS, NUMBERS, floats, profile_of
from pipelines.parse import Chunk
from pipelines.parse.names import folded
from schemas.contract import Column, Contract, Type
from schemas.dialect import Dialect
from schemas.drift import Profile

_CANDIDATES = (
    Type.INT64, Type.NUMERIC, Type.FLOAT64, Type.BOOL,
    Type.DATE, Type.DATETIME, Type.TIMESTAMP, Type.TIME,
)  # fmt: skip
_FORMATS = {
    Type.DATE: ("%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y%m%d"),
    Type.DATETIME: ("%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M:%S",
                    "%m/%d/%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M"),
}  # fmt: skip
_ISO = {
    Type.DATE: ("%Y-%m-%d",),
    Type.DATETIME: ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M"),
}
_LIKELY, _FITS = 0.55, 0.9


def fitting(cells: pa.Array, column: Column, dialect: Dialect) -> float:
    """The share of the cells that are not empty and cast to the column; 0 if all are empty."""
    contract = Contract(
        name="one", version="", table="one", columns=(replace(column, required=False),),
        dialect=dialect,
    )  # fmt: skip
    full = cells.filter(pc.invert(pc.is_in(cells, value_set=pa.array([*dialect.nulls, None]))))
    if not len(full):
        return 0.0
    lines = np.arange(1, len(full) + 1, dtype=np.int64)
    chunk = Chunk(pa.table({column.name: full}), lines, (), lambda indexes: [""] * len(indexes))
    typed = cast_chunk(chunk, {column.name: column.name}, contract)
    return 1.0 - float(typed.bad.sum()) / len(full)


class Reading:
    """The type of a column nobody described: STRING unless every cell says otherwise."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect, self._left, self._any = dialect, list(_CANDIDATES), False

    def add(self, cells: pa.Array) -> None:
        """Some cells of the column."""
        if not self._left or len(cells) == cells.null_count:
            return
        full = cells.filter(pc.invert(pc.is_in(cells, value_set=pa.array([*self._dialect.nulls]))))
        if not len(full):
            return
        self._any = True
        if pc.any(pc.match_substring_regex(full, r"^\s*[+-]?0[0-9]")).as_py():
            # Leading zeros belong to names and codes, not to numbers.
            self._left = [each for each in self._left if each not in NUMBERS]
        self._left = [
            each for each in self._left
            if fitting(full, Column(name="c", type=each), self._dialect) == 1.0
        ]  # fmt: skip

    @property
    def type(self) -> Type:
        """The type found so far."""
        return self._left[0] if self._left and self._any else Type.STRING


def other_reading(cells: Sequence[str], column: Column, dialect: Dialect) -> Column | None:
    """The column as it would have to be for those cells, which it does not take now.

    A date in another format is named only if just one format fits, for days and months must not
    be guessed. None if nothing narrower than text fits and the column is text already.
    """
    if column.repeated:
        return None
    array = pa.array(cells, pa.string())
    if column.type in _FORMATS:
        found = [
            form
            for form in _FORMATS[column.type]
            if fitting(array, replace(column, formats=(form,)), dialect) == 1.0
        ]
        if len(found) == 1:
            before = column.formats or _ISO[column.type]
            return replace(column, formats=(*before, *found))
        if found:
            return None
    wider = {Type.INT64: (Type.NUMERIC, Type.FLOAT64), Type.NUMERIC: (Type.NUMERIC,)}
    for each in (*wider.get(column.type, ()), Type.STRING):
        plain = replace(column, type=each, precision=None, scale=None, max_length=None)
        if plain != column and fitting(array, plain, dialect) == 1.0:
            return plain
    return None


def likely_rename(
    cell: str,
    cells: pa.Array,
    column: Column,
    dialect: Dialect,
    before: Sequence[Profile],
) -> float | None:
    """How likely a header cell is the column under another name; None if it is not likely.

    Its cells must fit the column. Then the names count as much as the look of the values, which
    the profiles of earlier files tell; without those, a type narrower than text counts a little.
    """
    fits = fitting(cells, column, dialect)
    names = max(_near(cell, name) for name in (column.name, *column.headers))
    full = [text for text in cells.to_pylist() if text]
    if not full:
        return names if names > 0.7 else None
    if fits < _FITS:
        return None
    looks = 0.3 if column.type is Type.STRING else 0.6
    if before:
        now = profile_of(
            full, floats(full) if column.type in NUMBERS and not column.repeated else ()
        )
        few = sum(each.count for each in before) < ENOUGH_ROWS
        looks = max(_alike(now, before), looks if few else 0.0)
    score = (names + looks) / 2
    return score if score >= _LIKELY else None


def _near(cell: str, name: str) -> float:
    one, other = folded(cell), folded(name)
    if not one or not other:
        return 0.0
    ratio = difflib.SequenceMatcher(None, one, other, autojunk=False).ratio()
    inside = min(len(one), len(other)) >= 3 and (one in other or other in one)
    return max(ratio, 0.7) if inside else ratio


def _alike(now: Profile, before: Sequence[Profile]) -> float:
    """How much of the shapes of earlier files is found again, less where numbers are elsewhere."""
    shares: Counter[str] = Counter()
    for each in before:
        for name, share in each.shapes.items():
            shares[name] += share / len(before)  # type: ignore[assignment]
    same = sum(min(share, shares[name]) for name, share in now.shapes.items())
    medians = [each.median for each in before if each.median]
    if now.median and medians and now.median / median(medians) > 0:
        same *= max(0.0, 1 - abs(math.log10(now.median / median(medians))))
    return same
