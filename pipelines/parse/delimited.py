"""Delimited text: blocks by Arrow at once, or record by record where Arrow cannot be trusted.

Arrow reads a block whose quotes are well-formed and whose rows all have the header's number of
cells. Any other block is read by the csv module, so that every bad row is named and no other one
suffers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from pipelines.parse.chunk import Chunk, Parsed, listed_raws
from pipelines.parse.header import Layout, read_layout, totals_of
from pipelines.parse.records import Offsets, Record, count_of, offsets, records, well_formed
from pipelines.parse.text import Blocks, Disguise
from pipelines.parse.tidy import tidied
from schemas.dialect import Dialect
from schemas.errors import DataError
from schemas.language import say
from schemas.place import MEMBER
from schemas.reject import Problem, RejectedRow

_LF, _CR = 10, 13
_NO_TEXT = re.compile("[\udc80-\udcff]")
"""What bytes become that are no text in the file's encoding."""


def read_delimited(
    stream: BinaryIO, dialect: Dialect, block_bytes: int, columns: Sequence[str], language: str
) -> Parsed:
    """The header's names and the rows of a delimited text, in bounded memory.

    `columns` are the names for a text without a header. Raises DataError for an empty text, a
    header that names a column twice, and a record of several blocks.
    """
    disguise = Disguise.of(dialect)
    texts = Blocks(stream, dialect, disguise, block_bytes)
    layout = read_layout(texts, dialect, disguise, columns)
    reader = _Reader(layout, dialect, disguise, language)
    return Parsed(layout.names, reader.chunks(texts), texts.line_end)


def read_part(
    stream: BinaryIO,
    dialect: Dialect,
    block_bytes: int,
    names: tuple[str, ...],
    line: int,
    language: str,
) -> Parsed:
    """The rows of a part of a delimited text (`pipelines.parse.cut`) which begins on that line,
    below the header that has those names."""
    disguise = Disguise.of(dialect)
    texts = Blocks(stream, dialect, disguise, block_bytes)
    layout = Layout(names, b"", line, totals_of(dialect))
    chunks = _Reader(layout, dialect, disguise, language).chunks(texts)
    return Parsed(names, tidied(chunks, names, dialect))


