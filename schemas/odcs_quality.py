"""Quality rules of ODCS as Great Expectations expectations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from open_data_contract_standard.model import DataQuality, SchemaProperty

from schemas.contract import Column, Expectation, Type
from schemas.gx_names import GX_EXPECTATIONS
from schemas.odcs_file import Faults, Where

_ENGINES = ("greatexpectations", "great-expectations", "great_expectations")
_BETWEEN = "expect_column_values_to_be_between"
_VALUES = {
    _BETWEEN: ("min_value", "max_value"),
    "expect_column_values_to_be_in_set": ("value_set",),
    "expect_column_values_to_not_be_in_set": ("value_set",),
}
"""The arguments that are values of the column; GX compares them as they come."""


def column_rules(
    each: SchemaProperty, column: Column, at: Where, faults: Faults
) -> Iterator[Expectation]:
    """The expectations of one column: logicalTypeOptions, enum and quality."""
    options = each.logicalTypeOptions or {}
    low = options.get("minimum", options.get("exclusiveMinimum"))
    high = options.get("maximum", options.get("exclusiveMaximum"))
    if low is not None or high is not None:
        try:
            yield _rule(
                _BETWEEN,
                column,
                min_value=_typed(low, column),
                max_value=_typed(high, column),
                strict_min="exclusiveMinimum" in options,
                strict_max="exclusiveMaximum" in options,
            )
        except (ValueError, ArithmeticError):
            faults.add((*at, "logicalTypeOptions"), f"the bounds are not {column.type} values")
    if "minLength" in options or "maxLength" in options:
        yield _rule(
            "expect_column_value_lengths_to_be_between",
            column,
            min_value=options.get("minLength"),
            max_value=options.get("maxLength"),
        )
    if "pattern" in options:
        yield _rule("expect_column_values_to_match_regex", column, regex=str(options["pattern"]))
    if each.enum:
        values = [_typed(allowed.value, column) for allowed in each.enum]
        yield _rule("expect_column_values_to_be_in_set", column, value_set=values)
    yield from _quality(each.quality or [], column, (*at, "quality"), faults)


def object_rules(rules: Sequence[DataQuality], at: Where, faults: Faults) -> Iterator[Expectation]:
    """The expectations about the table."""
    yield from _quality(rules, None, (*at, "quality"), faults)


def _quality(
    rules: Sequence[DataQuality], column: Column | None, at: Where, faults: Faults
) -> Iterator[Expectation]:
    for index, rule in enumerate(rules):
        where = (*at, index)
        kind = rule.type or ("library" if rule.metric else "text")
        if kind == "custom":
            made = _custom(rule, column, where, faults)
        elif kind == "library":
            made = _library(rule, column, where, faults)
        elif kind == "sql":
            faults.add(where, "an SQL rule cannot be checked on a file; use greatExpectations")
            continue
        else:
            continue
        if made is not None:
            yield made


def _custom(
    rule: DataQuality, column: Column | None, at: Where, faults: Faults
) -> Expectation | None:
    given = rule.implementation
    if str(rule.engine).lower() not in _ENGINES or not isinstance(given, dict):
        faults.add(at, "needs engine: greatExpectations and implementation: {type, kwargs}")
        return None
    name, kwargs = str(given.get("type")), dict(given.get("kwargs") or {})
    if name not in GX_EXPECTATIONS:
        faults.unknown((*at, "implementation", "type"), name, GX_EXPECTATIONS)
        return None
    if column is not None and name.startswith("expect_column_") and "column_A" not in kwargs:
        kwargs.setdefault("column", column.name)
        try:
            kwargs |= {
                name: [_typed(each, column) for each in value]
                if isinstance(value, list)
                else _typed(value, column)
                for name, value in kwargs.items()
                if name in _VALUES.get(str(given.get("type")), ())
            }
        except (ValueError, ArithmeticError):
            faults.add((*at, "implementation", "kwargs"), f"the values are not {column.type} ones")
    return Expectation(
        type=name,
        kwargs=kwargs,
        column=kwargs.get("column"),
        severity=_severity(rule, at, faults),
        description=rule.description,
    )


def _library(
    rule: DataQuality, column: Column | None, at: Where, faults: Faults
) -> Expectation | None:
    """A library metric as its GX twin, where GX has one."""
    arguments = rule.arguments or {}
    kwargs: dict[str, Any]
    if rule.metric == "rowCount":
        low, high = _bounds(rule)
        name, kwargs = "expect_table_row_count_to_be_between", {"min_value": low, "max_value": high}
    elif column is None or rule.mustBe != 0:
        faults.add(at, f"{rule.metric} is checked on a column, with mustBe: 0")
        return None
    else:
        kwargs = {"column": column.name}
        if rule.metric in ("nullValues", "missingValues"):
            name = "expect_column_values_to_not_be_null"
        elif rule.metric == "duplicateValues":
            name = "expect_column_values_to_be_unique"
        elif "validValues" in arguments:
            name = "expect_column_values_to_be_in_set"
            kwargs["value_set"] = arguments["validValues"]
        elif "pattern" in arguments:
            name = "expect_column_values_to_match_regex"
            kwargs["regex"] = arguments["pattern"]
        else:
            faults.add(at, "invalidValues needs arguments: validValues or pattern")
            return None
    return Expectation(
        type=name,
        kwargs=kwargs,
        column=column.name if column else None,
        severity=_severity(rule, at, faults),
        description=rule.description,
    )


def _bounds(rule: DataQuality) -> tuple[float | None, float | None]:
    if rule.mustBe is not None:
        return rule.mustBe, rule.mustBe
    if rule.mustBeBetween is not None:
        return rule.mustBeBetween[0], rule.mustBeBetween[1]
    low = rule.mustBeGreaterOrEqualTo
    if rule.mustBeGreaterThan is not None:
        low = rule.mustBeGreaterThan + 1
    high = rule.mustBeLessOrEqualTo
    if rule.mustBeLessThan is not None:
        high = rule.mustBeLessThan - 1
    return low, high


def _severity(rule: DataQuality, at: Where, faults: Faults) -> str:
    severity = rule.severity or "error"
    if severity not in ("error", "warning", "info"):
        faults.add((*at, "severity"), f'"{severity}" is not error, warning or info')
    return severity


def _rule(name: str, column: Column, **kwargs: Any) -> Expectation:
    given = {
        key: value for key, value in kwargs.items() if value is not None and value is not False
    }
    return Expectation(type=name, kwargs={"column": column.name, **given}, column=column.name)


def _typed(value: Any, column: Column) -> Any:
    """A bound or allowed value in the column's Python type; raises ValueError."""
    if value is None:
        return None
    match column.type:
        case Type.DATE:
            return date.fromisoformat(str(value))
        case Type.DATETIME:
            return datetime.fromisoformat(str(value)).replace(tzinfo=None)
        case Type.TIMESTAMP:
            moment = datetime.fromisoformat(str(value))
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        case Type.NUMERIC | Type.BIGNUMERIC:
            return Decimal(str(value))
        case _:
            return value
