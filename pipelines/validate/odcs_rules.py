"""ODCS rules: those that Great Expectations has no expectation for, and a few of its own that it
breaks down over or looks at one value at a time."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from schemas.contract import Expectation
from schemas.errors import ContractError
from schemas.regex import regex

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Measured:
    """What a measure found wrong: rows by position, or a number that is not as it must be."""

    positions: tuple[int, ...] = ()
    observed: float | None = None


def is_measured(expectation: Expectation) -> bool:
    """Whether the rule is measured here."""
    if "mostly" in expectation.kwargs or "row_condition" in expectation.kwargs:
        return False
    bounds = [expectation.kwargs.get(key) for key in ("min_value", "max_value")]
    if expectation.type == _BETWEEN:
        return bounds != [None, None]
    return expectation.type.startswith("odcs_") or expectation.type == _JSON


def measured(frame: pd.DataFrame, rule: Expectation) -> Measured:
    """What the frame has wrong by one rule."""
    if rule.type in _OF_ROWS:
        return Measured(_blamed(frame[rule.kwargs["column"]], _OF_ROWS[rule.type](rule.kwargs)))
    if rule.type == _BETWEEN:
        return Measured(_not_between(frame[rule.kwargs["column"]], rule))
    count: float = _count(frame, rule)
    if rule.kwargs.get("unit") == "percent":
        count = 100 * count / len(frame) if len(frame) else 0
    kwargs = rule.kwargs
    right = _holds(count, kwargs["operator"], kwargs["min_value"], kwargs["max_value"])
    return Measured() if right else Measured(observed=round(count, 4))


def _count(frame: pd.DataFrame, rule: Expectation) -> int:
    """How many rows of the frame the metric counts."""
    kwargs = rule.kwargs
    if rule.type == "odcs_row_count":
        return len(frame)
    if rule.type == "odcs_duplicate_values":
        names = list(kwargs.get("column_list") or [kwargs["column"]])
        there = frame[names].notna().any(axis=1)
        return int(frame.loc[there, names].duplicated().sum())
    values = frame[kwargs["column"]]
    if rule.type in ("odcs_null_values", "odcs_missing_values"):
        return int((values.isna() | values.isin(kwargs.get("words") or [])).sum())
    wrong = values.notna()
    if "value_set" in kwargs:
        wrong &= ~values.isin(kwargs["value_set"])
    if "regex" in kwargs:
        expression = regex(kwargs["regex"])
        fits = ~values.astype("string").map(expression.search, na_action="ignore").fillna(
            True
        ).astype(bool)
        wrong = (wrong | fits) if "value_set" in kwargs else fits
    return int((wrong & values.notna()).sum())


def _holds(count: float, operator: str, low: float, high: float) -> bool:
    return {
        "mustBe": count == low,
        "mustNotBe": count != low,
        "mustBeGreaterThan": count > low,
        "mustBeGreaterOrEqualTo": count >= low,
        "mustBeLessThan": count < low,
        "mustBeLessOrEqualTo": count <= low,
        "mustBeBetween": low <= count <= high,
        "mustNotBeBetween": not low <= count <= high,
    }[operator]


def _blamed(values: pd.Series[Any], is_wrong: Callable[[Any], bool]) -> tuple[int, ...]:
    """The positions of values that are wrong, each distinct one looked at once; nulls never are."""
    import pandas as pd

    codes, distinct = pd.factorize(values)
    wrong = np.array([*(is_wrong(each) for each in distinct.tolist()), False], np.bool_)
    return tuple(int(each) for each in np.flatnonzero(wrong[codes]))


def _not_between(values: pd.Series[Any], rule: Expectation) -> tuple[int, ...]:
    """The positions of values beyond the bounds. Raises ContractError for bounds of another kind
    than the values."""
    kwargs = rule.kwargs
    low, high = kwargs.get("min_value"), kwargs.get("max_value")
    wrong = values.isna() & False
    try:
        if low is not None:
            wrong |= (values <= low) if kwargs.get("strict_min") else (values < low)
        if high is not None:
            wrong |= (values >= high) if kwargs.get("strict_max") else (values > high)
    except (TypeError, ValueError, NotImplementedError) as error:
        raise ContractError(
            f"{kwargs['column']} cannot be compared with the bounds of its rule: {error}",
            hint="write bounds as the column's type has them",
        ) from error
    return tuple(int(each) for each in np.flatnonzero(wrong.fillna(False).to_numpy(np.bool_)))


def _no_multiple(kwargs: Mapping[str, Any]) -> Callable[[Any], bool]:
    """Whether a value is no multiple of a step, reckoned in decimals: 0.3 is one of 0.1."""
    unit = Fraction(str(kwargs["step"]))

    def is_wrong(value: Any) -> bool:
        number = Decimal(str(value))
        return not number.is_finite() or (Fraction(number) / unit).denominator != 1

    return is_wrong


def _no_such_json(kwargs: Mapping[str, Any]) -> Callable[[Any], bool]:
    """Whether a text is not JSON of a schema; GX breaks down over text that is no JSON."""
    from jsonschema import Draft202012Validator

    validator = Draft202012Validator(kwargs["json_schema"])

    def is_wrong(value: Any) -> bool:
        try:
            return not validator.is_valid(json.loads(value))
        except (ValueError, RecursionError):
            return True

    return is_wrong


_BETWEEN = "expect_column_values_to_be_between"
_JSON = "expect_column_values_to_match_json_schema"
_OF_ROWS: Mapping[str, Callable[[Mapping[str, Any]], Callable[[Any], bool]]] = {
    "odcs_multiple_of": _no_multiple,
    _JSON: _no_such_json,
}
