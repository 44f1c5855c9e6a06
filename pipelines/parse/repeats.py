"""Repeated headers: rows that name the columns once more, as where files were put together."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.parse.names import folded

type Mask = npt.NDArray[np.bool_]

_ALNUM = np.array([bytes([byte]).isalnum() for byte in range(256)])


def repeated(cells: pa.Table, heads: Sequence[Sequence[str]]) -> Mask:
    """Which rows have just the cells of a header's line, whatever their case and accents."""
    found = np.zeros(cells.num_rows, np.bool_)
    for head in heads:
        likely = _likely(cells, head)
        if len(likely):
            rows = cells.take(pa.array(likely)).to_pydict()
            wanted = [_plain(cell) for cell in head]
            columns = [*rows.values()][: len(head)]
            for at, row in zip(likely, zip(*columns, strict=True), strict=True):
                found[at] |= [_plain(cell or "") for cell in row] == wanted
    return found


def _plain(cell: str) -> str:
    """A cell without case, accents, blanks and byte order marks. Signs stay: A+ is not A-."""
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", cell).casefold())
    return "".join(
        char
        for char in decomposed
        if not char.isspace() and char != "\ufeff" and not unicodedata.combining(char)
    )


def _likely(cells: pa.Table, head: Sequence[str]) -> npt.NDArray[np.int64]:
    """Rows that may repeat the line: a quick look at the column of its longest cell."""
    if len(head) > cells.num_columns or not any(map(folded, head)):
        return np.zeros(0, np.int64)
    at = max(range(len(head)), key=lambda index: len(folded(head[index])))
    column = cells.column(at).combine_chunks()
    near = np.flatnonzero(_begins(column, folded(head[at])[0]))
    if not len(near):
        return near
    some = column.take(pa.array(near))
    mask = pc.fill_null(pc.match_substring_regex(some, _spelled(folded(head[at]))), False)
    found: npt.NDArray[np.int64] = near[mask.to_numpy(zero_copy_only=False).astype(np.bool_)]
    return found


def _begins(column: pa.Array, letter: str) -> Mask:
    """Which cells begin with a letter, whatever its case, or with what may stand before it."""
    _, offsets, data = column.buffers()
    if offsets is None or data is None or not data.size:
        return np.zeros(len(column), np.bool_)
    at = np.frombuffer(offsets, np.int32)[column.offset : column.offset + len(column) + 1]
    first = np.frombuffer(data, np.uint8)[np.minimum(at[:-1], data.size - 1)]
    may = ~_ALNUM
    for each in (letter, letter.upper()):
        may[each.encode()[0]] = True
    found: Mask = may[first] & (np.diff(at) > 0)
    return found


@cache
def _spelled(name: str) -> str:
    """What a cell looks like that folds to a name: its letters, each perhaps with an accent or
    written as a sign of its own, and others between them that fold to nothing."""
    other = r"[^0-9A-Za-z]"
    letters = (f"(?:{re.escape(char)}|[^\\x00-\\x7F]+)" for char in name)
    return f"(?i)^{other}*{f'{other}*'.join(letters)}{other}*$"
