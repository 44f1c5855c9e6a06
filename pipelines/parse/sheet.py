"""A sheet's cells as text, read in a process of its own.

Calamine gives up by ending the process: one cell in the last row and column of a sheet asks it for
half a terabyte. So `read_sheet` runs this file as a program, bounded in memory and time, which
prints the sheets' names and then the rows as JSON.

Of a cell with an error, such as #N/A, Calamine gives nothing, and for a new one such as #SPILL! it
refuses the sheet. Where a sheet in XML has one, a copy in which it is a text is read.
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
from itertools import batched
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

_SECONDS = 600
_BATCH = 1000
_WHOLE = 10**15
_BLOCK, _LONGEST = 1024 * 1024, 8 * 1024 * 1024
_PARTS = (".xml", ".rels", "mimetype")
# Tags of cells: xlsx says `<c r="B3" t="e">`, ods
# `<table:table-cell office:value-type="string" office:string-value="" calcext:value-type="error">`.
# https://learn.microsoft.com/dotnet/api/documentformat.openxml.spreadsheet.cellvalues
_XLSX_ERROR = re.compile(rb"""(<(?:\w+:)?c\s(?:[^<>]*\s)?t=["'])e(?=["'])""")
_ODS_ERROR = re.compile(rb"""<table:table-cell\s[^<>]*\bcalcext:value-type=["']error["'][^<>]*>""")
_ODS_VALUE = re.compile(rb"""\soffice:(?:string-value|value)=(?:"[^"]*"|'[^']*')""")
_ODS_TYPE = re.compile(rb"""(\soffice:value-type=["'])\w+""")


class SheetError(Exception):
    """The workbook cannot be read; the message says why."""


@dataclass(frozen=True, slots=True)
class Sheets:
    """The names of a workbook's sheets, and the rows of one: line and cells."""

    names: list[str]
    rows: Iterator[tuple[int, list[str]]]


@contextmanager
def read_sheet(path: Path, sheet: str, decimal: str, memory: int) -> Generator[Sheets]:
    """Read one sheet (the first if the name is empty) with so many bytes of memory.

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
            yield Sheets(names, _rows(process.stdout))
        finally:
            process.kill()


def _rows(stream: IO[bytes]) -> Iterator[tuple[int, list[str]]]:
    while (rows := _message(stream)) is not None:
        yield from rows


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
    from python_calamine import CalamineWorkbook

    try:
        with CalamineWorkbook.from_path(path) as workbook:
            names = workbook.sheet_names
        _say(names)
        if names and (not wanted or wanted in names):
            with CalamineWorkbook.from_path(_with_error_texts(path, folder)) as workbook:
                sheet = workbook.get_sheet_by_name(wanted or names[0])
                left = [""] * (sheet.start[1] if sheet.start else 0)
                rows = enumerate(sheet.iter_rows(), start=1)
                for some in batched(rows, _BATCH, strict=False):
                    _say([(line, left + _texts(row, decimal)) for line, row in some])
        _say(None)
    except Exception as error:
        _say({"error": str(error)[:300] or type(error).__name__})


def _with_error_texts(path: str, folder: str) -> str:
    """The workbook's own path, or that of a copy whose error cells are texts."""
    if not zipfile.is_zipfile(path):
        return path
    with zipfile.ZipFile(path) as book:
        parts = [each for each in book.infolist() if each.filename.endswith(_PARTS)]
        if not any(_has_errors(book, each) for each in parts):
            return path
        copy = f"{folder}/book"
        with zipfile.ZipFile(copy, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as other:
            for each in parts:
                with other.open(each.filename, "w", force_zip64=True) as out:
                    out.writelines(map(_as_text, _tags(book, each)))
    return copy


def _has_errors(book: zipfile.ZipFile, part: zipfile.ZipInfo) -> bool:
    return any(
        (b't="e"' in some or b"t='e'" in some or b"calcext" in some) and _as_text(some) != some
        for some in _tags(book, part)
    )


def _as_text(some: bytes) -> bytes:
    """Some XML with the cells that hold an error typed as texts."""
    return _ODS_ERROR.sub(_ods_text, _XLSX_ERROR.sub(rb"\1str", some))


def _ods_text(tag: re.Match[bytes]) -> bytes:
    return _ODS_TYPE.sub(rb"\1string", _ODS_VALUE.sub(b"", tag[0]))


def _tags(book: zipfile.ZipFile, part: zipfile.ZipInfo) -> Iterator[bytes]:
    """A part in blocks that cut no tag but those of absurd length."""
    rest = b""
    with book.open(part) as stream:
        while block := stream.read(_BLOCK):
            block = rest + block
            cut = block.rfind(b"<")
            if cut < 0 or b">" in block[cut:] or len(block) > _LONGEST:
                cut = len(block)
            rest = block[cut:]
            yield block[:cut]
    yield rest


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


if __name__ == "__main__":
    main()
