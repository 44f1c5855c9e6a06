"""The header: what stands above the rows, and what the columns are called."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipelines.parse.names import folded
from pipelines.parse.records import all_records
from pipelines.parse.text import DelimiterSubstitution, without_marks
from schemas.accounted import NOTHING, Accounted
from schemas.dialect import Dialect
from schemas.errors import DataError
from schemas.limits import MAX_COLUMNS

_MAX_CELLS = 20 * MAX_COLUMNS
_MAX_LINES = 10_000


LIKE_A_ROW = "{value} stands above the header, where lines are passed over, but is like a row"


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns' names, the text behind the header in its first block, and the line on which
    that begins (from 1). `heads` are the cells of the header's lines; `above` the cells of the
    lines that stand over it, with their numbers and texts; `top` counts what there is."""

    names: tuple[str, ...]
    rest: bytes
    line: int
    heads: tuple[tuple[str, ...], ...] = ()
    above: tuple[tuple[int, str, list[str]], ...] = ()
    top: Accounted = NOTHING


def read_layout(
    texts: Iterator[bytes],
    dialect: Dialect,
    substitution: DelimiterSubstitution,
    columns: Sequence[str],
) -> Layout:
    """Read the preamble and the header from the first blocks.

    Raises DataError for a text without a header line, for a header that names a column twice, and
    for another header than the one that the contract's columns were named by.
    """
    block = without_marks(next(texts, b""))
    if dialect.header and not block:
        raise DataError("the file is empty", hint="send it with its header line and its rows")
    while True:
        used, rest = _below_preamble(block, dialect.preamble)
        found = _header(rest, dialect, substitution, used) if used == dialect.preamble else None
        if found is not None:
            above = _above(block[: len(block) - len(rest)], dialect, substitution)
            return _layout(found, rest, used, above, dialect, columns)
        more = next(texts, b"")
        if not more or block.count(b"\n") > _MAX_LINES:
            break
        block += without_marks(more)
    if not dialect.header:
        above = _above(block, dialect, substitution)
        top = Accounted(lines=used, preamble=used)
        return Layout(tuple(dialect.columns or columns), b"", used + 1, above=above, top=top)
    raise DataError("the file has no header line", hint="send it with its header line and its rows")


def _layout(
    found: _Header,
    rest: bytes,
    used: int,
    above: tuple[tuple[int, str, list[str]], ...],
    dialect: Dialect,
    columns: Sequence[str],
) -> Layout:
    heads = tuple(tuple(row) for row in found.rows)
    if not dialect.header:
        names = tuple(dialect.columns or columns)
        heads = (tuple(dialect.header_cells),) if dialect.header_cells else ()
    else:
        names = names_of(found.rows, dialect)
    _, rest = _below_preamble(rest, found.taken)
    count = len(found.rows)
    top = Accounted(
        lines=used + count + found.blank + found.comments,
        preamble=used,
        header=count,
        blank=found.blank,
        comment=found.comments,
    )
    return Layout(names, rest, used + found.taken + 1, heads, above, top)


def _above(
    text: bytes, dialect: Dialect, substitution: DelimiterSubstitution
) -> tuple[tuple[int, str, list[str]], ...]:
    """The lines above the header, each by itself: its number, its text and its cells."""
    delimiter, found = substitution.readable(dialect), []
    for number, line in enumerate(_decoded(text).split("\n")[:-1], start=1):
        raw = line.removesuffix("\r")
        record = next(all_records([raw], dialect, delimiter), None)
        if record is not None and record.fault is None and record.cells:
            cells = _less_trailing([substitution.reveal(cell) for cell in record.cells], dialect)
            found.append((number, raw, cells))
    return tuple(found)


def _below_preamble(text: bytes, count: int) -> tuple[int, bytes]:
    """How many of so many lines there are, and what follows them."""
    at = used = 0
    while used < count and (end := text.find(b"\n", at)) >= 0:
        at, used = end + 1, used + 1
    return used, text[at:]


@dataclass(frozen=True, slots=True)
class _Header:
    """The header's rows, how many lines they take, and the lines among these that are none."""

    rows: list[list[str]]
    taken: int
    blank: int = 0
    comments: int = 0


