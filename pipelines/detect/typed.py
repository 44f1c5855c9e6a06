"""Files that are no delimited text: workbooks, JSON Lines and Parquet."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path

from pipelines.cast.errors import is_error
from pipelines.detect.dialect import Record
from pipelines.detect.found import Detected, Finding
from pipelines.detect.layout import find_layout
from pipelines.detect.sample import Sample
from pipelines.detect.table import described, with_header
from pipelines.detect.text import ROWS
from pipelines.parse.chunk import Chunk
from pipelines.parse.jsonl import read_jsonl
from pipelines.parse.parquet import read_parquet
from pipelines.parse.workbook import sheet_names, sheet_rows
from schemas.dialect import Dialect, Format
from schemas.limits import Limits


def detect_workbook(path: Path, limits: Limits) -> Detected:
    """The sheet of a workbook that has the most cells, its layout and columns.

    Raises DataError for a workbook that cannot be read.
    """
    most = limits.workbook_bytes
    names = sheet_names(path, most)
    found = {name: _sheet(path, name, most) for name in names}
    sizes = {name: sum(_filled(cells) for _, cells in rows) for name, rows in found.items()}
    # The first sheet that is of some size is meant more often than the very largest.
    largest = max(sizes.values(), default=0)
    chosen = next((name for name in names if sizes[name] * 3 >= largest and sizes[name]), "")
    rows = found.get(chosen, [])
    left, right = _bounds([cells for _, cells in rows])
    dialect = Dialect(
        format=Format.EXCEL,
        sheet="" if not chosen or chosen == names[0] else chosen,
        range=f"{_letters(left)}:{_letters(right)}" if left else "",
    )
    others = [name for name in names if name != chosen and sizes[name]]
    findings = [
        Finding(what="format", value="workbook", confidence=1.0, evidence="its first bytes"),
        Finding(
            what="sheet",
            value=chosen or "none",
            confidence=0.6 if others else 0.95,
            evidence=f"others with cells: {', '.join(others)[:60]}" if others else "the only one",
        ),
    ]
    if not rows or right < left:
        return _empty(dialect, findings)
    records = [
        Record(line, 1, [*cells[left : right + 1], *[""] * (right + 1 - max(left, len(cells)))])
        for line, cells in rows
    ]
    layout = find_layout(records, at_end=len(rows) < ROWS, delimited=False)
    header, dialect, more = with_header(layout, dialect)
    fit = [each for each in layout.rows if len(each.cells) == layout.width]
    findings += [*layout.findings, *more, *_errors(fit, left)]
    cells = [["" if is_error(cell) else cell for cell in each.cells] for each in fit]
    return described(dialect, findings, header, cells, complete=len(rows) < ROWS)


def _errors(rows: Sequence[Record], left: int) -> list[Finding]:
    """A finding about cells with an error, if there are any."""
    found = [
        (each.line, at, cell)
        for each in rows
        for at, cell in enumerate(each.cells)
        if is_error(cell)
    ]
    if not found:
        return []
    line, at, cell = found[0]
    words = (
        f"the first is {cell} in {_letters(left + at)}{line}; its row is rejected, unless `nulls`"
        " names the error"
    )
    return [Finding(what="error cells", value=f"{len(found):,}", confidence=1.0, evidence=words)]


def _sheet(path: Path, name: str, most: int) -> list[tuple[int, list[str]]]:
    """The first rows of a sheet."""
    return list(islice(sheet_rows(path, Dialect(format=Format.EXCEL, sheet=name), most), ROWS))


def _filled(cells: Iterable[str]) -> int:
    return sum(1 for cell in cells if cell.strip())


def _bounds(rows: Sequence[Sequence[str]]) -> tuple[int, int]:
    """The first and the last column that have a filled cell, from 0."""
    used = {at for cells in rows for at, cell in enumerate(cells) if cell.strip()}
    return (min(used), max(used)) if used else (0, -1)


def _letters(column: int) -> str:
    """A column's letters: 0 is A, 26 is AA."""
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def looks_like_jsonl(head: bytes) -> bool:
    """Whether the first lines are JSON objects."""
    lines = [line for line in head.split(b"\n", 4)[:4] if line.strip()]
    lines = lines[:-1] if len(lines) == 4 else lines

    def is_object(line: bytes) -> bool:
        try:
            return isinstance(json.loads(line), dict)
        except (ValueError, RecursionError):
            return False

    return bool(lines) and lines[0].lstrip().startswith(b"{") and all(map(is_object, lines))


def detect_jsonl(sample: Sample) -> Detected:
    """The columns of JSON Lines: every key of the sample's objects."""
    text = sample.head if sample.complete else sample.head[: sample.head.rfind(b"\n") + 1]
    dialect = Dialect(format=Format.JSONL)
    names, chunks = read_jsonl(io.BytesIO(text), dialect, (), "en")
    found = Finding(
        what="format", value="JSON Lines", confidence=0.95, evidence="a JSON object on each line"
    )
    rows = _cells(chunks)
    return described(dialect, [found], names, rows, complete=sample.complete)


def detect_parquet(path: Path) -> Detected:
    """The columns of a Parquet file; raises DataError as reading it does."""
    dialect = Dialect(format=Format.PARQUET)
    names, chunks = read_parquet(path, dialect)
    found = Finding(what="format", value="Parquet", confidence=1.0, evidence="its first bytes")
    rows = _cells(chunks)
    return described(dialect, [found], names, rows, complete=len(rows) < ROWS)


def _cells(chunks: Iterable[Chunk]) -> list[list[str]]:
    """The first rows of the chunks; a cell that is not there is empty."""
    rows: list[list[str]] = []
    for chunk in chunks:
        columns = [column.slice(0, ROWS).to_pylist() for column in chunk.cells.columns]
        rows += [[cell or "" for cell in row] for row in zip(*columns, strict=True)]
        if len(rows) >= ROWS:
            break
    return rows[:ROWS]


def _empty(dialect: Dialect, findings: Sequence[Finding]) -> Detected:
    nothing = Finding(what="rows", value="none", confidence=1.0, evidence="it is empty")
    return Detected(
        dialect=dialect, findings=(*findings, nothing), columns=(), header=(), rows=0, complete=True
    )
