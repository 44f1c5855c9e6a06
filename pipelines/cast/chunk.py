"""Casting a chunk: its cells into the contract's types, every bad one named."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.cast.booleans import cast_booleans
from pipelines.cast.cells import null_mask, trimmed, without
from pipelines.cast.errors import error_mask
from pipelines.cast.fault import Cast, Fault, Mask, fault
from pipelines.cast.moments import cast_moments
from pipelines.cast.numbers import cast_numbers
from pipelines.cast.partition import outside_partition
from pipelines.cast.texts import cast_json, cast_texts
from pipelines.parse import Chunk
from schemas.contract import Column, Contract, Type
from schemas.dialect import Dialect, Format
from schemas.language import say
from schemas.place import Place
from schemas.reject import Problem

_KEPT = 200
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Typed:
    """A chunk in the contract's types. Rows at `bad` have at least one problem; their bad cells
    are null in `rows`."""

    rows: pa.Table
    bad: Mask
    problems: tuple[Problem, ...]


def cast_chunk(
    chunk: Chunk,
    names: dict[str, str],
    contract: Contract,
    language: str = "en",
    today: date | None = None,
) -> Typed:
    """Cast the chunk's cells to the contract's file columns, in the contract's order.

    Problems are told in the sender's language. `today` is the day that the partition's window is
    counted from; the day in UTC if it is not given.
    """
    today = today or datetime.now(UTC).date()
    bad = np.zeros(chunk.cells.num_rows, dtype=np.bool_)
    arrays: list[pa.Array] = []
    problems: list[Problem] = []
    for column in contract.file_columns:
        cells = chunk.cells.column(names[column.name]).combine_chunks()
        values, faults = cast_column(cells, column, contract.dialect)
        faults += outside_partition(values, column, contract, today)
        arrays.append(values)
        for each in faults:
            bad[each.at] = True
            problems += _problems(each, cells, chunk.lines, column, language)
    names_out = [column.name for column in contract.file_columns]
    return Typed(pa.table(arrays, names=names_out), bad, tuple(problems))


def cast_column(cells: pa.Array, column: Column, dialect: Dialect) -> Cast:
    """The column's values, null where a cell is bad, and the faults of its bad cells."""
    if column.type is not Type.STRING:
        cells = trimmed(cells)
    missing = null_mask(cells, dialect.nulls if column.nulls is None else column.nulls)
    cells = without(cells, missing)
    failed = error_mask(cells) if dialect.format is Format.EXCEL else np.zeros(len(cells), np.bool_)
    values, faults = _converted(without(cells, failed), column, dialect)
    faults += fault("cell_error", "{value} is the error of a formula, and no value", failed)
    if column.required:
        faults += fault("required", "{column} is empty and must not be", missing)
    return values, faults


def _converted(cells: pa.Array, column: Column, dialect: Dialect) -> Cast:
    match column.type:
        case Type.STRING:
            return cast_texts(cells, column)
        case Type.JSON:
            return cast_json(cells)
        case Type.BOOL:
            return cast_booleans(cells, column.booleans or dialect.booleans)
        case Type.DATE | Type.DATETIME | Type.TIMESTAMP | Type.TIME:
            return cast_moments(cells, column, native=dialect.format is not Format.DELIMITED)
        case _:
            native = dialect.format is not Format.DELIMITED
            return cast_numbers(cells, column, column.numbers or dialect.numbers, native=native)


def _problems(
    each: Fault, cells: pa.Array, lines: npt.NDArray[np.int64], column: Column, language: str
) -> list[Problem]:
    """One problem for each of the fault's cells."""
    texts = cells.take(pa.array(each.at)).to_pylist()
    return [
        Problem(
            line=Place.of(int(lines[index])).line,
            column=column.name,
            value=text and text[:_KEPT],
            rule=each.rule,
            message=say(
                each.template, language, column=column.name, value=quoted(text), **each.values
            ),
        )
        for index, text in zip(each.at.tolist(), texts, strict=True)
    ]


def quoted(value: str | None) -> str:
    """A value as a sentence shows it: short and in quotes."""
    value = value or ""
    return f'"{value}"' if len(value) <= _SHOWN else f'"{value[: _SHOWN - 3]}…"'
