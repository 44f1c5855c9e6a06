"""Cast: string cells into the contract's types, column by column, naming every cell that will not.

Nothing is coerced silently: a cell either has the one meaning its type allows or is a problem.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.parse import Chunk
from schemas.arrow import arrow_type
from schemas.contract import Column, Contract, RangePartition, TimePartition, Type
from schemas.place import Place
from schemas.reject import Problem

_SHOWN = 200

_PATTERNS: dict[Type, str] = {
    Type.INT64: r"^[+-]?(0|[1-9][0-9]{0,18})$",
    Type.FLOAT64: r"^([+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?|NaN|[+-]?inf)$",
    Type.BOOL: r"^(?i:true|false|t|f|yes|no|y|n|1|0)$",
    Type.DATE: r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
    Type.DATETIME: r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?$",
    Type.TIMESTAMP: r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?"
    r"(Z|[+-][0-9]{2}:?[0-9]{2})$",
    Type.TIME: r"^[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?$",
}

_WORDS: dict[Type, str] = {
    Type.INT64: "a whole number",
    Type.FLOAT64: "a number",
    Type.BOOL: "true or false",
    Type.DATE: "a date such as 2026-11-03",
    Type.DATETIME: "a date and time such as 2026-11-03 14:30:00",
    Type.TIMESTAMP: "a time with its zone such as 2026-11-03T14:30:00Z",
    Type.TIME: "a time of day such as 14:30:00",
    Type.JSON: "JSON",
}


@dataclass(frozen=True, slots=True)
class Typed:
    """A chunk in the contract's types. Rows at `bad` have at least one problem; their bad cells
    are null in `rows`."""

    rows: pa.Table
    bad: npt.NDArray[np.bool_]
    problems: tuple[Problem, ...]


def cast_chunk(chunk: Chunk, names: dict[str, str], contract: Contract) -> Typed:
    """Cast the chunk's cells to the contract's file columns, in the contract's order."""
    bad = np.zeros(chunk.cells.num_rows, dtype=np.bool_)
    arrays: list[pa.Array] = []
    problems: list[Problem] = []
    for column in contract.file_columns:
        cells = chunk.cells.column(names[column.name]).combine_chunks()
        values, faults = _cast_column(cells, column, contract.dialect.nulls)
        faults += _outside_range(values, column, contract.partition)
        arrays.append(values)
        for rule, message, index in faults:
            bad[index] = True
            value = cells[index].as_py()
            problems.append(
                Problem(
                    line=Place.of(int(chunk.lines[index])).line,
                    column=column.name,
                    value=value and value[:_SHOWN],
                    rule=rule,
                    message=message.format(value=_shown(value or "")),
                )
            )
    names_out = [column.name for column in contract.file_columns]
    return Typed(pa.table(arrays, names=names_out), bad, tuple(problems))


type _Fault = tuple[str, str, int]


def _cast_column(
    cells: pa.Array, column: Column, nulls: Sequence[str]
) -> tuple[pa.Array, list[_Fault]]:
    """The column's values, null where a cell is bad, and (rule, message, row index) of each."""
    trimmed = cells if column.type is Type.STRING else pc.utf8_trim_whitespace(cells)
    is_null = pc.is_in(trimmed, value_set=pa.array([*nulls, None], pa.string()))
    present = pc.if_else(is_null, pa.scalar(None, pa.string()), trimmed)
    faults: list[_Fault] = []
    if column.required:
        faults += [
            ("required", f"{column.name} is empty and must not be", index)
            for index in _indexes(is_null)
        ]
    values, invalid, message = _convert(present, column)
    faults += [("type", message, index) for index in _indexes(invalid)]
    return values, faults


def _outside_range(
    values: pa.Array, column: Column, partition: TimePartition | RangePartition | None
) -> list[_Fault]:
    """Values for which an integer-range partitioned table has no partition."""
    if not isinstance(partition, RangePartition) or partition.column != column.name:
        return []
    outside = pc.or_(pc.less(values, partition.start), pc.greater_equal(values, partition.end))
    message = f"{{value}} is not between {partition.start} and {partition.end - 1}"
    return [("partition", message, index) for index in _indexes(outside)]


def _convert(cells: pa.Array, column: Column) -> tuple[pa.Array, pa.Array, str]:
    """The converted column, a mask of the cells that would not convert, and what they lack."""
    message = "{value} is not " + _WORDS.get(column.type, "text")
    match column.type:
        case Type.STRING:
            longest = column.max_length
            if longest is None:
                return cells, _none(cells), message
            wrong = pc.greater(pc.utf8_length(cells), longest)
            return cells, wrong, f"{{value}} is longer than {longest} characters"
        case Type.NUMERIC | Type.BIGNUMERIC:
            pattern, message = _decimal_rule(column)
            return *_by_pattern(cells, pattern, column), message
        case Type.JSON:
            wrong = pa.array([_is_bad_json(cell) for cell in cells.to_pylist()], pa.bool_())
            return pc.if_else(wrong, pa.scalar(None, pa.string()), cells), wrong, message
        case Type.DATE | Type.DATETIME | Type.TIMESTAMP | Type.TIME if column.formats:
            message = "{value} is not written as " + " or ".join(
                form.replace("{", "{{").replace("}", "}}") for form in column.formats
            )
            return *_each(cells, _by_formats(column), arrow_type(column)), message
        case _:
            return *_by_pattern(cells, _PATTERNS[column.type], column), message


