"""Fitting: the cells of one record, one for each column of the header, or why they do not fit."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from pipelines.parse.escapes import raw as shown_escapes
from pipelines.parse.fit import Fit, Shape
from pipelines.parse.header import LIKE_A_ROW, Layout
from pipelines.parse.records import Record, all_records
from pipelines.parse.text import DelimiterSubstitution
from schemas.dialect import Dialect
from schemas.language import translate
from schemas.regex import regex
from schemas.reject import Problem, RejectedRow

LIKE_A_COMMENT = "{value} begins as comments do, but is like a row"
_NO_TEXT = re.compile("[\udc80-\udcff]")
"""What bytes become that are no text in the file's encoding."""


class Fitting:
    """Fits records into a file's columns, and says what is wrong with those that do not fit."""

    def __init__(
        self, layout: Layout, dialect: Dialect, substitution: DelimiterSubstitution
    ) -> None:
        self._layout, self._dialect, self._disguise = layout, dialect, substitution
        self._rows_like = regex(dialect.rows_like) if dialect.rows_like else None

    def records(self, lines: Sequence[str]) -> Iterator[Record]:
        """The records of some lines, as the dialect writes them."""
        width = len(self._layout.names) + self._dialect.trailing_delimiter
        return all_records(lines, self._dialect, self._disguise.readable(self._dialect), width)

    def fitted(self, record: Record) -> tuple[list[str | None], tuple[str, str] | None]:
        """The record's cells, one a column, or the rule it breaks and what to say."""
        width, cells = len(self._layout.names), record.cells
        if record.fault is not None:
            return [], ("unreadable", translate(
                "the line cannot be read as delimited text: {fault}", fault=translate(record.fault),
            ))  # fmt: skip
        if _NO_TEXT.search(record.raw):
            return [], ("encoding", translate(
                "the line has bytes that are not text in the file's encoding"
            ))  # fmt: skip
        if "\x00" in record.raw and self._dialect.escape != "\x00":
            return [], ("nul", translate("the line has a NUL character"))
        if self._dialect.trailing_delimiter and len(cells) == width + 1 and not cells[-1]:
            cells = cells[:-1]
        if len(cells) < width and self._dialect.ragged == "pad":
            return [*cells, *[None] * (width - len(cells))], None
        if len(cells) > width and self._dialect.extra == "keep":
            return [*cells[:width]], None
        if len(cells) != width:
            return [], ("columns", translate(
                "the line has {cells} cells where the header has {width}",
                cells=len(cells), width=width,
            ))  # fmt: skip
        return [*cells], None

    def rejected(self, record: Record, line: int, rule: str, message: str) -> RejectedRow:
        """The record as a rejected row."""
        shown = record.raw.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        return self._row(line, shown, rule, message)

    def commented(self, record: Record, line: int, shape: Shape) -> RejectedRow | None:
        """A record that begins as comments do, rejected if it could be a row; None if it is none.

        What begins so and is a row by the contract has been read as one before.
        """
        if record.fault is not None or shape.fit(record.cells) is Fit.NOTE:
            return None
        value = self._disguise.reveal(record.cells[0] if record.cells else "")
        message = translate(LIKE_A_COMMENT, value=value)
        return self.rejected(record, line, "comment", message)

    def is_row(self, cells: Sequence[str]) -> bool:
        """Whether the contract says that a record with these cells is a row."""
        first = next((cell.strip() for cell in cells if cell.strip()), "")
        return bool(self._rows_like and self._rows_like.fullmatch(first))

    def above(self, shape: Shape) -> tuple[RejectedRow, ...]:
        """The lines above the header that are certainly rows: none of them is passed over."""
        return tuple(
            self._row(line, raw, "preamble", translate(LIKE_A_ROW, value=cells[0]))
            for line, raw, cells in self._layout.above
            if len(cells) == len(self._layout.names)
            and (shape.is_certain(cells) or self.is_row(cells) or self._may_be(shape, cells))
        )

    def _may_be(self, shape: Shape, cells: Sequence[str]) -> bool:
        """Whether a line above a file without header may be a row that lacks some numbers."""
        return not self._dialect.header and shape.may_be(cells)

    def _row(self, line: int, raw: str, rule: str, message: str) -> RejectedRow:
        problem = Problem(line=line, column=None, value=None, rule=rule, message=message)
        raw = shown_escapes(self._disguise.reveal(raw))
        return RejectedRow(line=line, raw=raw, problems=(problem,))
