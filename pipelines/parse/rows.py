"""Rows that come one by one, as from a workbook or JSON Lines, gathered into chunks."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa

from pipelines.parse.chunk import Chunk, listed_raws, without_rows
from pipelines.parse.sheet import Shown
from schemas.accounted import NOTHING, Accounted
from schemas.dialect import Dialect
from schemas.reject import RejectedRow

ROWS = 16 * 1024
_SIZE = 16 * 1024 * 1024

type Row = tuple[int, list[str | None]] | RejectedRow | None
"""A row's line and its cells, or why it has none; None is a blank one."""


def gathered(
    rows: Iterable[Row],
    names: Sequence[str],
    dialect: Dialect,
    top: Accounted | None = None,
    *,
    is_sheet: bool = False,
) -> Iterator[Chunk]:
    """The rows in chunks, which are bounded in rows and in size. `top` accounts for what stands
    above them, if anything does."""
    above = top or NOTHING
    for some in _batches(rows):
        good = [row for row in some if row is not None and not isinstance(row, RejectedRow)]
        blank = some.count(None)
        ragged = tuple(row for row in some if isinstance(row, RejectedRow))
        cells = [cells for _, cells in good]
        columns = list(zip(*cells, strict=True)) if cells else [()] * len(names)
        table = pa.table([pa.array(each, pa.string()) for each in columns], names=list(names))
        lines = np.array([line for line, _ in good], dtype=np.int64)
        accounted = Accounted(lines=len(some), blank=blank) + above
        raws = listed_raws(_Lines(cells, dialect))
        beneath = _beneath(table, columns) if is_sheet else None
        yield Chunk(table, lines, ragged, raws, accounted=accounted, span=accounted.lines,
                    beneath=beneath)  # fmt: skip
        above = NOTHING
    if above.lines or above.others:
        yield without_rows(names, above, above.lines)


def _beneath(table: pa.Table, columns: Sequence[Sequence[str | None]]) -> pa.Table | None:
    """The values beneath what a sheet shows, of the columns in which some cell shows another."""
    found = {
        name: [cell.plain if isinstance(cell, Shown) else cell for cell in column]
        for name, column in zip(table.column_names, columns, strict=True)
        if any(type(cell) is Shown for cell in column)
    }
    if not found:
        return None
    return pa.table({name: pa.array(cells, pa.string()) for name, cells in found.items()})


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    some: list[Row] = []
    size = 0
    for row in rows:
        some.append(row)
        if row is not None:
            size += len(row.raw) if isinstance(row, RejectedRow) else sum(map(_weight, row[1]))
        if len(some) == ROWS or size > _SIZE:
            yield some
            some, size = [], 0
    if some:
        yield some


def _weight(cell: str | None) -> int:
    return 8 + len(cell or "")


class _Lines(Sequence[str]):
    """Rows as lines of the dialect, written when they are asked for."""

    def __init__(self, cells: Sequence[Sequence[str | None]], dialect: Dialect) -> None:
        self._cells, self._dialect = cells, dialect

    def __len__(self) -> int:
        return len(self._cells)

    def __getitem__(self, index: int) -> str:  # type: ignore[override]
        return line_of(self._cells[index], self._dialect)


def line_of(cells: Sequence[str | None], dialect: Dialect) -> str:
    """Cells as one line of delimited text, for files that have no lines of their own."""
    out = io.StringIO()
    delimiter = dialect.delimiter if len(dialect.delimiter) == 1 else ","
    csv.writer(
        out, delimiter=delimiter, quotechar=dialect.quote or '"', lineterminator=""
    ).writerow(["" if cell is None else cell for cell in cells])
    return out.getvalue()
