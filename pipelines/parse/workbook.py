"""Workbooks: xlsx, xlsb, xls and ods, read by calamine."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path

from pipelines.parse.chunk import Parsed
from pipelines.parse.doubt import Names
from pipelines.parse.fit import ENOUGH, Shape
from pipelines.parse.header import LIKE_A_ROW, names_of
from pipelines.parse.rows import Row, gathered, line_of
from pipelines.parse.sheet import SheetError, read_sheet
from schemas.accounted import Accounted
from schemas.dialect import Dialect
from schemas.errors import DataError
from schemas.language import translate
from schemas.reject import Problem, RejectedRow

_RANGE = re.compile(r"([A-Z]{1,3})?(\d+)?(?::([A-Z]{1,3})?(\d+)?)?", re.IGNORECASE)
_LEAST_MEMORY = 384 * 1024 * 1024
_MEMORY, _MEMORY_OF_FILE = 4, 100
"""A sheet in memory may take so many times what a workbook may unpack to, and so many times what
its own file has: a text that the file holds once may stand in every cell."""
_FIRST_BYTES = 16 * 1024 * 1024


def read_workbook(path: Path, dialect: Dialect, most_bytes: int, columns: Sequence[str]) -> Parsed:
    """The header's names and the rows of one sheet; a row's line is the sheet's own row number.

    Typed cells come as text: whole numbers without a point, other numbers with the dialect's
    decimal sign, moments in ISO 8601. Where the dialect names no sheet it is the only one with
    cells that is not hidden. A cell with an error holds its name, such as #N/A; in xls and
    xlsb, of whose errors calamine says nothing, it is empty. Raises DataError for a file that is no
    workbook, a sheet that is not there, several where none is named, and one that would not fit
    into memory.
    """
    others: list[str] = []
    rows = sheet_rows(path, dialect, most_bytes, others)
    above = list(islice(rows, dialect.preamble))
    heads: tuple[tuple[str, ...], ...] = ()
    if dialect.header:
        head = [cells for _, cells in islice(rows, dialect.header)]
        if len(head) < dialect.header or not any(cell.strip() for row in head for cell in row):
            raise DataError(
                "the sheet has no header row", hint="send it with its header row and its rows"
            )
        names = _names(head, dialect)
        heads = tuple(tuple(row[: len(names)]) for row in head)
    else:
        names = dialect.columns or tuple(columns)
        if above and len(above[-1][1]) == len(names):
            heads = (tuple(above[-1][1]),)
    first = list(_first(rows))
    shape = Shape(len(names), [_padded(cells, len(names)) for _, cells in first if any(cells)])
    words = Names(names, dialect)
    like = [
        words.doubted(line, line_of(cells, dialect), cells, LIKE_A_ROW, "preamble")
        for line, cells in above
        if any(cells) and shape.is_certain(_padded(cells, len(names)))
    ]
    over = len(above) - len(like)
    top = Accounted(
        lines=over + dialect.header,
        preamble=over,
        header=dialect.header,
        others=tuple(others),
    )
    fitted = (
        _fitted(line, cells, len(names), dialect) if any(cells) else None
        for line, cells in _ended(chain(first, rows))
    )
    return Parsed(
        names, gathered(chain(like, fitted), names, dialect, top, is_sheet=True), heads=heads
    )


def _first(rows: Iterator[tuple[int, list[str]]]) -> Iterator[tuple[int, list[str]]]:
    """Enough rows to tell what rows are like, as far as they are of a bearable size."""
    size = 0
    for row in islice(rows, ENOUGH):
        yield row
        size += sum(map(len, row[1]))
        if size > _FIRST_BYTES:
            return


def _padded(cells: Sequence[str], width: int) -> list[str]:
    return [*cells[:width], *[""] * (width - len(cells))]


def _ended(rows: Iterable[tuple[int, list[str]]]) -> Iterator[tuple[int, list[str]]]:
    """The rows up to the last that has a cell: what a sheet has below it is no line of anything."""
    # The numbers follow each other; a sheet has a million blank rows as easily as one.
    blank: int | None = None
    for line, cells in rows:
        if any(cells):
            if blank is not None:
                yield from ((each, []) for each in range(blank, line))
                blank = None
            yield line, cells
        elif blank is None:
            blank = line


def sheet_names(path: Path, most_bytes: int) -> list[str]:
    """The names of a workbook's sheets; raises DataError as `read_workbook` does."""
    _check_size(path, most_bytes)
    try:
        with read_sheet(path, "", ".", _memory(path, most_bytes)) as sheets:
            return sheets.names
    except SheetError as error:
        raise _unreadable(error) from error


