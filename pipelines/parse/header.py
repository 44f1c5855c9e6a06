"""The header: what stands above the rows, and what the columns are called."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipelines.parse.records import records
from pipelines.parse.text import Disguise
from schemas.dialect import Dialect
from schemas.errors import DataError

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
    totals = re.compile(dialect.totals) if dialect.totals else None
    block = next(texts, b"")
    while block and block.count(b"\n") < dialect.preamble:
        more = next(texts, b"")
        if not more:
            break
        block += more
    used, rest = 0, block
    for _ in range(dialect.preamble):
        _, end, after = rest.partition(b"\n")
        used, rest = used + bool(end), after
    if not dialect.header:
        names = dialect.columns or tuple(columns)
        return Layout(tuple(names), rest, used + 1, totals)
    if not block:
        raise DataError("the file is empty", hint="send it with its header line and its rows")
    lines = rest.split(b"\n", _MOST_LINES)
    shown = [line.decode("utf-8", "surrogateescape") for line in lines[:-1]]
    rows: list[list[str]] = []
    for record in records(shown, dialect, disguise.readable(dialect)):
        if record.fault is not None:
            raise DataError(
                "line {line}: the header cannot be read: {fault}",
                hint="look at its quotes",
                line=used + record.line + 1,
                fault=record.fault,
            )
        if rows or any(cell.strip() for cell in record.cells):
            rows.append([disguise.reveal(cell) for cell in record.cells])
        if len(rows) == dialect.header:
            taken = record.line + record.count
            after = b"\n".join(lines[taken:])
            if dialect.trailing_delimiter:
                rows = [row[:-1] if not row[-1] else row for row in rows]
            return Layout(joined_names(rows), after, used + taken + 1, totals)
    raise DataError("the file has no header line", hint="send it with its header line and its rows")


def joined_names(rows: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """The columns' names; those of several header rows joined by a space.

    Raises DataError if one comes twice.
    """
    width = max(map(len, rows))
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
