"""Casting a chunk: its cells into the contract's types, every bad one named."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from itertools import chain

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.cast.arrays import cast_arrays
from pipelines.cast.booleans import cast_booleans
from pipelines.cast.cells import null_mask, trimmed, without
from pipelines.cast.errors import (
    error_mask,
    inexact_mask,
    uncalculated_mask,
    without_mark,
    without_marks,
)
from pipelines.cast.fault import Cast, Fault, Mask, fault
from pipelines.cast.moments import cast_moments
from pipelines.cast.numbers import cast_numbers
from pipelines.cast.partition import outside_partition
from pipelines.cast.texts import cast_bytes, cast_json, cast_texts
from pipelines.parse import Chunk
from pipelines.parse.registry import reader_of
from pipelines.rejects.labels import NO_LABELS, Labels, label_of
from pipelines.rejects.messages import about
from pipelines.rejects.violation import Ints, Violation, violation
from schemas.contract import Column, Contract, Type
from schemas.dialect import Dialect, Format
from schemas.reject import Problem

_ELEMENTS = Dialect(format=Format.JSONL)


@dataclass(frozen=True, slots=True)
class Typed:
    """A chunk in the contract's types. Rows at `bad` have at least one problem; their bad cells
    are null in `rows`. `lines` are the rows' places."""

    rows: pa.Table
    bad: Mask
    violations: tuple[Violation, ...]
    lines: Ints

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Every bad cell, column by column."""
        return tuple(chain.from_iterable(each.problems(self.lines) for each in self.violations))


def cast_chunk(
    chunk: Chunk,
    names: dict[str, str],
    contract: Contract,
    today: date | None = None,
    labels: Labels = NO_LABELS,
) -> Typed:
    """Cast the chunk's cells to the contract's file columns, in the contract's order; what is said
    of bad ones calls the columns by their `labels`.

    `today` is the day that the partition's window is counted from; the day in UTC if it is not
    given.
    """
    today = today or datetime.now(UTC).date()
    bad = np.zeros(chunk.cells.num_rows, dtype=np.bool_)
    arrays: list[pa.Array] = []
    violations: list[Violation] = []
    for column in contract.file_columns:
        cells = _cells_of(chunk, names[column.name], column)
        values, faults = cast_column(cells, column, contract.dialect)
        faults += outside_partition(values, column, contract, today)
        arrays.append(values)
        for each in faults:
            bad[each.at] = True
            violations.append(_blamed(each, cells, column, labels))
    names_out = [column.name for column in contract.file_columns]
    return Typed(pa.table(arrays, names=names_out), bad, tuple(violations), chunk.lines)


def _cells_of(chunk: Chunk, name: str, column: Column) -> pa.Array:
    """The column's cells: as the file shows them, or for what is no text the values beneath."""
    beneath = chunk.beneath
    if column.type is not Type.STRING and beneath is not None and name in beneath.column_names:
        return beneath.column(name).combine_chunks()
    return chunk.cells.column(name).combine_chunks()


def cast_column(cells: pa.Array, column: Column, dialect: Dialect) -> Cast:
    """The column's values, null where a cell is bad, and the faults of its bad cells."""
    if column.type is not Type.STRING:
        cells = trimmed(cells)
    missing = null_mask(cells, dialect.nulls if column.nulls is None else column.nulls)
    cells = without(cells, missing)
    if dialect.excel_text:
        cells = pc.replace_substring_regex(cells, r'^="([^"]*)"$', r"\1")
    if reader_of(dialect.format).traits.is_sheet:
        values, faults = _of_sheet(cells, column, dialect)
    else:
        values, faults = _converted(cells, column, dialect)
    if column.required:
        faults += fault("required", "{column} is empty and must not be", missing)
    return values, faults


def _of_sheet(cells: pa.Array, column: Column, dialect: Dialect) -> Cast:
    """Cells of a workbook, of which some hold no value: errors, formulas that were never
    calculated, and numbers with more digits than a spreadsheet keeps."""
    failed = error_mask(cells)
    empty = uncalculated_mask(cells)
    inexact = inexact_mask(cells)
    if column.type is Type.FLOAT64:
        # Such a column holds no more digits itself.
        cells, inexact = without_mark(cells), np.zeros(len(cells), np.bool_)
    values, faults = _converted(without(cells, failed | empty | inexact), column, dialect)
    faults += fault("cell_error", "{value} is the error of a formula, and no value", failed)
    faults += fault("uncalculated", "{column} has a formula that was never calculated", empty)
    template = "{value} is a number of more than 15 digits, which a spreadsheet does not keep"
    return values, faults + fault("inexact", template, inexact)


def _converted(cells: pa.Array, column: Column, dialect: Dialect) -> Cast:
    if column.repeated:
        single = replace(column, repeated=False)
        # The elements are JSON's own values, whatever the file is written in.
        return cast_arrays(cells, column, lambda each: _converted(each, single, _ELEMENTS))
    match column.type:
        case Type.STRING:
            return cast_texts(cells, column)
        case Type.JSON:
            return cast_json(cells)
        case Type.BYTES:
            return cast_bytes(cells, column)
        case Type.BOOL:
            return cast_booleans(cells, column.booleans or dialect.booleans)
        case Type.DATE | Type.DATETIME | Type.TIMESTAMP | Type.TIME:
            return cast_moments(cells, column, native=reader_of(dialect.format).traits.is_native)
        case _:
            native = reader_of(dialect.format).traits.is_native
            return cast_numbers(cells, column, column.numbers or dialect.numbers, native=native)


def _blamed(each: Fault, cells: pa.Array, column: Column, labels: Labels) -> Violation:
    """The rows of a fault's cells, blamed for them."""
    tell = about(each.template, column=label_of(column.name, labels), **each.values)
    some = [without_marks(cells.take(pa.array(each.at)))]
    return violation(each.rule, (column.name,), each.at, some, tell, labels)