def sheet_rows(
    path: Path, dialect: Dialect, most_bytes: int, others: list[str] | None = None
) -> Iterator[tuple[int, list[str]]]:
    """The row numbers and cells of a sheet inside the declared range, header and all; the names of
    the other sheets are added to `others`. Raises as `read_workbook` does."""
    _check_size(path, most_bytes)
    top, left, bottom, right = range_bounds(dialect.range)
    sign = dialect.numbers.decimal
    try:
        with read_sheet(path, dialect.sheet, sign, _memory(path, most_bytes)) as sheets:
            check_sheet(sheets.names, dialect.sheet)
            own, filled = sheets.chosen()
            if len(filled) > 1:
                raise _ambiguous(filled)
            if others is not None:
                others += [name for name in sheets.names if name != own]
            for line, cells in sheets.rows():
                if bottom and line > bottom:
                    return
                if line >= top:
                    yield line, cells[left - 1 : right]
    except SheetError as error:
        raise _unreadable(error) from error


def _ambiguous(names: Sequence[str]) -> DataError:
    return DataError(
        "several sheets of the workbook have cells, and the contract names none of them: {sheets}",
        hint="send the sheet with the rows alone, or ask for its name to be agreed on"
        " (dialect.sheet)",
        sheets=", ".join(names[:20]),
    )


def _memory(path: Path, most_bytes: int) -> int:
    most = min(_MEMORY * most_bytes, _MEMORY_OF_FILE * path.stat().st_size)
    return max(_LEAST_MEMORY, most)


def _unreadable(error: SheetError) -> DataError:
    return DataError(
        "the workbook cannot be read: {error}",
        hint="save it again as .xlsx and resend",
        error=error,
    )


def _check_size(path: Path, most: int) -> None:
    """A sheet is held in memory while it is read, so what it unpacks to is bounded first."""
    size = path.stat().st_size
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            size = sum(each.file_size for each in archive.infolist())
    if size > most:
        raise DataError(
            "the workbook unpacks to {size:,} bytes, more than {most:,}",
            hint="send it as delimited text, or raise limits.workbook_bytes",
            size=size,
            most=most,
        )


def check_sheet(names: Sequence[str], wanted: str) -> None:
    """Raise DataError for a workbook without a sheet, or without the wanted one."""
    if not names:
        raise DataError("the workbook has no sheet", hint="send one with a sheet of rows")
    if wanted and wanted not in names:
        raise DataError(
            'the workbook has no sheet "{sheet}"',
            hint="its sheets are {names}",
            sheet=wanted,
            names=", ".join(names[:20]),
        )


def range_bounds(area: str) -> tuple[int, int, int | None, int | None]:
    """First row and column (from 1), last row and column (None: to the end) of `B3:H`."""
    match = _RANGE.fullmatch(area.replace("$", ""))
    if match is None:
        raise DataError('dialect.range "{area}" is not a range such as B3:H', area=area)
    left, top, right, bottom = match.groups()
    return (
        int(top or 1),
        _column(left) if left else 1,
        int(bottom) if bottom else None,
        _column(right) if right else None,
    )


def _column(letters: str) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - ord("A") + 1
    return number


def _names(rows: Sequence[Sequence[str]], dialect: Dialect) -> tuple[str, ...]:
    width = max(index + 1 for row in rows for index, cell in enumerate(row) if cell.strip())
    return names_of([row[: max(width, len(dialect.header_cells))] for row in rows], dialect, True)


def _fitted(line: int, values: Sequence[str], width: int, dialect: Dialect) -> Row:
    """A row with as many cells as the header; cells beyond it must be empty."""
    beyond = next((cell for cell in values[width:] if cell.strip()), None)
    if beyond is not None and dialect.extra == "reject":
        message = translate(
            "the row has a cell beyond the header's last column: {value}", value=beyond
        )
        problem = Problem(line=line, column=None, value=None, rule="columns", message=message)
        return RejectedRow(line=line, raw=line_of(values, dialect), problems=(problem,))
    return line, [*values[:width], *[""] * (width - len(values))]
