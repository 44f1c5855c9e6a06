"""Workbooks: xlsx, xlsb, xls and ods, read by calamine."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from pipelines.parse.chunk import Chunk
from pipelines.parse.header import joined_names
from pipelines.parse.rows import Row, gathered, line_of
from pipelines.parse.sheet import SheetError, read_sheet
from schemas.dialect import Dialect
from schemas.errors import DataError
from schemas.language import say
from schemas.reject import Problem, RejectedRow

_RANGE = re.compile(r"([A-Z]{1,3})?(\d+)?(?::([A-Z]{1,3})?(\d+)?)?", re.IGNORECASE)
_LEAST_MEMORY = 256 * 1024 * 1024
_MEMORY = 4
"""A sheet in memory may take so many times what its workbook may unpack to."""


def read_workbook(
    path: Path, dialect: Dialect, most_bytes: int, columns: Sequence[str], language: str
) -> tuple[tuple[str, ...], Iterator[Chunk]]:
    """The header's names and the rows of one sheet; a row's line is the sheet's own row number.

    Typed cells come as text: whole numbers without a point, other numbers with the dialect's
    decimal sign, moments in ISO 8601. A cell with an error holds its name, such as #N/A; in xls and
    xlsb, of whose errors calamine says nothing, it is empty. Raises DataError for a file that is no
    workbook, a sheet that is not there, and one that would not fit into memory.
    """
    rows = sheet_rows(path, dialect, most_bytes)
    if dialect.header:
        above = list(islice(rows, dialect.preamble + dialect.header))[dialect.preamble :]
        if len(above) < dialect.header or not any(
            cell.strip() for _, cells in above for cell in cells
        ):
            raise DataError(
                "the sheet has no header row", hint="send it with its header row and its rows"
            )
        names = _names([cells for _, cells in above])
    else:
        names = dialect.columns or tuple(columns)
        rows = islice(rows, dialect.preamble, None)
    fitted = (
        _fitted(line, cells, len(names), dialect, language) for line, cells in rows if any(cells)
    )
    return names, gathered(fitted, names, dialect)


def sheet_names(path: Path, most_bytes: int) -> list[str]:
    """The names of a workbook's sheets; raises DataError as `read_workbook` does."""
    _check_size(path, most_bytes)
    try:
        with read_sheet(path, "", ".", _memory(most_bytes)) as sheets:
            return sheets.names
    except SheetError as error:
        raise _unreadable(error) from error


def sheet_rows(path: Path, dialect: Dialect, most_bytes: int) -> Iterator[tuple[int, list[str]]]:
    """The row numbers and cells of a sheet inside the declared range, header and all; raises as
    `read_workbook` does."""
    _check_size(path, most_bytes)
    top, left, bottom, right = _bounds(dialect.range)
    sign = dialect.numbers.decimal
    try:
        with read_sheet(path, dialect.sheet, sign, _memory(most_bytes)) as sheets:
            _check_sheet(sheets.names, dialect.sheet)
            for line, cells in sheets.rows:
                if bottom and line > bottom:
                    return
                if line >= top:
                    yield line, cells[left - 1 : right]
    except SheetError as error:
        raise _unreadable(error) from error


def _memory(most_bytes: int) -> int:
    return max(_LEAST_MEMORY, _MEMORY * most_bytes)


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


def _check_sheet(names: Sequence[str], wanted: str) -> None:
    if not names:
        raise DataError("the workbook has no sheet", hint="send one with a sheet of rows")
    if wanted and wanted not in names:
        raise DataError(
            'the workbook has no sheet "{sheet}"',
            hint="its sheets are {names}",
            sheet=wanted,
            names=", ".join(names[:20]),
        )


def _bounds(area: str) -> tuple[int, int, int | None, int | None]:
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


def _names(rows: Sequence[Sequence[str]]) -> tuple[str, ...]:
    width = max(index + 1 for row in rows for index, cell in enumerate(row) if cell.strip())
    return joined_names([row[:width] for row in rows])


def _fitted(line: int, values: Sequence[str], width: int, dialect: Dialect, language: str) -> Row:
    """A row with as many cells as the header; cells beyond it must be empty."""
    beyond = next((cell for cell in values[width:] if cell.strip()), None)
    if beyond is not None and dialect.extra == "reject":
        message = say(
            "the row has a cell beyond the header's last column: {value}", language, value=beyond
        )
        problem = Problem(line=line, column=None, value=None, rule="columns", message=message)
        return RejectedRow(line=line, raw=line_of(values, dialect), problems=(problem,))
    return line, [*values[:width], *[""] * (width - len(values))]
