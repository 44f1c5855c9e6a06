"""The Arrow types in which rows travel from the parser to the warehouse. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from schemas.contract import Column, Type

if TYPE_CHECKING:
    import pandas as pd

NUMERIC_DIGITS = (38, 9)
"""Digits in all and after the point of a NUMERIC without its own (BigQuery's own limits)."""
BIGNUMERIC_DIGITS = (76, 38)
"""The same for BIGNUMERIC; a 77th digit, which BigQuery has in part, is left out."""

PARQUET: Mapping[str, Any] = {"compression": "zstd", "dictionary_pagesize_limit": 64 * 1024}
"""How Parquet is written. A column of many different values soon gives up its dictionary: that
takes half the time, and three quarters of the space, of one that grows to Arrow's usual size."""

_PLAIN: dict[Type, pa.DataType] = {
    Type.INT64: pa.int64(),
    Type.FLOAT64: pa.float64(),
    Type.BOOL: pa.bool_(),
    Type.STRING: pa.string(),
    Type.DATE: pa.date32(),
    Type.DATETIME: pa.timestamp("us"),
    Type.TIMESTAMP: pa.timestamp("us", tz="UTC"),
    Type.TIME: pa.time64("us"),
}
FILE, LINE = "_etl_file", "_etl_row"
"""Our columns in every table and staged file: the file of a row, and its place there."""


def arrow_type(column: Column) -> pa.DataType:
    """The Arrow type of the column's values; JSON, arrays and bytes travel as text."""
    if column.travels_as_text:
        return pa.string()
    match column.type:
        case Type.NUMERIC:
            return pa.decimal128(*_digits(column, NUMERIC_DIGITS))
        case Type.BIGNUMERIC:
            return pa.decimal256(*_digits(column, BIGNUMERIC_DIGITS))
        case _:
            return _PLAIN[column.type]


def arrow_schema(columns: Iterable[Column]) -> pa.Schema:
    """The Arrow schema of the columns, in their order; every field may hold nulls."""
    return pa.schema([pa.field(column.name, arrow_type(column)) for column in columns])


def staged_schema(columns: Iterable[Column]) -> pa.Schema:
    """The Arrow schema of staged rows: the columns, the file of a row, and its place there."""
    schema = arrow_schema(columns)
    return schema.append(pa.field(FILE, pa.string())).append(pa.field(LINE, pa.int64()))


def to_pandas(rows: pa.Table) -> pd.DataFrame:
    """The rows as a frame whose columns stay in Arrow's memory and types."""
    import pandas as pd

    frame: pd.DataFrame = rows.to_pandas(types_mapper=pd.ArrowDtype)
    return frame


def _digits(column: Column, widest: tuple[int, int]) -> tuple[int, int]:
    """Precision and scale; NUMERIC(p) without a scale has scale 0, as in BigQuery."""
    if column.precision is None:
        return widest
    return column.precision, column.scale or 0