def _decimal_rule(column: Column) -> tuple[str, str]:
    """The pattern of a decimal that fits without rounding, and what a person is told otherwise."""
    target = arrow_type(column)
    whole, scale = target.precision - target.scale, target.scale
    fraction = rf"(\.[0-9]{{0,{scale}}}0*)?" if scale else r"(\.0*)?"
    pattern = rf"^[+-]?0*[0-9]{{0,{whole}}}{fraction}$"
    return pattern, (
        f"{{value}} is not a number with at most {whole} digits before"
        f" and {scale} after the decimal point"
    )


def _by_pattern(cells: pa.Array, pattern: str, column: Column) -> tuple[pa.Array, pa.Array]:
    """Convert the cells that match; the rest, and those Arrow refuses all the same, are bad."""
    matches = pc.match_substring_regex(cells, pattern)
    if column.type in (Type.NUMERIC, Type.BIGNUMERIC):
        matches = pc.and_(matches, pc.match_substring_regex(cells, "[0-9]"))
    bad = pc.fill_null(pc.invert(matches), False)
    kept = pc.if_else(matches, cells, pa.scalar(None, pa.string()))
    target = arrow_type(column)
    values, refused = _bisect(_arrow_text(kept, column), lambda part: _arrow_cast(part, target))
    return values, pc.or_(bad, refused) if refused is not None else bad


def _arrow_text(cells: pa.Array, column: Column) -> pa.Array:
    """The cells in the spelling that Arrow's own casts read."""
    match column.type:
        case Type.INT64:
            return pc.replace_substring_regex(cells, r"^\+", "")
        case Type.NUMERIC | Type.BIGNUMERIC:
            scale = arrow_type(column).scale
            plain = pc.replace_substring_regex(cells, r"^\+", "")
            plain = pc.replace_substring_regex(plain, r"\.$", "")
            return pc.replace_substring_regex(plain, rf"(\.[0-9]{{{scale}}})0+$", r"\1")
        case Type.BOOL:
            lower = pc.utf8_lower(cells)
            true = pc.is_in(lower, value_set=pa.array(["true", "t", "yes", "y", "1"]))
            words = pc.if_else(true, "true", "false")
            return pc.if_else(pc.is_null(lower), pa.scalar(None, pa.string()), words)
        case Type.TIMESTAMP:
            return pc.replace_substring_regex(cells, r"([+-][0-9]{2}):?([0-9]{2})$", r"\1:\2")
        case _:
            return cells


def _arrow_cast(cells: pa.Array, target: pa.DataType) -> pa.Array:
    if pa.types.is_time(target):
        # Arrow reads no times of day, only moments.
        moments = pc.binary_join_element_wise("1970-01-01", cells, " ")
        return pc.cast(pc.cast(moments, pa.timestamp("us")), target)
    return pc.cast(cells, target)


def _bisect(
    cells: pa.Array, convert: Callable[[pa.Array], pa.Array]
) -> tuple[pa.Array, pa.Array | None]:
    """Convert all at once; where that fails, halve until the cells to blame stand alone."""
    try:
        return convert(cells), None
    except pa.ArrowInvalid:
        pass
    if len(cells) == 1:
        return convert(pa.nulls(1, pa.string())), pa.array([True])
    middle = len(cells) // 2
    left, bad_left = _bisect(cells.slice(0, middle), convert)
    right, bad_right = _bisect(cells.slice(middle), convert)
    masks = [
        mask if mask is not None else _none(part)
        for mask, part in ((bad_left, left), (bad_right, right))
    ]
    return pa.concat_arrays([left, right]), pa.concat_arrays(masks)


def _each(
    cells: pa.Array, convert: Callable[[str], object], target: pa.DataType
) -> tuple[pa.Array, pa.Array]:
    """Convert one distinct cell at a time by Python; ValueError marks it as bad."""
    encoded = cells.dictionary_encode()
    values: list[object] = []
    bad: list[bool] = []
    for cell in encoded.dictionary.to_pylist():
        try:
            values.append(convert(cell))
            bad.append(False)
        except ValueError:
            values.append(None)
            bad.append(True)
    taken = pa.array(values, target).take(encoded.indices)
    return taken, pc.fill_null(pa.array(bad, pa.bool_()).take(encoded.indices), False)


def _by_formats(column: Column) -> Callable[[str], object]:
    """A converter that tries the column's strptime formats in turn."""
    from datetime import UTC, datetime

    def convert(cell: str) -> object:
        for form in column.formats:
            try:
                moment = datetime.strptime(cell, form)
            except ValueError:
                continue
            match column.type:
                case Type.DATE:
                    return moment.date()
                case Type.TIME:
                    return moment.time()
                case Type.TIMESTAMP:
                    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
                case _:
                    return moment
        raise ValueError(cell)

    return convert


def _is_bad_json(cell: str | None) -> bool:
    if cell is None:
        return False
    try:
        json.loads(cell, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return True
    return False


def _refuse_constant(name: str) -> object:
    raise ValueError(name)


def _none(cells: pa.Array) -> pa.Array:
    return pa.array(np.zeros(len(cells), dtype=np.bool_))


def _indexes(mask: pa.Array) -> list[int]:
    return [
        int(i) for i in np.flatnonzero(pc.fill_null(mask, False).to_numpy(zero_copy_only=False))
    ]


def _shown(value: str) -> str:
    short = value if len(value) <= 60 else value[:57] + "…"
    return f'"{short}"'
