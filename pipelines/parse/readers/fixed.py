"""The reader of text of fixed width: each column stands at the same characters of every line."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import BinaryIO, ClassVar

from pipelines.parse.chunk import Chunk, Parsed, without_rows
from pipelines.parse.doubt import rows_of
from pipelines.parse.fit import Shape
from pipelines.parse.fixed_block import read_block
from pipelines.parse.fixed_line import PADDING, FixedLines, pieces
from pipelines.parse.header import LIKE_A_ROW, names_of
from pipelines.parse.kind import Kind
from pipelines.parse.reader import Counted, Given, Reader, Traits
from pipelines.parse.records import count_of
from pipelines.parse.text import Blocks, DelimiterSubstitution, without_marks
from schemas.accounted import Accounted
from schemas.dialect import Dialect
from schemas.errors import DataError
from schemas.language import translate
from schemas.reject import RejectedRow
from schemas.row_position import MEMBER

_LF = 10


class FixedReader(Reader):
    """Lines whose columns the contract declares by their characters."""

    traits: ClassVar = Traits(
        said="text of fixed width",
        kinds=frozenset({Kind.TEXT}),
        is_text=True,
        has_totals=True,
        is_ordered=False,
        padding=PADDING,
        counted=Counted.LINES,
    )

    def read(self, given: Given) -> Parsed:
        """The rows of a text. The columns are the contract's, whatever its header lines say.

        Raises DataError for a text without its header lines, or with others than those agreed.
        """
        dialect = _lines_only(given.dialect)
        substitution = DelimiterSubstitution.of(dialect)
        texts = Blocks(given.stream, dialect, substitution, given.limits.block_bytes)
        lines = FixedLines(dialect, substitution)
        names = tuple(field.column for field in dialect.fields)
        above, rest, top = _above(texts, dialect)
        heads = [raw for raw, is_head in above if is_head and raw.strip()]
        cells = tuple(tuple(pieces(raw, dialect.fields)) for raw in heads)
        if dialect.header_cells and cells:
            names_of(cells, replace(dialect, columns=names))
        lines.repeat(heads)
        chunks = _chunks(chain([rest] if rest else [], texts), lines, len(above) + 1)
        chunks = _with_top(chunks, above, lines, names, top)
        return Parsed(names, chunks, texts.line_end, cells)

    def cut_by(self, dialect: Dialect) -> Dialect | None:
        """Only plain UTF-8, in which nothing is told by what stands far away."""
        is_utf8 = codecs.lookup(dialect.encoding).name in ("utf-8", "utf-8-sig", "ascii")
        is_told = dialect.comment or dialect.footer or dialect.totals
        return _lines_only(dialect) if is_utf8 and not is_told else None

    def read_part(
        self, stream: BinaryIO, dialect: Dialect, block_bytes: int, top: Parsed, line: int,
    ) -> Parsed:  # fmt: skip
        """The rows of a part of a text which begins on that line."""
        dialect = _lines_only(dialect)
        substitution = DelimiterSubstitution.of(dialect)
        lines = FixedLines(dialect, substitution)
        lines.repeat(["".join(head) for head in top.heads])
        texts = Blocks(stream, dialect, substitution, block_bytes)
        return replace(top, chunks=_chunks(texts, lines, line))

    def split(self, raw: str, dialect: Dialect) -> list[str]:
        """A line that does not fit has no cells: it is one text."""
        return [raw.strip()]

    def given_back(self, raw: str, names: Sequence[str], dialect: Dialect) -> list[str]:
        """The line's cells, and in each also what stands between it and the next one: nothing of a
        line that does not fit is lost."""
        columns = [field.column for field in dialect.fields]
        found = dict(zip(columns, pieces(raw, dialect.fields), strict=True))
        return [found.get(name, "").strip(PADDING) for name in names]


def _lines_only(dialect: Dialect) -> Dialect:
    """The dialect without what only delimited text has."""
    return replace(dialect, delimiter=",", quote="", escape="", trailing_delimiter=False)


def _above(
    texts: Iterator[bytes], dialect: Dialect
) -> tuple[list[tuple[str, bool]], bytes, Accounted]:
    """The lines above the rows, each with whether it is one of the header's, the text below them,
    and what they count as."""
    block, at = without_marks(next(texts, b"")), 0
    above: list[tuple[str, bool]] = []
    if dialect.header and not block:
        raise DataError("the file is empty", hint="send it with its header line and its rows")
    heads = blank = 0
    while len(above) < dialect.preamble or heads < dialect.header:
        end = block.find(b"\n", at)
        if end < 0:
            more = next(texts, b"")
            if not more:
                break
            block, at = block[at:] + without_marks(more), 0
            continue
        raw = block[at:end].decode("utf-8", "replace").removesuffix("\r")
        at = end + 1
        is_head = len(above) >= dialect.preamble
        above.append((raw, is_head))
        heads += bool(is_head and raw.strip())
        blank += bool(is_head and not raw.strip())
    if heads < dialect.header:
        raise DataError(
            "the file has no header line", hint="send it with its header line and its rows"
        )
    preamble = len(above) - heads - blank
    top = Accounted(lines=len(above), preamble=preamble, header=heads, blank=blank)
    return above, block[at:], top


def _chunks(blocks: Iterator[bytes], lines: FixedLines, line: int) -> Iterator[Chunk]:
    """The chunks of the text that begins on a line."""
    for block in blocks:
        block = without_marks(block)
        span = count_of(block, _LF)
        yield replace(read_block(block, line, lines), span=span)
        line += span
        if line >= MEMBER:
            raise DataError("the file has more lines than can be counted")


def _with_top(
    chunks: Iterator[Chunk],
    above: Sequence[tuple[str, bool]],
    lines: FixedLines,
    names: Sequence[str],
    top: Accounted,
) -> Iterator[Chunk]:
    """The chunks, the first of which accounts for the lines above the rows. Those that are
    certainly rows are rejected: nothing that could be loaded is passed over."""
    first = next(chunks, None) or without_rows(names, Accounted())
    rows: list[RejectedRow] = []
    shape = Shape(len(names), rows_of(first))
    for number, (raw, is_head) in enumerate(above, start=1):
        cells, fault = lines.fitted(raw)
        if fault is not None or not (shape.is_certain(cells) or lines.is_row(cells)):
            continue
        value = next((cell for cell in cells if cell), "")
        rows.append(lines.rejected(raw, number, "preamble",
                                   translate(LIKE_A_ROW, value=value)))  # fmt: skip
        top = replace(top, header=top.header - is_head, preamble=top.preamble - (not is_head))
    yield replace(
        first,
        ragged=(*rows, *first.ragged),
        accounted=first.accounted + top,
        span=first.span + len(above),
    )
    yield from chunks
