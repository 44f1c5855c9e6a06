"""Tried rules: each of a contract's rules run on an empty and on a one-row frame, before a file
comes that it would stop."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pipelines.validate.great_expectations import check_frame, refuse_unknown_arguments
from pipelines.validate.rules import resolve_relative_bounds
from schemas.arrow import arrow_schema, to_pandas
from schemas.contract import Column, Contract, Type
from schemas.errors import ContractError

if TYPE_CHECKING:
    import pandas as pd

_SAMPLES: dict[Type, Any] = {
    Type.INT64: 1,
    Type.FLOAT64: 1.0,
    Type.NUMERIC: Decimal(0),
    Type.BIGNUMERIC: Decimal(0),
    Type.BOOL: True,
    Type.DATE: date(2026, 1, 1),
    Type.DATETIME: datetime(2026, 1, 1),
    Type.TIMESTAMP: datetime(2026, 1, 1, tzinfo=UTC),
    Type.TIME: time(12),
    Type.JSON: "{}",
}


def wrong_rules(contract: Contract, now: datetime) -> Iterator[str]:
    """Each rule that could never be evaluated on the contract's columns, with its place and what is
    wrong with it. Great Expectations, which takes seconds to import, is imported only for a
    contract with rules for it."""
    if not contract.expectations:
        return
    frames = (_frame(contract, 0), _frame(contract, 1))
    for each in resolve_relative_bounds(contract, now).expectations:
        try:
            refuse_unknown_arguments(each)
            for frame in frames:
                check_frame(frame, [each])
        except ContractError as error:
            what = " ".join(error.message.split())
            yield f"{each.place or contract.name}: {each.type}: {what}"


def _frame(contract: Contract, rows: int) -> pd.DataFrame:
    import pyarrow as pa

    schema = arrow_schema(contract.columns)
    values = [[_sample(column)] * rows for column in contract.columns]
    return to_pandas(pa.Table.from_arrays([*map(pa.array, values, schema.types)], schema=schema))


def _sample(column: Column) -> Any:
    """A value of the column; text for one whose values travel as text."""
    if column.travels_as_text:
        return "[]" if column.repeated else _SAMPLES.get(column.type, "")
    return _SAMPLES.get(column.type, "x")