def _header(
    text: bytes, dialect: Dialect, substitution: DelimiterSubstitution, above: int
) -> _Header | None:
    """The header of a text; None if the text is too short for it."""
    rows: list[list[str]] = []
    if not dialect.header:
        return _Header(rows, 0)
    lines = [_decoded(line) for line in text.split(b"\n", _MAX_LINES)[:-1]]
    delimiter = substitution.readable(dialect)
    widest = max((line.count(delimiter) for line in lines[: dialect.header]), default=0)
    if widest > _MAX_CELLS:
        raise too_wide(widest + 1)
    blank = comments = 0
    for record in all_records(lines, dialect, delimiter):
        if record.comment:
            comments += 1
            continue
        if record.fault is not None:
            raise DataError(
                "line {line}: the header cannot be read: {fault}",
                hint="look at its quotes",
                line=above + record.line + 1,
                fault=record.fault,
            )
        if any(cell.strip() for cell in record.cells):
            rows.append([substitution.reveal(cell) for cell in record.cells])
        elif not rows or record.blank:
            blank += 1
        else:
            rows.append([substitution.reveal(cell) for cell in record.cells])
        if len(rows) == dialect.header:
            rows = [_less_trailing(row, dialect) for row in rows]
            return _Header(rows, record.line + record.count, blank, comments)
    return None


def _less_trailing(cells: list[str], dialect: Dialect) -> list[str]:
    """The cells of a line without the empty one that a delimiter at its end makes."""
    return cells[:-1] if dialect.trailing_delimiter and not cells[-1] else cells


def _decoded(line: bytes) -> str:
    """A line of the header; bytes that are no text show as U+FFFD, and match no column."""
    return line.decode("utf-8", "replace")


def names_of(
    rows: Sequence[Sequence[str]], dialect: Dialect, is_sheet: bool = False
) -> tuple[str, ...]:
    """The columns' names: those of the header's lines, or where the contract has pinned what the
    header says, those that it gives them.

    Raises DataError if a name comes twice, or the header is not the pinned one.
    """
    if not dialect.header_cells:
        return unique_names(joined(rows, is_sheet))
    found = joined(rows, is_sheet)
    while found and len(found) > len(dialect.header_cells) and not found[-1]:
        found.pop()
    if [folded(cell) for cell in found] == [folded(cell) for cell in dialect.header_cells]:
        return tuple(dialect.columns)
    at = next(
        (
            at
            for at, (cell, pinned) in enumerate(zip(found, dialect.header_cells, strict=False))
            if folded(cell) != folded(pinned)
        ),
        min(len(found), len(dialect.header_cells)),
    )
    raise DataError(
        'the header is not the agreed one: column {number} is "{found}" where "{pinned}" is'
        " expected; columns of the same name are known by their order only",
        hint="send the columns in the agreed order: {columns}",
        number=at + 1,
        found=found[at] if at < len(found) else "",
        pinned=dialect.header_cells[at] if at < len(dialect.header_cells) else "",
        columns=", ".join(dialect.header_cells),
    )


def joined(rows: Sequence[Sequence[str]], is_sheet: bool = False) -> list[str]:
    """The header's lines in one, joined by a space. Where names come twice otherwise, a group's
    name over several columns (as of merged cells) counts for each of them; what a sheet says twice
    of a column, as of cells merged down, is said once."""
    width = max(map(len, rows))
    if width > MAX_COLUMNS:
        raise too_wide(width)
    padded = [[*row, *[""] * (width - len(row))] for row in rows]
    names = _in_one(padded, is_sheet)
    if len(rows) > 1 and len(set(names)) < len(names):
        return _in_one([*map(_spread, padded[:-1]), padded[-1]], True)
    return names


def _in_one(rows: Sequence[Sequence[str]], once: bool) -> list[str]:
    names = []
    for column in zip(*rows, strict=True):
        parts = [cell.strip() for cell in column if cell.strip()]
        names.append(" ".join(dict.fromkeys(parts) if once else parts))
    return names


def _spread(row: Sequence[str]) -> list[str]:
    """A line of groups with each group's name over all its columns."""
    out, last = [], ""
    for cell in row:
        last = cell if cell.strip() else last
        out.append(last)
    return out


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
        most=MAX_COLUMNS,
    )
