"""Files that are no delimited text: workbooks, JSON and Parquet."""

from __future__ import annotations

import codecs
import io
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.cast.errors import is_error
from pipelines.detect.dialect import Record
from pipelines.detect.found import Detected, Finding, FoundColumn
from pipelines.detect.layout import find_layout
from pipelines.detect.sample import Sample
from pipelines.detect.table import described, with_header
from pipelines.detect.text import ROWS
from pipelines.parse.chunk import Chunk
from pipelines.parse.json_values import json_values
from pipelines.parse.jsonl import cells_of, read_jsonl
from pipelines.parse.parquet import read_parquet
from pipelines.parse.workbook import check_sheet, sheet_names, sheet_rows
from schemas.contract import Type
from schemas.dialect import Dialect, Format
from schemas.errors import DataError
from schemas.limits import Limits

_MOMENTS = (Type.DATE, Type.DATETIME, Type.TIMESTAMP, Type.TIME)
_SOME = 64 * 1024
_OBJECTS = re.compile(rb'\{\s*"(?:[^"\\]|\\.)*+"\s*:.*\}\s*\{', re.DOTALL)


def detect_workbook(path: Path, limits: Limits, sheet: str = "") -> Detected:
    """The sheet of a workbook that is named, or else the first of some size; its layout and
    columns.

    Raises DataError for a workbook that cannot be read, or has no such sheet.
    """
    most = limits.workbook_bytes
    names = sheet_names(path, most)
    check_sheet(names, sheet)
    found = {name: _sheet(path, name, most) for name in names}
    sizes = {name: sum(_filled(cells) for _, cells in rows) for name, rows in found.items()}
    # The first sheet that is of some size is meant more often than the very largest.
    largest = max(sizes.values(), default=0)
    chosen = sheet or next((n for n in names if sizes[n] * 3 >= largest and sizes[n]), "")
    rows = found.get(chosen, [])
    left, right = _bounds([cells for _, cells in rows])
    dialect = Dialect(
        format=Format.EXCEL,
        # Of several the one that was looked at is named: theirs may stand in another order.
        sheet=chosen if len(names) > 1 else "",
        range=f"{_letters(left)}:{_letters(right)}" if left else "",
    )
    others = [name for name in names if name != chosen and sizes[name]]
    findings = [
        Finding(what="format", value="workbook", confidence=1.0, evidence="its first bytes"),
        Finding(
            what="sheet",
            value=chosen or "none",
            confidence=0.4 if others and not sheet else 0.95,
            evidence=_why(others, sheet),
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


def _why(others: Sequence[str], asked: str) -> str:
    """Why it is that sheet."""
    if asked or not others:
        return "the one that was asked for" if asked else "the only one with cells"
    return f"ASK whether it is this one (--sheet takes another); so have: {', '.join(others)[:60]}"


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


def looks_like_json(head: bytes) -> bool:
    """Whether a text begins with a JSON object, or with an array of them."""
    text = head.removeprefix(codecs.BOM_UTF8).lstrip()
    if text.startswith(b"["):
        text = text[1:].lstrip()
        return text.startswith((b"{", b"]"))
    if not text.startswith(b"{"):
        return False
    values = json_values(io.BytesIO(text[:_SOME]), is_cut=True)
    first = next((each for _, each in values if each.strip()), b"")
    return bool(cells_of(first.decode("utf-8", "replace"))) or _OBJECTS.match(first) is not None


def detect_json(sample: Sample) -> Detected:
    """The columns of JSON: every key of the sample's objects, with the types that JSON has.

    Raises DataError for one object that holds its rows under a key.
    """
    text = sample.head if sample.complete else sample.head[: sample.head.rfind(b"\n") + 1]
    text = text or sample.head
    kinds, count, wrapped = _kinds(text, sample.complete)
    if wrapped and count == 1:
        raise DataError(
            'the file is one JSON object, whose rows seem to stand under "{key}"',
            hint="send that list by itself, or one object a line",
            key=wrapped,
        )
    dialect = Dialect(format=Format.JSONL)
    names, chunks = read_jsonl(io.BytesIO(text), dialect, (), is_cut=not sample.complete)
    found = Finding(what="format", value="JSON", confidence=0.95, evidence="objects of JSON")
    rows = _cells(chunks)
    detected = described(dialect, [found], names, rows, complete=sample.complete)
    columns = tuple(_as_json_has(each, kinds.get(each.header, set())) for each in detected.columns)
    return replace(detected, columns=columns)


def _kinds(text: bytes, complete: bool) -> tuple[dict[str, set[str]], int, str]:
    """What JSON types each key has; how many objects there are, and a key that has a list of
    objects, if there is one."""
    kinds: dict[str, set[str]] = {}
    count, wrapped = 0, ""
    for _, value in islice(json_values(io.BytesIO(text), is_cut=not complete), ROWS):
        try:
            found = json.loads(value) if value.strip() else None
        except (ValueError, RecursionError):
            continue
        if not isinstance(found, dict):
            continue
        count += 1
        for key, each in found.items():
            if each is not None:
                kinds.setdefault(key, set()).add(type(each).__name__)
            if isinstance(each, float) and each != each:
                kinds[key].add("nan")
            if isinstance(each, list) and each and all(isinstance(one, dict) for one in each):
                wrapped = wrapped or key
    return kinds, count, wrapped


def _as_json_has(column: FoundColumn, kinds: set[str]) -> FoundColumn:
    """The column with the type that JSON says it has: a text is no number for its looks."""
    if "nan" in kinds:
        return _plain(column, Type.FLOAT64, "numbers of JSON, some of them NaN")
    if "str" in kinds and column.type not in (Type.STRING, *_MOMENTS):
        return _plain(column, Type.STRING, "texts of JSON")
    if kinds and "str" not in kinds:
        return replace(column, nulls=(), own_nulls=None)
    return column


def _plain(column: FoundColumn, kind: Type, evidence: str) -> FoundColumn:
    return replace(
        column, type=kind, confidence=1.0, evidence=evidence, numbers=None, booleans=None,
        formats=(), locale="en", ambiguous=False, nulls=(), own_nulls=None, pivot=None, scale=None,
    )  # fmt: skip


def detect_parquet(path: Path) -> Detected:
    """The columns of a Parquet file; raises DataError as reading it does."""
    dialect = Dialect(format=Format.PARQUET)
    names, chunks = read_parquet(path, dialect)
    found = Finding(what="format", value="Parquet", confidence=1.0, evidence="its first bytes")
    rows = _cells(chunks)
    detected = described(dialect, [found], names, rows, complete=len(rows) < ROWS)
    schema = pq.read_schema(path)
    columns = tuple(_as_file_has(each, schema.field(each.header).type) for each in detected.columns)
    return replace(detected, dialect=replace(detected.dialect, nulls=("",)), columns=columns)


def _as_file_has(column: FoundColumn, kind: pa.DataType) -> FoundColumn:
    """The column with the type that the file itself gives it."""
    found = _type_of(kind)
    if found in _MOMENTS and column.type not in _MOMENTS and column.empty < column.seen:
        # Some of its moments are finer than a table can hold.
        found = Type.STRING
    return _plain(column, found, f"the file's own type is {kind}")


def _type_of(kind: pa.DataType) -> Type:
    if pa.types.is_dictionary(kind):
        return _type_of(kind.value_type)
    if pa.types.is_decimal(kind):
        fits = kind.scale <= 9 and kind.precision - kind.scale <= 29
        return Type.NUMERIC if fits else Type.BIGNUMERIC
    if pa.types.is_uint64(kind):
        return Type.NUMERIC
    if pa.types.is_timestamp(kind):
        return Type.TIMESTAMP if kind.tz else Type.DATETIME
    for is_kind, found in (
        (pa.types.is_integer, Type.INT64), (pa.types.is_floating, Type.FLOAT64),
        (pa.types.is_boolean, Type.BOOL), (pa.types.is_date, Type.DATE),
        (pa.types.is_time, Type.TIME), (pa.types.is_nested, Type.JSON),
    ):  # fmt: skip
        if is_kind(kind):
            return found
    return Type.STRING


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
