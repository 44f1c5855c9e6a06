"""The footer: lines below the last row, which are passed over only if they are not like rows."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from pipelines.parse.chunk import Chunk
from pipelines.parse.doubt import Names, rows_of
from pipelines.parse.fit import Fit, Shape
from pipelines.parse.totals import matching

EITHER = "{value} stands among the file's last lines, and could be a note below the rows or a row"


@dataclass(frozen=True, slots=True)
class _Last:
    """One of the file's last records: its place, the chunk it is in, and its position there; -1
    for a row that could not be read."""

    place: int
    chunk: int
    at: int


def without_footer(chunks: Iterator[Chunk], words: Names) -> Iterator[Chunk]:
    """The chunks less those of the file's last records (as many as the dialect says) that are not
    like its rows. One that could be either is rejected."""
    count, shape = words.dialect.footer, Shape(len(words.names))
    held: deque[Chunk] = deque()
    rows = 0
    for chunk in chunks:
        held.append(chunk)
        rows += chunk.rows
        while rows - held[0].rows >= count:
            rows -= held[0].rows
            shape.learn(rows_of(held[0]))
            yield held.popleft()
    yield from _ended(list(held), shape, words)


def _ended(held: Sequence[Chunk], shape: Shape, words: Names) -> Iterator[Chunk]:
    last = sorted(_lasts(held), key=lambda each: each.place)[-words.dialect.footer :]
    if not last:
        yield from held
        return
    for chunk in held:
        shape.learn(rows_of(chunk.keep(chunk.lines < last[0].place)))
    notes: set[int] = set()
    doubts: set[int] = set()
    for each in reversed(last):
        fit = _fit(held[each.chunk], each, shape, words)
        if fit is Fit.ROW:
            break
        (notes if fit is Fit.NOTE else doubts).add(each.place)
    for number, chunk in enumerate(held):
        told = [(each.at, EITHER) for each in last if each.chunk == number and each.place in doubts]
        left = words.rejecting(chunk, [(at, said) for at, said in told if at >= 0], "footer")
        ragged = tuple(row for row in left.ragged if row.line not in notes)
        keep = ~np.isin(left.lines, list(notes))
        gone = len(left.ragged) - len(ragged) + int((~keep).sum())
        yield replace(left.keep(keep), ragged=ragged).passing(footer=gone)


def _lasts(held: Sequence[Chunk]) -> Iterator[_Last]:
    for number, chunk in enumerate(held):
        for at, place in enumerate(chunk.lines.tolist()):
            yield _Last(int(place), number, at)
        for row in chunk.ragged:
            yield _Last(row.line, number, -1)


def _fit(chunk: Chunk, each: _Last, shape: Shape, words: Names) -> Fit:
    cells: Sequence[str | None]
    if each.at < 0:
        row = next(row for row in chunk.ragged if row.line == each.place)
        if any(problem.rule != "columns" for problem in row.problems):
            # What cannot be read may have been a row.
            return Fit.ROW
        cells = words.cells_of(row)
    else:
        cells = [column[each.at].as_py() for column in chunk.cells.columns]
    filled = [cell.strip() for cell in cells if cell and cell.strip()]
    first = pa.array([filled[0] if filled else ""], pa.string())
    if len(matching(first, words.dialect.rows_like)):
        return Fit.ROW
    fit = shape.fit(cells)
    if fit is Fit.NOTE and not _reads_as_note(filled, len(cells) == len(words.names)):
        return Fit.EITHER
    return fit


_ENDS = re.compile(r"(?i)(?:end|eof|fin|fine|ende|fim|koniec|total|totals|[^\w\s]+)[.:!]?")


def _reads_as_note(filled: Sequence[str], is_full: bool) -> bool:
    """Whether a line of no row's shape reads as a note: words, or one that says that it is the end.

    A row that lacks its numbers, or that was cut off, has no row's shape either. Where a line has a
    cell for every column and more than one of them is filled, it may be such a row.
    """
    if is_full and len(filled) > 1:
        return False
    return not filled or " " in filled[0] or bool(_ENDS.fullmatch(filled[0]))
