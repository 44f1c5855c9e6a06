"""Delimited text: blocks by Arrow at once, or record by record where Arrow cannot be trusted.

Arrow reads a block whose quotes are well-formed and whose rows all have the header's number of
cells. Any other block is read by the csv module, so that every bad row is named and no other one
suffers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from pipelines.parse.by_record import by_record
from pipelines.parse.chunk import Chunk, Parsed, without_rows
from pipelines.parse.doubt import rows_of
from pipelines.parse.escapes import has_meanings, hidden, meant
from pipelines.parse.escapes import is_hiding as is_hiding_any
from pipelines.parse.escapes import raw as shown_escapes
from pipelines.parse.fit import Shape
from pipelines.parse.fitting import Fitting
from pipelines.parse.header import Layout, read_layout
from pipelines.parse.records import (
    Offsets,
    begins_blank,
    count_of,
    offsets,
    records,
    well_formed,
)
from pipelines.parse.text import Blocks, DelimiterSubstitution, without_marks
from schemas.accounted import Accounted
from schemas.dialect import Dialect
from schemas.errors import DataError
from schemas.reject import RejectedRow
from schemas.row_position import MEMBER

_LF, _CR = 10, 13


def read_delimited(
    stream: BinaryIO, dialect: Dialect, block_bytes: int, columns: Sequence[str]
) -> Parsed:
    """The header's names and the rows of a delimited text, in bounded memory.

    `columns` are the names for a text without a header. Raises DataError for an empty text, a
    header that names a column twice, and a record of several blocks.
    """
    substitution = DelimiterSubstitution.of(dialect)
    texts = Blocks(stream, dialect, substitution, block_bytes)
    layout = read_layout(texts, dialect, substitution, columns)
    reader = _Reader(layout, dialect, substitution)
    heads = layout.heads
    if not heads and layout.above and len(layout.above[-1][2]) == len(layout.names):
        # Columns that are read by their order may have a header all the same, which is passed over.
        heads = (tuple(layout.above[-1][2]),)
    return Parsed(layout.names, reader.chunks(texts), texts.line_end, heads)


def read_part(
    stream: BinaryIO,
    dialect: Dialect,
    block_bytes: int,
    top: Parsed,
    line: int,
) -> Parsed:
    """The rows of a part of a delimited text (`pipelines.parse.byte_ranges`) which begins on
    that line, below the header that was parsed before."""
    substitution = DelimiterSubstitution.of(dialect)
    texts = Blocks(stream, dialect, substitution, block_bytes)
    chunks = _Reader(Layout(top.names, b"", line), dialect, substitution).chunks(texts)
    return replace(top, chunks=chunks)


class _Reader:
    """Turns blocks into chunks, counting lines."""

    def __init__(
        self, layout: Layout, dialect: Dialect, substitution: DelimiterSubstitution
    ) -> None:
        self._layout, self._dialect, self._disguise = layout, dialect, substitution
        self._fitting = Fitting(layout, dialect, substitution)
        self._shape = Shape(len(layout.names))
        self._escapes = has_meanings(dialect)
        self._delimiter = substitution.readable(dialect)
        # A line that ends with a delimiter has one cell more, which is empty.
        self._width = len(layout.names) + dialect.trailing_delimiter

    def chunks(self, texts: Blocks) -> Iterator[Chunk]:
        """The chunks of the text below the header; the first accounts for what stands above."""
        line, is_first = self._layout.line, True
        for block in _chain(self._layout.rest, texts):
            block = without_marks(block)
            block = hidden(block) if self._escapes else block
            chunk, read = self._fast(block, line), len(block)
            if chunk is None:
                chunk, read = self._slow(block, line, texts)
            span = count_of(block[:read], _LF)
            line += span
            if line >= MEMBER:
                raise DataError("the file has more lines than can be counted")
            chunk = self._revealed(replace(chunk, span=span), block)
            yield self._with_top(chunk) if is_first else chunk
            is_first = False
        if is_first:
            yield self._with_top(without_rows(self._layout.names, Accounted()))

    def _with_top(self, chunk: Chunk) -> Chunk:
        """The first chunk, with the lines above it accounted for. Those that are certainly rows are
        rejected: nothing that could be loaded is passed over."""
        top = self._layout.top
        if self._layout.above:
            self._shape.learn(rows_of(chunk))
        rows = self._fitting.above(self._shape)
        top = replace(top, preamble=top.preamble - len(rows))
        return replace(
            chunk,
            ragged=(*rows, *chunk.ragged),
            accounted=chunk.accounted + top,
            span=chunk.span + self._layout.line - 1,
        )

    def _fast(self, block: bytes, line: int) -> Chunk | None:
        """The block by Arrow; None if it has to be read record by record."""
        comment = self._dialect.comment.encode()
        if b"\x00" in block or (comment and comment in block) or self._dialect.escape == "\x00":
            return None
        # Arrow takes a CR of its own for a line end.
        if b"\r" in block and count_of(block, _CR) != block.count(b"\r\n"):
            return None
        escape = self._dialect.escape.encode()
        if escape and (escape + b"\r" in block or escape + b"\n" in block):
            return None
        if not well_formed(block, self._dialect, self._delimiter):
            return None
        # Arrow keeps the blanks before a cell.
        if self._dialect.skip_initial_space and begins_blank(block, self._delimiter):
            return None
        located = cache(lambda: offsets(block, self._dialect))

        def raws(indexes: Sequence[int]) -> list[str]:
            return located().texts(block, indexes)

        uneven: list[int] = []
        table = self._arrow(block, None)
        # Arrow cannot say which of several bad rows are no text.
        if table is None and _is_text(block):
            if not len(located().starts):
                return without_rows(self._layout.names, _blank(located().blank))
            table = self._arrow(block, uneven)
        if table is None:
            return None
        # As many rows as lines: each line is a record, none is blank.
        is_plain = table.num_rows == count_of(block, _LF)
        if not is_plain and table.num_rows + len(uneven) != len(located().starts):
            return None
        if self._dialect.trailing_delimiter:
            last = table.column(self._width - 1)
            if pc.any(pc.not_equal(last, "")).as_py():
                return None
            table = table.select(range(self._width - 1))
        if uneven:
            return self._with_uneven(table, block, located(), uneven, line)
        lines = np.arange(table.num_rows) if is_plain else located().lines
        blank = 0 if is_plain else located().blank
        accounted = Accounted(lines=table.num_rows + blank, blank=blank)
        return Chunk(table, lines + line, (), raws, accounted=accounted)

    def _with_uneven(
        self, table: pa.Table, block: bytes, where: Offsets, uneven: Sequence[int], line: int
    ) -> Chunk:
        """The rows that Arrow read, and the few that have not the header's number of cells."""
        rows: list[list[str | None]] = []
        fitted: list[int] = []
        ragged: list[RejectedRow] = []
        for index, text in zip(uneven, where.texts(block, uneven), strict=True):
            place = int(where.lines[index]) + line
            for record in records(text.split("\n"), self._dialect, self._delimiter, self._width):
                cells, fault = self._fitting.fitted(record)
                if fault is None:
                    rows.append(cells)
                    fitted.append(index)
                else:
                    ragged.append(self._fitting.rejected(record, place, *fault))
        even = np.delete(np.arange(len(where.starts)), uneven)
        found = np.concatenate([even, np.array(fitted, dtype=np.int64)])
        order = np.argsort(found)
        kept = found[order]
        if rows:
            table = pa.concat_tables([table, self._table(rows)]).take(pa.array(order))

        def raws(indexes: Sequence[int]) -> list[str]:
            return where.texts(block, [int(kept[index]) for index in indexes])

        accounted = Accounted(lines=len(where.starts) + where.blank, blank=where.blank)
        return Chunk(table, where.lines[kept] + line, tuple(ragged), raws, accounted=accounted)

    def _arrow(self, block: bytes, uneven: list[int] | None) -> pa.Table | None:
        """The block's rows by Arrow; None if it refuses it. Rows with another number of cells are
        left out, and their indexes noted in `uneven`, if that is given: then it is slower."""
        names = [str(index) for index in range(self._width)]

        def note(row: pacsv.InvalidRow) -> str:
            assert uneven is not None
            uneven.append(row.number - 1)
            return "skip"

        try:
            table = pacsv.read_csv(
                pa.BufferReader(block),
                read_options=pacsv.ReadOptions(
                    column_names=names, block_size=len(block) + 1, use_threads=uneven is None
                ),
                parse_options=pacsv.ParseOptions(
                    delimiter=self._delimiter,
                    quote_char=self._dialect.quote or False,
                    escape_char=self._dialect.escape or False,
                    double_quote=not self._dialect.escape,
                    newlines_in_values=True,
                    ignore_empty_lines=True,
                    invalid_row_handler=None if uneven is None else note,
                ),
                convert_options=pacsv.ConvertOptions(
                    column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
                ),
            )
        except pa.ArrowInvalid:
            return None
        shown = [*self._layout.names, *(["\x00"] if self._dialect.trailing_delimiter else [])]
        return table.rename_columns(shown)

    def _slow(self, block: bytes, line: int, texts: Blocks) -> tuple[Chunk, int]:
        """The block record by record, and how many of its bytes were read."""
        return by_record(block, line, texts, self._fitting, self._shape, self._table)

    def _table(self, rows: Sequence[Sequence[str | None]]) -> pa.Table:
        names = list(self._layout.names)
        columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
        return pa.table([pa.array(column, pa.string()) for column in columns], names=names)

    def _revealed(self, chunk: Chunk, block: bytes) -> Chunk:
        """The chunk with delimiters, line ends and escapes as they stand in the file, or as they
        are meant."""
        is_hiding = self._escapes and is_hiding_any(block)
        if not self._disguise.is_needed and not is_hiding:
            return chunk
        reveal, columns = self._disguise.reveal, chunk.cells.columns
        if self._disguise.is_needed:
            columns = [
                pa.chunked_array(
                    [pa.array([cell and reveal(cell) for cell in each.to_pylist()], pa.string())]
                )
                for each in columns
            ]
        if is_hiding:
            columns = [meant(each) for each in columns]
        inner = chunk.raws

        def raws(indexes: Sequence[int]) -> list[str]:
            return [shown_escapes(reveal(text)) for text in inner(indexes)]

        table = pa.table(columns, names=chunk.cells.column_names)
        return replace(chunk, cells=table, raws=raws)


def _blank(count: int) -> Accounted:
    return Accounted(lines=count, blank=count)


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from rest


def _is_text(block: bytes) -> bool:
    try:
        block.decode()
    except UnicodeDecodeError:
        return False
    return True
