"""Tidying: rows that are not data are passed over, whatever the file's format."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.parse.chunk import Chunk
from schemas.dialect import Dialect


def tidied(chunks: Iterator[Chunk], names: Sequence[str], dialect: Dialect) -> Iterator[Chunk]:
    """The chunks without blank rows, repetitions of the header, totals and the footer."""
    kept = (_kept(chunk, names, dialect) for chunk in chunks)
    yield from _without_footer(kept, dialect.footer) if dialect.footer else kept


def _kept(chunk: Chunk, names: Sequence[str], dialect: Dialect) -> Chunk:
    if not chunk.cells.num_rows or not names:
        return chunk
    first = pc.fill_null(chunk.cells.column(0), "")
    trimmed = pc.utf8_trim_whitespace(first)
    drop = _all_equal(chunk, trimmed, [""] * len(names))
    if dialect.header == 1:
        drop |= _all_equal(chunk, trimmed, names)
    if dialect.totals:
        drop |= _flags(pc.match_substring_regex(first, dialect.totals))
    return chunk.keep(~drop)


def _all_equal(
    chunk: Chunk, first: pa.ChunkedArray, wanted: Sequence[str]
) -> npt.NDArray[np.bool_]:
    """Which rows have just these cells; the first column (trimmed) decides mostly."""
    same = _flags(pc.equal(first, wanted[0]))
    for index, cell in enumerate(wanted[1:], start=1):
        if not same.any():
            break
        column = pc.utf8_trim_whitespace(pc.fill_null(chunk.cells.column(index), ""))
        same &= _flags(pc.equal(column, cell))
    return same


def _flags(mask: pa.ChunkedArray) -> npt.NDArray[np.bool_]:
    flags: npt.NDArray[np.bool_] = mask.to_numpy().astype(np.bool_)
    return flags


def _without_footer(chunks: Iterator[Chunk], count: int) -> Iterator[Chunk]:
    """The chunks less the file's last rows, readable or not."""
    held: deque[Chunk] = deque()
    for chunk in chunks:
        held.append(chunk)
        while sum(each.rows for each in held) - held[0].rows >= count:
            yield held.popleft()
    places = sorted(
        place
        for each in held
        for place in (*each.lines.tolist(), *(row.line for row in each.ragged))
    )
    if len(places) <= count:
        return
    first = places[-count]
    for each in held:
        ragged = tuple(row for row in each.ragged if row.line < first)
        yield replace(each.keep(each.lines < first), ragged=ragged)