class _Reader:
    """Turns blocks into chunks, counting lines."""

    def __init__(self, layout: Layout, dialect: Dialect, disguise: Disguise, language: str) -> None:
        self._layout, self._dialect, self._disguise = layout, dialect, disguise
        self._language = language
        self._delimiter = disguise.readable(dialect)
        # A line that ends with a delimiter has one cell more, which is empty.
        self._width = len(layout.names) + dialect.trailing_delimiter

    def chunks(self, texts: Blocks) -> Iterator[Chunk]:
        line = self._layout.line
        for block in _chain(self._layout.rest, texts):
            chunk, read = self._fast(block, line), len(block)
            if chunk is None:
                chunk, read = self._slow(block, line, texts)
            line += count_of(block[:read], _LF)
            if line >= MEMBER:
                raise DataError("the file has more lines than can be counted")
            yield self._revealed(chunk)

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
        located = cache(lambda: offsets(block, self._dialect))

        def raws(indexes: Sequence[int]) -> list[str]:
            return located().texts(block, indexes)

        uneven: list[int] = []
        table = self._arrow(block, None)
        # Arrow cannot say which of several bad rows are no text.
        if table is None and _is_text(block):
            if not len(located().starts):
                return Chunk(self._table([]), located().lines, (), listed_raws([]))
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
        return Chunk(table, lines + line, (), raws)

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
                cells, fault = self._fitted(record)
                if fault is None:
                    rows.append(cells)
                    fitted.append(index)
                elif not self._layout.is_total(record.cells):
                    ragged.append(self._rejected(record, place, *fault))
        even = np.delete(np.arange(len(where.starts)), uneven)
        found = np.concatenate([even, np.array(fitted, dtype=np.int64)])
        order = np.argsort(found)
        kept = found[order]
        if rows:
            table = pa.concat_tables([table, self._table(rows)]).take(pa.array(order))

        def raws(indexes: Sequence[int]) -> list[str]:
            return where.texts(block, [int(kept[index]) for index in indexes])

        return Chunk(table, where.lines[kept] + line, tuple(ragged), raws)

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
        """The block record by record, and how many of its bytes were read: a record that it does
        not end is given back."""
        lines = block.decode("utf-8", "surrogateescape").removesuffix("\n").split("\n")
        rows: list[list[str | None]] = []
        starts: list[int] = []
        raws: list[str] = []
        ragged: list[RejectedRow] = []
        read = len(block)
        for record in records(lines, self._dialect, self._delimiter, self._width):
            if record.open:
                rest = _bytes(lines[record.line :])
                if texts.give_back(rest):
                    read -= len(rest)
                    break
            cells, fault = self._fitted(record)
            if fault is None:
                rows.append(cells)
                starts.append(line + record.line)
                raws.append(record.raw)
            elif not self._layout.is_total(record.cells):
                ragged.append(self._rejected(record, line + record.line, *fault))
        places = np.array(starts, dtype=np.int64)
        return Chunk(self._table(rows), places, tuple(ragged), listed_raws(raws)), read

    def _table(self, rows: Sequence[Sequence[str | None]]) -> pa.Table:
        names = list(self._layout.names)
        columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
        return pa.table([pa.array(column, pa.string()) for column in columns], names=names)

    def _fitted(self, record: Record) -> tuple[list[str | None], tuple[str, str] | None]:
        """The record's cells, one a column, or the rule it breaks and what to say."""
        width, cells = len(self._layout.names), record.cells
        if record.fault is not None:
            return [], ("unreadable", say(
                "the line cannot be read as delimited text: {fault}",
                self._language, fault=record.fault,
            ))  # fmt: skip
        if _NO_TEXT.search(record.raw):
            return [], ("encoding", say(
                "the line has bytes that are not text in the file's encoding", self._language
            ))  # fmt: skip
        if "\x00" in record.raw and self._dialect.escape != "\x00":
            return [], ("nul", say("the line has a NUL character", self._language))
        if self._dialect.trailing_delimiter and len(cells) == width + 1 and not cells[-1]:
            cells = cells[:-1]
        if len(cells) < width and self._dialect.ragged == "pad":
            return [*cells, *[None] * (width - len(cells))], None
        if len(cells) > width and self._dialect.extra == "keep":
            return [*cells[:width]], None
        if len(cells) != width:
            return [], ("columns", say(
                "the line has {cells} cells where the header has {width}",
                self._language, cells=len(cells), width=width,
            ))  # fmt: skip
        return [*cells], None

    def _rejected(self, record: Record, line: int, rule: str, message: str) -> RejectedRow:
        shown = record.raw.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        problem = Problem(line=line, column=None, value=None, rule=rule, message=message)
        return RejectedRow(line=line, raw=self._disguise.reveal(shown), problems=(problem,))

    def _revealed(self, chunk: Chunk) -> Chunk:
        """The chunk with delimiters and line ends as they stand in the file."""
        if not self._disguise.is_needed:
            return chunk
        reveal = self._disguise.reveal
        columns = [
            pa.array([cell and reveal(cell) for cell in column.to_pylist()], pa.string())
            for column in chunk.cells.columns
        ]
        hidden = chunk.raws

        def raws(indexes: Sequence[int]) -> list[str]:
            return [self._disguise.reveal(text) for text in hidden(indexes)]

        table = pa.table(columns, names=chunk.cells.column_names)
        return replace(chunk, cells=table, raws=raws)


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


def _bytes(lines: Sequence[str]) -> bytes:
    return ("\n".join(lines) + "\n").encode("utf-8", "surrogateescape")
