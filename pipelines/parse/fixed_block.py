"""A block of text of fixed width: its usual lines by Arrow at once, all others one by one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.parse.chunk import Chunk
from pipelines.parse.fixed_line import PADDING, FixedLines
from pipelines.parse.totals import BEGINS_LIKE
from schemas.accounted import Accounted
from schemas.reject import RejectedRow

_LF, _CR = 10, 13

type Positions = npt.NDArray[np.int64]
type Mask = npt.NDArray[np.bool_]


def read_block(block: bytes, line: int, lines: FixedLines) -> Chunk:
    """The rows of a block, which ends in LF and begins on that line."""
    where = _Where(block)
    good, cells = _usual(block, where, lines)
    others = np.flatnonzero(~good)
    if not len(others):
        accounted = Accounted(lines=len(good))
        return _revealed(
            Chunk(cells, np.arange(len(good)) + line, (), where.texts, accounted=accounted),
            block, lines,
        )  # fmt: skip
    return _revealed(_with_others(block, line, lines, where, (good, cells)), block, lines)


class _Where:
    """The lines of a block: where each begins and ends, its line end left out."""

    def __init__(self, block: bytes) -> None:
        self._block, data = block, np.frombuffer(block, np.uint8)
        self.newlines: Positions = np.flatnonzero(data == _LF)
        self.starts: Positions = np.concatenate([[0], self.newlines[:-1] + 1]).astype(np.int64)
        self.starts = self.starts[: len(self.newlines)]
        last = data[np.maximum(self.newlines - 1, 0)]
        self.ends: Positions = self.newlines - ((self.newlines > self.starts) & (last == _CR))

    def text(self, index: int) -> str:
        """One line; bytes that are no text stay told from all characters."""
        return self._block[self.starts[index] : self.ends[index]].decode("utf-8", "surrogateescape")

    def texts(self, indexes: Sequence[int]) -> list[str]:
        """Some lines as they are shown."""
        spans = ((self.starts[index], self.ends[index]) for index in indexes)
        return [self._block[start:end].decode("utf-8", "replace") for start, end in spans]


def _usual(block: bytes, where: _Where, lines: FixedLines) -> tuple[Mask, pa.Table]:
    """Which lines have all columns and nothing else, and the cells of these."""
    count = len(where.newlines)
    is_ascii = block.isascii()
    alone = block.count(b"\r") != block.count(b"\r\n")
    if b"\x00" in block or alone or not (is_ascii or _is_text(block)):
        return np.zeros(count, np.bool_), _table([], lines)
    # Each line with its end, so that they follow each other without a gap.
    bounds = np.concatenate([[0], where.newlines + 1]).astype(np.int32)
    buffers = [None, pa.py_buffer(bounds), pa.py_buffer(block)]
    texts = pa.Array.from_buffers(pa.string(), count, buffers)
    ends = where.newlines - where.ends + 1
    if is_ascii:
        length = where.ends - where.starts
    else:
        length = pc.utf8_length(texts).to_numpy(zero_copy_only=False) - ends
    good: Mask = length >= lines.width
    if lines.dialect.comment:
        begins = pc.starts_with(texts, lines.dialect.comment)
        good = good & ~begins.to_numpy(zero_copy_only=False).astype(np.bool_)
    # A line that is too short is no row here, and its slices would hold its end.
    some = texts if good.all() else texts.filter(pa.array(good))
    plain = np.ones(len(some), np.bool_)
    for begin, end in lines.gaps:
        plain &= _is_blank(_sliced(some, begin, end, is_ascii), PADDING)
    longest = int(length.max())
    if longest > lines.width:
        plain &= _is_blank(_sliced(some, lines.width, longest, is_ascii), PADDING + "\r\n")
    # Only the beginning of a line is looked at, and few lines begin so.
    start = _sliced(some, 0, lines.width, is_ascii)
    begins = pc.match_substring_regex(pc.utf8_ltrim(start, PADDING), BEGINS_LIKE)
    for at in np.flatnonzero(begins.to_numpy(zero_copy_only=False)):
        plain[at] &= not lines.cut_total(some[at].as_py().rstrip("\r\n"))
    if not plain.all():
        good[np.flatnonzero(good)[~plain]] = False
        some = some.filter(pa.array(plain))
    trim = pc.ascii_trim if is_ascii else pc.utf8_trim
    columns = [
        trim(_sliced(some, field.begin, field.end, is_ascii), PADDING) for field in lines.fields
    ]
    return good, pa.table(columns, names=list(lines.names))


def _sliced(texts: pa.Array, begin: int, end: int, is_ascii: bool) -> pa.Array:
    if is_ascii:
        return pc.binary_slice(texts.cast(pa.binary()), begin, end).cast(pa.string())
    return pc.utf8_slice_codeunits(texts, begin, end)


def _is_blank(cells: pa.Array, blanks: str) -> Mask:
    empty = pc.equal(pc.utf8_trim(cells, blanks), "")
    found: Mask = empty.to_numpy(zero_copy_only=False).astype(np.bool_)
    return found


def _with_others(
    block: bytes, line: int, lines: FixedLines, where: _Where, usual: tuple[Mask, pa.Table]
) -> Chunk:
    """The usual rows, and each other line as what it is."""
    good, cells = usual
    rows: list[list[str]] = []
    fitted: list[int] = []
    ragged: list[RejectedRow] = []
    comments: list[tuple[int, str]] = []
    blank = heads = 0
    for index in np.flatnonzero(~good).tolist():
        raw = where.text(index)
        if not raw.strip():
            blank += 1
            continue
        found, fault = lines.fitted(raw)
        mark = lines.dialect.comment
        if mark and raw.startswith(mark) and not lines.is_row(found):
            comments.append((index, raw))
        elif fault is None:
            rows.append(found)
            fitted.append(index)
        elif lines.is_head(raw):
            heads += 1
        else:
            ragged.append(lines.rejected(raw, line + index, *fault))
    kept = np.concatenate([np.flatnonzero(good), np.array(fitted, np.int64)]).astype(np.int64)
    if rows:
        order = np.argsort(kept)
        cells = pa.concat_tables([cells, _table(rows, lines)]).take(pa.array(order))
        kept = kept[order]
    if comments:
        first = cells.slice(0, 1000).columns
        lines.shape.learn(list(zip(*(each.to_pylist() for each in first), strict=True)))
    doubted = [lines.commented(raw, line + index) for index, raw in comments]
    ragged += filter(None, doubted)
    comment = doubted.count(None)
    accounted = Accounted(lines=len(good), blank=blank, comment=comment, repeated_header=heads)

    def raws(indexes: Sequence[int]) -> list[str]:
        return where.texts([int(kept[index]) for index in indexes])

    ordered = tuple(sorted(ragged, key=lambda row: row.line))
    return Chunk(cells, kept + line, ordered, raws, accounted=accounted)


def _table(rows: Sequence[Sequence[str]], lines: FixedLines) -> pa.Table:
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(lines.names)
    arrays = [pa.array(column, pa.string()) for column in columns]
    return pa.table(arrays, names=list(lines.names))


def _revealed(chunk: Chunk, block: bytes, lines: FixedLines) -> Chunk:
    """The chunk with line ends inside its lines as they stand in the file."""
    reveal = lines.reveal
    if reveal is None or b"\x1c" not in block:
        return chunk
    inner, names = chunk.raws, chunk.cells.column_names
    columns = [
        pa.array([reveal(cell) for cell in each.to_pylist()], pa.string())
        for each in chunk.cells.columns
    ]
    return Chunk(
        pa.table(columns, names=names), chunk.lines, chunk.ragged,
        lambda indexes: [reveal(text) for text in inner(indexes)], accounted=chunk.accounted,
    )  # fmt: skip


def _is_text(block: bytes) -> bool:
    try:
        block.decode()
    except UnicodeDecodeError:
        return False
    return True
