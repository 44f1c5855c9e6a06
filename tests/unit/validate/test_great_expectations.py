"""Expectations on columns of every type: each names its rows, none stops the feed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from pipelines.validate.great_expectations import Broken, check_frame
from schemas.contract import Expectation

_MOMENT = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "low", "high"),
    [
        (pa.int64(), 1, 5),
        (pa.float64(), 1.5, 5.0),
        (pa.decimal128(38, 9), Decimal("1.5"), Decimal(5)),
        (pa.decimal256(76, 38), Decimal("1.5"), Decimal(5)),
        (pa.date32(), date(2026, 1, 2), date(2026, 2, 1)),
        (pa.timestamp("us"), datetime(2026, 1, 2), datetime(2026, 2, 1)),
        (pa.timestamp("us", "UTC"), _MOMENT, _MOMENT + timedelta(days=30)),
    ],
    ids=str,
)  # fmt: skip
def test_bounds_and_sets_name_their_rows(kind: pa.DataType, low: Any, high: Any) -> None:
    rules = [
        _rule("expect_column_values_to_be_between", min_value=low, max_value=low),
        _rule("expect_column_values_to_be_between", min_value=high),
        _rule("expect_column_values_to_be_in_set", value_set=[low]),
    ]
    violated = {
        id(each.expectation): each.positions for each in _check(kind, [low, None, high], rules)
    }
    assert [violated[id(rule)] for rule in rules] == [(2,), (0,), (2,)]
    assert _check(kind, [None, None], rules) == []


def _rule(name: str, **kwargs: Any) -> Expectation:
    return Expectation(type=name, kwargs={"column": "c", **kwargs}, column="c")


def _check(kind: pa.DataType, values: list[Any], rules: list[Expectation]) -> list[Broken]:
    column = pa.array(values, kind).to_pandas(types_mapper=pd.ArrowDtype)
    return check_frame(pd.DataFrame({"c": column}), rules)
