"""Bounds in contracts: values of rules in their column's type, and those that move with time."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from schemas.contract import Column, FromNow, Type

_OF_VALUES = (
    "expect_column_values_to_be_between",
    "expect_column_values_to_be_in_set",
    "expect_column_values_to_not_be_in_set",
    "expect_column_min_to_be_between",
    "expect_column_max_to_be_between",
    "expect_column_distinct_values_to_be_in_set",
    "expect_column_distinct_values_to_contain_set",
    "expect_column_distinct_values_to_equal_set",
    "expect_column_most_common_value_to_be_in_set",
)
_NOW = re.compile(
    r"now\(\)\s*(?:(?P<sign>[+-])\s*timedelta\(\s*(?P<unit>weeks|days|hours|minutes|seconds)"
    r"\s*=\s*(?P<count>[0-9]{1,6})\s*\))?"
)


def typed_arguments(name: str, kwargs: Mapping[str, Any], column: Column | None) -> dict[str, Any]:
    """An expectation's arguments, those that are compared with values in the column's type.

    `{$PARAMETER: now() - timedelta(days=2)}`, GX's own words, becomes a bound that moves. Raises
    ValueError.
    """
    found = dict(kwargs)
    for key in ("min_value", "max_value"):
        if isinstance(found.get(key), dict):
            found[key] = _moving(found[key])
        elif column is not None and name in _OF_VALUES:
            found[key] = typed(found.get(key), column)
            if found[key] is None:
                del found[key]
    if column is not None and name in _OF_VALUES and isinstance(found.get("value_set"), list):
        found["value_set"] = [typed(each, column) for each in found["value_set"]]
    return found


def typed(value: Any, column: Column) -> Any:
    """A bound or allowed value in the column's Python type; raises ValueError."""
    if value is None:
        return None
    match column.type:
        case Type.DATE:
            return date.fromisoformat(str(value))
        case Type.TIME:
            return time.fromisoformat(str(value))
        case Type.DATETIME:
            return datetime.fromisoformat(str(value))
        case Type.TIMESTAMP:
            moment = datetime.fromisoformat(str(value))
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        case Type.NUMERIC | Type.BIGNUMERIC:
            try:
                return Decimal(str(value))
            except InvalidOperation:
                raise ValueError(f'"{value}" is not a number') from None
        case _:
            return value


def _moving(given: Mapping[str, Any]) -> FromNow:
    match = _NOW.fullmatch(str(given.get("$PARAMETER", "")).strip())
    if match is None:
        raise ValueError("a bound that moves is {$PARAMETER: now() - timedelta(days=2)}")
    if match["unit"] is None:
        return FromNow(timedelta())
    delta = timedelta(**{match["unit"]: int(match["count"])})
    return FromNow(-delta if match["sign"] == "-" else delta)
