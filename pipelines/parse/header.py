"""The header: what stands above the rows, and what the columns are called."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipelines.parse.records import records
from pipelines.parse.text import Disguise
from schemas.dialect import Dialect
from schemas.errors import DataError

MOST_COLUMNS = 10_000
"""BigQuery's most for a table."""
_MOST_CELLS = 20 * MOST_COLUMNS
_MOST_LINES = 10_000


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns' names, the text behind the header in its first block, and the line on which
    that begins (from 1)."""

    names: tuple[str, ...]
    rest: bytes
    line: int
    totals: re.Pattern[str] | None = None

    def is_total(self, cells: Sequence[str | None]) -> bool:
        """Whether a row is one of totals, to be passed over."""
        return bool(self.totals and cells and self.totals.search(cells[0] or ""))


def read_layout(
    texts: Iterator[bytes], dialect: Dialect, disguise: Disguise, columns: Sequence[str]
) -> Layout:
    """Read the preamble and the header from the first blocks.

    Raises DataError for a text without a header line, and for a header that names a column twice.
    """
    totals = totals_of(dialect)
    block = next(texts, b"")
    if dialect.header and not block:
        raise DataError("the file is empty", hint="send it with its header line and its rows")
    while True:
        used, rest = _below_preamble(block, dialect.preamble)
        found = _header(rest, dialect, disguise, used) if used == dialect.preamble else None
        if found is not None:
            rows, taken = found
            names = joined_names(rows) if rows else tuple(dialect.columns or columns)
            _, rest = _below_preamble(rest, taken)
            return Layout(names, rest, used + taken + 1, totals)
        more = next(texts, b"")
        if not more or block.count(b"\n") > _MOST_LINES:
            break
        block += more
    if not dialect.header:
        return Layout(tuple(dialect.columns or columns), b"", used + 1, totals)
    raise DataError("the file has no header line", hint="send it with its header line and its rows")


def totals_of(dialect: Dialect) -> re.Pattern[str] | None:
    """What the first cell of a row of totals is like, if the dialect has such rows."""
    return re.compile(dialect.totals) if dialect.totals else None


def _below_preamble(text: bytes, count: int) -> tuple[int, bytes]:
    """How many of so many lines there are, and what follows them."""
    at = used = 0
    while used < count and (end := text.find(b"\n", at)) >= 0:
        at, used = end + 1, used + 1
    return used, text[at:]


def _header(
    text: bytes, dialect: Dialect, disguise: Disguise, above: int
) -> tuple[list[list[str]], int] | None:
    """The header's rows and how many lines they take; None if the text is too short for them."""
    rows: list[list[str]] = []
    if not dialect.header:
        return rows, 0
    lines = [_decoded(line) for line in text.split(b"\n", _MOST_LINES)[:-1]]
    widest = max(
        (line.count(disguise.readable(dialect)) for line in lines[: dialect.header]), default=0
    )
    if widest > _MOST_CELLS:
        raise too_wide(widest + 1)
    for record in records(lines, dialect, disguise.readable(dialect)):
        if record.fault is not None:
            raise DataError(
                "line {line}: the header cannot be read: {fault}",
                hint="look at its quotes",
                line=above + record.line + 1,
                fault=record.fault,
            )
        if rows or any(cell.strip() for cell in record.cells):
            rows.append([disguise.reveal(cell) for cell in record.cells])
        if len(rows) == dialect.header:
            if dialect.trailing_delimiter:
                rows = [row[:-1] if not row[-1] else row for row in rows]
            return rows, record.line + record.count
    return None


def _decoded(line: bytes) -> str:
    """A line of the header; bytes that are no text show as U+FFFD, and match no column."""
    return line.decode("utf-8", "replace")


def joined_names(rows: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """The columns' names; those of several header rows joined by a space.

    Raises DataError if one comes twice.
    """
    width = max(map(len, rows))
    if width > MOST_COLUMNS:
        raise too_wide(width)
    padded = [[*row, *[""] * (width - len(row))] for row in rows]
    columns = zip(*padded, strict=True)
    names = [" ".join(filter(None, (cell.strip() for cell in column))) for column in columns]
    return unique_names(names)


def unique_names(names: Sequence[str]) -> tuple[str, ...]:
    """The names; raises DataError if one comes twice."""
    counts: dict[str, int] = {}
    for name in names:
        counts[name] = counts.get(name, 0) + 1
    twice = sorted(name for name, count in counts.items() if count > 1)
    if twice:
        raise DataError(
            "the header names a column twice: {names}",
            hint="give every column its own name",
            names=", ".join(repr(name) for name in twice[:10]),
        )
    return tuple(names)


def too_wide(width: int) -> DataError:
    """The error for a file with more columns than a table can have."""
    return DataError(
        "the header has {width:,} columns, more than {most:,}",
        hint="check the delimiter and the line ends of the file",
        width=width,
        most=MOST_COLUMNS,
    )
