"""Workbooks: xlsx, xlsb, xls and ods, read by calamine."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from pipelines.parse.chunk import Chunk
from pipelines.parse.header import joined_names
from pipelines.parse.rows import Row, gathered, line_of
from schemas.dialect import Dialect
from schemas.errors import DataError
from schemas.language import say
from schemas.reject import Problem, RejectedRow

_RANGE = re.compile(r"([A-Z]{1,3})?(\d+)?(?::([A-Z]{1,3})?(\d+)?)?", re.IGNORECASE)
_WHOLE = 10**15


def read_workbook(
    path: Path, dialect: Dialect, most_bytes: int, columns: Sequence[str], language: str
) -> tuple[tuple[str, ...], Iterator[Chunk]]:
    """The header's names and the rows of one sheet; a row's line is the sheet's own row number.

    Typed cells come as text: whole numbers without a point, other numbers with the dialect's
    decimal sign, moments in ISO 8601. A cell with an error is empty. Raises DataError for a file
    that is no workbook, a sheet that is not there, and one that would not fit into memory.
    """
    rows = _rows(path, dialect, most_bytes)
    if dialect.header:
        above = list(islice(rows, dialect.preamble + dialect.header))[dialect.preamble :]
        if len(above) < dialect.header or not any(any(cells) for _, cells in above):
            raise DataError(
                "the sheet has no header row", hint="send it with its header row and its rows"
            )
        names = _names([cells for _, cells in above])
    else:
        names = dialect.columns or tuple(columns)
        rows = islice(rows, dialect.preamble, None)
    shown = dialect.numbers.decimal
    fitted = (_fitted(line, cells, len(names), dialect, language, shown) for line, cells in rows)
    return names, gathered(fitted, names, dialect)


def sheet_names(path: Path, most_bytes: int) -> list[str]:
    """The names of a workbook's sheets; raises DataError as `read_workbook` does."""
    from python_calamine import CalamineError, CalamineWorkbook

    _check_size(path, most_bytes)
    try:
        with CalamineWorkbook.from_path(str(path)) as workbook:
            return list(workbook.sheet_names)
    except (CalamineError, OSError, ValueError) as error:
        raise _unreadable(error) from error


def sheet_rows(path: Path, dialect: Dialect, most_bytes: int) -> Iterator[tuple[int, list[str]]]:
    """The row numbers and cells of a sheet, header and all; raises as `read_workbook` does."""
    for line, values in _rows(path, dialect, most_bytes):
        yield line, [_text(value, dialect.numbers.decimal) for value in values]


def _rows(path: Path, dialect: Dialect, most_bytes: int) -> Iterator[tuple[int, list[Any]]]:
    """The row numbers and values inside the declared range."""
    from python_calamine import CalamineError, CalamineWorkbook

    _check_size(path, most_bytes)
    top, left, bottom, right = _bounds(dialect.range)
    try:
        with CalamineWorkbook.from_path(str(path)) as workbook:
            sheet = workbook.get_sheet_by_name(_sheet(workbook.sheet_names, dialect.sheet))
            first = sheet.start[1] if sheet.start else 0
            for line, values in enumerate(sheet.iter_rows(), start=1):
                if bottom and line > bottom:
                    return
                if line >= top:
                    padded = [""] * first + values
                    yield line, padded[left - 1 : right]
    except (CalamineError, OSError, ValueError) as error:
        raise _unreadable(error) from error
    # calamine's own parser may give up on a damaged file in this way.
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise DataError("the workbook is damaged", hint="save it again and resend") from error


def _unreadable(error: Exception) -> DataError:
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


def _sheet(names: Sequence[str], wanted: str) -> str:
    if not names:
        raise DataError("the workbook has no sheet", hint="send one with a sheet of rows")
    if not wanted:
        return names[0]
    if wanted not in names:
        raise DataError(
            'the workbook has no sheet "{sheet}"',
            hint="its sheets are {names}",
            sheet=wanted,
            names=", ".join(names[:20]),
        )
    return wanted


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


def _names(rows: Sequence[Sequence[Any]]) -> tuple[str, ...]:
    texts = [[_text(cell, ".") for cell in row] for row in rows]
    width = max(index + 1 for row in texts for index, cell in enumerate(row) if cell.strip())
    return joined_names([row[:width] for row in texts])


def _fitted(
    line: int, values: list[Any], width: int, dialect: Dialect, language: str, decimal: str
) -> Row:
    """A row with as many cells as the header; cells beyond it must be empty."""
    cells: list[str | None] = [_text(value, decimal) for value in values]
    if any(cell and cell.strip() for cell in cells[width:]) and dialect.extra == "reject":
        message = say(
            "the row has a cell beyond the header's last column: {value}",
            language,
            value=next(cell for cell in cells[width:] if cell and cell.strip()),
        )
        problem = Problem(line=line, column=None, value=None, rule="columns", message=message)
        return RejectedRow(line=line, raw=line_of(cells, dialect), problems=(problem,))
    return line, [*cells[:width], *[""] * (width - len(cells))]


def _text(value: Any, decimal: str) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer() and abs(value) < _WHOLE:
            return str(int(value))
        case float() | int():
            return repr(value).replace(".", decimal)
        case datetime() | date() | time():
            return value.isoformat()
        case timedelta():
            minutes, seconds = divmod(int(value.total_seconds()), 60)
            return f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}"
        case _:
            return str(value)
