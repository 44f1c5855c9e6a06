"""Fit: whether a line has the shape of the rows around it, so that it can be told from a note."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

ENOUGH = 200
"""How many rows show what rows are like."""
_MOSTLY = 0.9


class Fit(Enum):
    """What a line's own cells say: it is like a row, it is not, or it could be either."""

    ROW = "row"
    NOTE = "note"
    EITHER = "either"


class Shape:
    """What a file's rows are like: how many cells they have, and which columns hold figures
    (numbers, dates, times) in nearly every row."""

    def __init__(self, width: int, rows: Sequence[Sequence[str | None]] = ()) -> None:
        self._width = width
        self._rows = 0
        self._filled = [0] * width
        self._figures = [0] * width
        self._least = width
        self.learn(rows)

    @property
    def has_learnt(self) -> bool:
        """Whether enough rows were seen to know what rows are like."""
        return self._rows >= ENOUGH

    def learn(self, rows: Sequence[Sequence[str | None]]) -> None:
        """See some more rows; those after the first few hundred are not looked at."""
        for row in rows[: ENOUGH - self._rows]:
            filled = [bool(cell and cell.strip()) for cell in row]
            self._rows += 1
            self._least = min(self._least, sum(filled))
            for at, cell in enumerate(row[: self._width]):
                if filled[at]:
                    self._filled[at] += 1
                    self._figures[at] += is_figure(cell or "")

    def fit(self, cells: Sequence[str | None]) -> Fit:
        """Whether a line with these cells is like the rows seen so far."""
        known = [
            is_figure(cell)
            for at, cell in enumerate(cells[: self._width])
            if cell and cell.strip() and self._is_typed(at)
        ]
        if self._width > 1 and len(cells) == 1 and not all(known or [False]):
            return Fit.NOTE
        if known:
            return Fit.ROW if all(known) else Fit.EITHER if any(known) else Fit.NOTE
        filled = sum(bool(cell and cell.strip()) for cell in cells)
        if any(self._is_typed(at) and self._is_full(at) for at in range(self._width)):
            return Fit.NOTE
        if len(cells) != self._width:
            return Fit.NOTE
        return Fit.ROW if filled >= max(self._least, 1) else Fit.EITHER

    def is_certain(self, cells: Sequence[str | None]) -> bool:
        """Whether a line has all cells of a row, and figures where rows have them: nothing but a
        row is so."""
        typed = [at for at in range(self._width) if self._is_typed(at)]
        return len(cells) == self._width and bool(typed) and self.fit(cells) is Fit.ROW

    def may_be(self, cells: Sequence[str | None]) -> bool:
        """Whether a line has a row's cells, some of which may be empty: no cell contradicts its
        column, and more than one is filled."""
        filled = [at for at, cell in enumerate(cells) if cell and cell.strip()]
        if len(cells) != self._width or len(filled) < 2:
            return False
        return all(is_figure(cells[at] or "") for at in filled if self._is_typed(at))

    def _is_typed(self, at: int) -> bool:
        return self._filled[at] > 0 and self._figures[at] >= _MOSTLY * self._filled[at]

    def _is_full(self, at: int) -> bool:
        return self._filled[at] >= _MOSTLY * self._rows


def is_figure(cell: str) -> bool:
    """Whether a cell reads like a number, a date or a time: more digits than letters."""
    digits = sum(char.isdigit() for char in cell)
    return digits > sum(char.isalpha() for char in cell)
