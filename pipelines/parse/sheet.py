"""A sheet's cells as text, read in a process of its own.

Calamine gives up by ending the process: one cell in the last row and column of a sheet asks it for
half a terabyte. So `read_sheet` runs this file as a program, bounded in memory and time, which
prints the sheets' names and then the rows as JSON.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import batched
from pathlib import Path
from typing import IO, Any

_SECONDS = 600
_BATCH = 1000
_WHOLE = 10**15


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
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
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
    path, wanted, decimal, memory = sys.argv[1:]
    resource.setrlimit(resource.RLIMIT_AS, (int(memory), int(memory)))
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    from python_calamine import CalamineWorkbook

    try:
        with CalamineWorkbook.from_path(path) as workbook:
            names = workbook.sheet_names
            _say(names)
            if names and (not wanted or wanted in names):
                sheet = workbook.get_sheet_by_name(wanted or names[0])
                left = [""] * (sheet.start[1] if sheet.start else 0)
                rows = enumerate(sheet.iter_rows(), start=1)
                for some in batched(rows, _BATCH, strict=False):
                    _say([(line, left + _texts(row, decimal)) for line, row in some])
            _say(None)
    except Exception as error:
        _say({"error": str(error)[:300] or type(error).__name__})


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
