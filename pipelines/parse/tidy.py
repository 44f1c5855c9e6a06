"""Tidying: lines that are no rows are passed over, each for a reason that it shows itself.

What could be a row as well is never guessed: it is rejected by name, so that somebody can say which
it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.parse.chunk import Chunk
from pipelines.parse.doubt import Names
from pipelines.parse.footer import without_footer
from pipelines.parse.repeats import repeated
from pipelines.parse.subtotals import Subtotals
from pipelines.parse.totals import (
    Sums,
    amount_of,
    amounts_of,
    first_filled,
    has_words,
    matching,
    may_be_total,
)
from schemas.dialect import Dialect
from schemas.reject import RejectedRow

UNDECLARED = "{value} looks like a total, and it is not agreed whether it is one"
UNEQUAL = "{value} looks like a total, but its numbers do not add up the rows above it"


def tidied(
    chunks: Iterator[Chunk],
    names: Sequence[str],
    dialect: Dialect,
    heads: Sequence[Sequence[str]] = (),
) -> Iterator[Chunk]:
    """The chunks without blank rows, repetitions of the header's lines (`heads`), totals and the
    footer, all of which they count; what looks like one of these and may be a row is rejected."""
    words = Names(names, dialect)
    kept = map(_Tidy(words, heads).kept, chunks)
    yield from without_footer(kept, words) if dialect.footer else kept


class _Tidy:
    """Goes through a file's chunks in their order."""

    def __init__(self, words: Names, heads: Sequence[Sequence[str]]) -> None:
        self._words, self._dialect = words, words.dialect
        # A title above the names of one column is not told from a row of that column.
        self._heads = [
            head
            for head in heads
            if len(words.names) == 1 or len(heads) == 1 or sum(map(bool, map(str.strip, head))) > 1
        ]
        self._sums = Sums(len(words.names), words.dialect.numbers)
        self._subtotals = Subtotals(len(words.names), words.dialect)

    def kept(self, chunk: Chunk) -> Chunk:
        """The chunk's rows, less the lines that are none."""
        if not chunk.rows or not self._words.names:
            return chunk
        first = first_filled(chunk)
        blank = _is(first, "")
        again = repeated(chunk.cells, self._heads) & ~blank
        gone = blank | again
        if gone.any():
            chunk = chunk.keep(~gone).passing(
                blank=int(blank.sum()), repeated_header=int(again.sum())
            )
            first = first.filter(pa.array(~gone))
        if not chunk.rows or not (self._dialect.totals or has_words(self._dialect.format)):
            return chunk
        return self._without_totals(chunk, first)

    def _without_totals(self, chunk: Chunk, first: pa.Array) -> Chunk:
        dialect = self._dialect
        named = set(matching(first, dialect.totals).tolist())
        looks = named | set(may_be_total(first).tolist() if has_words(dialect.format) else ())
        if looks and dialect.rows_like:
            looks -= set(matching(first, dialect.rows_like).tolist())
        if dialect.totals:
            also = self._subtotals.look(chunk, first, looks)
            return self._judged(chunk, sorted(looks), named, also)
        return self._words.rejecting(chunk, [(at, UNDECLARED) for at in sorted(looks)], "total")

    def _judged(
        self, chunk: Chunk, looks: Sequence[int], named: set[int], also: Sequence[int]
    ) -> Chunk:
        """The chunk without the totals among the rows that look like some, and without those that
        may `also` be some; the sums go on."""
        amounts = amounts_of(chunk, self._dialect.numbers)
        ragged = {row.line: row for row in chunk.ragged if self._is_named(row)}
        at_line = {int(chunk.lines[at]): at for at in (*looks, *also)}
        later = set(also)
        passed: set[int] = set()
        told: list[tuple[int, str]] = []
        begin = 0
        for line in sorted({*ragged, *at_line}):
            at = at_line.get(line, int(np.searchsorted(chunk.lines, line)))
            self._sums.add([column[begin:at] for column in amounts])
            begin = at + (line in at_line)
            cells: Sequence[str | None] = (
                [column[at].as_py() for column in chunk.cells.columns]
                if line in at_line
                else self._words.cells_of(ragged[line])
            )
            if line in at_line and at in later:
                is_total = self._subtotals.is_one(at, cells, self._sums)
                begin = at + is_total  # a row counts in what follows
            else:
                is_total = (line in ragged or at in named) and self._adds_up(cells)
            if is_total:
                passed.add(line)
                self._sums.passed_total()
            elif line in at_line and at not in later:
                told.append((at, UNEQUAL if at in named else UNDECLARED))
        self._sums.add([column[begin:] for column in amounts])
        left = tuple(row for row in chunk.ragged if row.line not in passed)
        # The rows' positions are those before any is left out.
        chunk = self._words.rejecting(replace(chunk, ragged=left), told, "total")
        return chunk.keep(~np.isin(chunk.lines, list(passed))).passing(total=len(passed))

    def _adds_up(self, cells: Sequence[str | None]) -> bool:
        """Whether a row that is a total by its words is one by its numbers too, if it has any."""
        agree = self._sums.agree(cells)
        if agree is not None:
            return agree
        return not any(amount_of(cell or "", self._dialect.numbers) for cell in cells)

    def _is_named(self, row: RejectedRow) -> bool:
        """Whether a row with too few or too many cells is one of totals by its words."""
        if any(problem.rule != "columns" for problem in row.problems):
            return False
        cells = self._words.cells_of(row)
        first = pa.array([next((cell.strip() for cell in cells if cell.strip()), "")], pa.string())
        named = len(matching(first, self._dialect.totals))
        return bool(named and not len(matching(first, self._dialect.rows_like)))


def _is(cells: pa.Array, text: str) -> npt.NDArray[np.bool_]:
    flags = pc.equal(cells, text).to_numpy(zero_copy_only=False)
    found: npt.NDArray[np.bool_] = flags.astype(np.bool_)
    return found
