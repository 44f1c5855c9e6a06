"""A sheet's cells as text, read in a process of its own.

Calamine gives up by ending the process: one cell in the last row and column of a sheet asks it for
half a terabyte. So `read_sheet` runs this file as a program, bounded in memory and time, which
prints the sheets' names and then the rows as JSON.

Of a cell with an error, such as #N/A, Calamine gives nothing, and for a new one such as #SPILL! it
refuses the sheet. Where a sheet in XML has one, or a formula that was never calculated, a copy in
which it is a text is read. A number is what Excel shows of it: 15 digits, those of its format where
that is one like 00000.
"""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
import zipfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

_SECONDS = 600
_BATCH, _BATCH_BYTES = 1000, 1024 * 1024
_ROW_BYTES = 8 * 1024 * 1024
_EXACT = 2**53
"""Above it, not every whole number can be told from the next one."""
INEXACT = "#INEXACT!"
"""What stands in a cell, before its digits, that no number should be made of."""
_DIGITS = re.compile(r"-?[0-9]+")


class Shown(str):
    """What a sheet shows of a cell; `plain` is the number beneath it."""

    __slots__ = ("plain",)
    plain: str

    def __new__(cls, text: str, plain: str) -> Shown:
        """A cell that shows `text` of the number `plain`."""
        found = super().__new__(cls, text)
        found.plain = plain
        return found


class SheetError(Exception):
    """The workbook cannot be read; the message says why."""


@dataclass(frozen=True, slots=True)
class Sheets:
    """The names of a workbook's sheets, and the rows of one: line and cells. Which one that is
    comes behind the names, with those that it might as well be."""

    names: list[str]
    stream: IO[bytes]

    def chosen(self) -> tuple[str, list[str]]:
        """The sheet that is read, and all that are filled where none was wanted by name: if these
        are several, no row comes. Asked once, before `rows`."""
        found = _message(self.stream)
        return (found[0], found[1]) if found is not None else ("", [])

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """The rows of that sheet."""
        return _rows(self.stream)


