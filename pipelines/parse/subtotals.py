"""Subtotals: rows of totals whose words are not in their first filled cell, such as
`2026-11-03,,Total,300`.

A row may have such a word as a value. So only a row counts that lacks a cell which every row above
it has, besides that its numbers are sums of theirs.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.parse.chunk import Chunk
from pipelines.parse.totals import Sums, matching
from schemas.dialect import Dialect

type _Cells = Sequence[str | None]


class Subtotals:
    """Goes through a file's chunks, and knows which columns every row so far has filled."""

    def __init__(self, width: int, dialect: Dialect) -> None:
        self._dialect = dialect
        self._is_full = np.ones(width, np.bool_)
        self._rows: set[int] = set()
        self._labels: dict[int, int] = {}
        self._lacking: dict[int, list[int]] = {}
        self._next_full = self._is_full

    def look(self, chunk: Chunk, first: pa.Array, but: Collection[int]) -> list[int]:
        """The positions of rows that may be some, `but` those that are looked at as totals
        anyway; `first` are the first filled cells of all."""
        self._is_full = self._next_full
        self._next_full = self._is_full.copy()
        empty = {at: _empties(chunk, at) for at in np.flatnonzero(self._is_full).tolist()}
        some = np.setdiff1d(np.concatenate([*empty.values(), _NONE]), [*but])
        self._labels = self._labelled(chunk, some)
        self._lacking = {}
        for at, places in empty.items():
            for place in places.tolist():
                if place in self._labels:
                    self._lacking.setdefault(place, []).append(at)
                elif place not in but:
                    self._next_full[at] = False
                    break  # a row: what comes behind it lacks nothing that all have
        found = sorted(self._lacking)
        like = matching(first.take(pa.array(found, pa.int64())), self._dialect.rows_like)
        self._rows = {found[each] for each in like.tolist()}
        return found

    def is_one(self, at: int, cells: _Cells, sums: Sums) -> bool:
        """Whether the row at that position is one, with the sums of the rows above it. To be asked
        of each in their order."""
        lacks = [each for each in self._lacking[at] if self._is_full[each]]
        # What stands before the word says of what it is the total.
        label = self._labels[at]
        counted = [None] * label + list(cells[label:])
        if lacks and at not in self._rows and sums.agree(counted):
            return True
        self._is_full[lacks] = self._next_full[lacks] = False
        return False

    def _labelled(self, chunk: Chunk, some: npt.NDArray[np.int64]) -> dict[int, int]:
        """Which of these rows have a cell that is wholly such a word, and in which column."""
        found: dict[int, int] = {}
        if not len(some):
            return found
        rows = pa.array(some)
        for at, column in enumerate(chunk.cells.columns):
            cells = pc.utf8_trim_whitespace(pc.fill_null(column.take(rows).combine_chunks(), ""))
            for each in matching(cells, self._dialect.totals).tolist():
                found.setdefault(int(some[each]), at)
        return found


_NONE = np.zeros(0, np.int64)


def _empties(chunk: Chunk, at: int) -> npt.NDArray[np.int64]:
    """Where a column is empty, but for blanks."""
    cells = chunk.cells.columns[at].combine_chunks()
    flags = pc.match_substring_regex(pc.fill_null(cells, ""), r"^\s*$")
    return np.flatnonzero(flags.to_numpy(zero_copy_only=False)).astype(np.int64)