@contextmanager
def read_sheet(path: Path, sheet: str, decimal: str, memory: int) -> Generator[Sheets]:
    """Read one sheet (the only filled one if the name is empty) with so many bytes of memory.

    Numbers get `decimal` as their sign, whole ones none. Raises SheetError here or while the rows
    are read; a sheet that is not there has no rows.
    """
    command = [sys.executable, "-I", __file__, str(path), sheet, decimal, str(memory)]
    with (
        TemporaryDirectory(prefix="waybill-") as folder,
        subprocess.Popen(
            [*command, folder],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as process,
    ):
        assert process.stdout is not None
        try:
            names = _message(process.stdout)
            yield Sheets(names, process.stdout)
        finally:
            process.kill()


def _rows(stream: IO[bytes]) -> Iterator[tuple[int, list[str]]]:
    while (rows := _message(stream)) is not None:
        for line, cells, *beneath in rows:
            for at, plain in beneath[0] if beneath else ():
                cells[at] = Shown(cells[at], plain)
            yield line, cells


def _message(stream: IO[bytes]) -> Any:
    text = stream.readline()
    if not text.endswith(b"\n"):
        raise SheetError("it is damaged, or larger than it may be")
    found = json.loads(text)
    if isinstance(found, dict):
        raise SheetError(found["error"])
    return found


def main() -> None:
    """Print the sheets' names, batches of rows and null, or what is wrong."""
    path, wanted, decimal, memory, folder = sys.argv[1:]
    resource.setrlimit(resource.RLIMIT_AS, (int(memory), int(memory)))
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.path.append(str(Path(__file__).parent))
    from python_calamine import CalamineWorkbook
    from sheet_xml import with_error_texts  # type: ignore[import-not-found]

    try:
        with CalamineWorkbook.from_path(path) as workbook:
            names = workbook.sheet_names
            _say(names)
            filled = _filled(workbook) if len(names) > 1 and not wanted else []
        if names and len(filled) < 2 and (not wanted or wanted in names):
            own = wanted or (filled or names)[0]
            _say([own, filled])
            with CalamineWorkbook.from_path(with_error_texts(path, folder)) as workbook:
                sheet = workbook.get_sheet_by_name(own)
                left = [""] * (sheet.start[1] if sheet.start else 0)
                rows = (
                    (line, left + _texts(row, decimal))
                    for line, row in enumerate(sheet.iter_rows(), start=1)
                )
                whole = _filled_down(rows, _merged(sheet))
                with _masked(path, own) as masked:
                    for some in _batches(_masked_rows(whole, masked), int(memory)):
                        _say(some)
        elif filled:
            _say(["", filled])
        _say(None)
    except Exception as error:
        _say({"error": str(error)[:300] or type(error).__name__})


def _filled(workbook: Any) -> list[str]:
    """The sheets that hold something. One that is hidden is nobody's file, unless all are: lists
    that a template's cells are chosen from stand in such."""
    known = [each for each in workbook.sheets_metadata if "WorkSheet" in str(each.typ)]
    seen = [each for each in known if str(each.visible).endswith("Visible")] or known
    return [each.name for each in seen if _is_filled(workbook, each.name)]


def _is_filled(workbook: Any, name: str) -> bool:
    try:
        rows = workbook.get_sheet_by_name(name).iter_rows()
        return any(cell not in ("", None) for row in rows for cell in row)
    except Exception:
        # Calamine refuses a whole sheet for an error that it does not know: it is no empty one.
        return True


def _merged(sheet: Any) -> dict[int, list[tuple[int, int]]]:
    """The cells that are merged with others below them, by row: their column and their last row,
    all from 0."""
    found: dict[int, list[tuple[int, int]]] = {}
    try:
        ranges = sheet.merged_cell_ranges or ()
    except Exception:
        # Calamine knows them for some kinds of workbooks only.
        return found
    for (top, left), (bottom, _) in ranges:
        if bottom > top:
            found.setdefault(top, []).append((left, bottom))
    return found


def _filled_down(
    rows: Iterator[tuple[int, list[str]]], merged: dict[int, list[tuple[int, int]]]
) -> Iterator[tuple[int, list[str]]]:
    """The rows, in which a cell that is merged over several has its value in each of them."""
    if not merged:
        yield from rows
        return
    open_: dict[int, tuple[int, str]] = {}
    for line, cells in rows:
        for at, (last, text) in list(open_.items()):
            if line - 1 > last:
                del open_[at]
            elif at < len(cells) and not cells[at]:
                cells[at] = text
        for at, last in merged.get(line - 1, ()):
            if at < len(cells):
                open_[at] = (last, cells[at])
        yield line, cells


@contextmanager
def _masked(path: str, sheet: str) -> Generator[Iterator[tuple[int, int, str]]]:
    """The cells of the sheet whose format shows zeros that their numbers do not have."""
    if not zipfile.is_zipfile(path):
        yield iter(())
        return
    from formats import masked_cells, masks_of  # type: ignore[import-not-found]

    with zipfile.ZipFile(path) as book:
        masks = masks_of(book)
        yield masked_cells(book, sheet, masks) if masks else iter(())


def _masked_rows(
    rows: Iterator[tuple[int, list[str]]], masked: Iterator[tuple[int, int, str]]
) -> Iterator[tuple[Any, ...]]:
    """The rows with what their formats show; the numbers beneath go along with their columns."""
    from formats import shown

    coming = next(masked, None)
    for line, cells in rows:
        beneath = []
        while coming is not None and coming[0] <= line:
            row, column, mask = coming
            at = column - 1
            if row == line and at < len(cells) and _DIGITS.fullmatch(cells[at]):
                plain = cells[at]
                cells[at] = shown(plain, mask)
                if cells[at] != plain:
                    beneath.append((at, plain))
            coming = next(masked, None)
        yield (line, cells, beneath) if beneath else (line, cells)


def _batches(rows: Iterator[tuple[Any, ...]], most: int) -> Iterator[list[tuple[Any, ...]]]:
    """The rows in batches that are bounded in rows and in size: one text of a megabyte, which the
    workbook holds once, may stand in every cell. All of them have `most` characters together."""
    some: list[tuple[Any, ...]] = []
    size, total = 0, 0
    for row in rows:
        own = sum(map(len, row[1]))
        if own > _ROW_BYTES:
            raise ValueError(f"row {row[0]:,} has more than {_ROW_BYTES:,} characters")
        total += own
        if total > most:
            raise ValueError(f"its cells have more than {most:,} characters")
        some.append(row)
        size += own
        if len(some) == _BATCH or size > _BATCH_BYTES:
            yield some
            some, size = [], 0
    if some:
        yield some


def _say(found: Any) -> None:
    sys.stdout.write(json.dumps(found) + "\n")


def _texts(row: list[Any], decimal: str) -> list[str]:
    """The cells of a row; none of a blank one, of which a sheet may have a million."""
    cells = [_text(each, decimal) for each in row]
    return cells if any(cells) else []


def _text(value: Any, decimal: str) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case float() | int() if abs(value) >= _EXACT:
            return f"{INEXACT} {value:.0f}" if value == value and abs(value) != inf else ""
        case float() if value.is_integer():
            return str(int(value))
        case float() | int():
            # Excel keeps and shows 15 digits; those behind are noise of its arithmetic.
            return f"{value:.15g}".replace(".", decimal)
        case datetime() | date() | time():
            return value.isoformat()
        case timedelta():
            return _duration(value)
        case _:
            return str(value)


def _duration(value: timedelta) -> str:
    """A duration as hours, minutes and seconds, with thousandths if it has any."""
    millis = round(abs(value) / timedelta(milliseconds=1))
    seconds, rest = divmod(millis, 1000)
    sign = "-" if value < timedelta() and millis else ""
    fraction = f".{rest:03}" if rest else ""
    return f"{sign}{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{fraction}"


if __name__ == "__main__":
    main()
