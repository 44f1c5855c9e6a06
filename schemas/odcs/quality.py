"""Quality rules of ODCS as Great Expectations expectations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from open_data_contract_standard.model import DataQuality, SchemaProperty

from schemas.contract import Column, Expectation
from schemas.odcs.bounds import typed, typed_arguments
from schemas.odcs.file import Faults, Where, check_regex
from schemas.odcs.gx_names import GX_EXPECTATIONS, NOT_ON_FILES
from schemas.odcs.metrics import metric_rules

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
    try:
        yield from _bounds(options, column)
    except ValueError:
        faults.add((*at, "logicalTypeOptions"), f"the bounds are not {column.type} values")
    if "multipleOf" in options:
        yield _rule("odcs_multiple_of", column, step=options["multipleOf"])
    if "minLength" in options or "maxLength" in options:
        yield _rule(
            "expect_column_value_lengths_to_be_between",
            column,
            min_value=options.get("minLength"),
            max_value=options.get("maxLength"),
        )
    if "pattern" in options:
        check_regex(str(options["pattern"]), (*at, "logicalTypeOptions", "pattern"), faults)
        yield _rule("expect_column_values_to_match_regex", column, regex=str(options["pattern"]))
    if each.enum:
        values = [typed(allowed.value, column) for allowed in each.enum]
        yield _rule("expect_column_values_to_be_in_set", column, value_set=values)
    yield from _quality(each.quality or [], column, {}, (*at, "quality"), faults)


def object_rules(
    rules: Sequence[DataQuality], columns: Sequence[Column], at: Where, faults: Faults
) -> Iterator[Expectation]:
    """The expectations about the table, whose columns they may name."""
    named = {column.name: column for column in columns}
    yield from _quality(rules, None, named, (*at, "quality"), faults)


def _bounds(options: Mapping[str, Any], column: Column) -> Iterator[Expectation]:
    """What lies between the bounds; one rule for included and one for excluded ones."""
    for low, high, strict in (
        ("minimum", "maximum", False),
        ("exclusiveMinimum", "exclusiveMaximum", True),
    ):
        if low in options or high in options:
            yield _rule(
                _BETWEEN,
                column,
                min_value=typed(options.get(low), column),
                max_value=typed(options.get(high), column),
                strict_min=strict and low in options,
                strict_max=strict and high in options,
            )


def _quality(
    rules: Sequence[DataQuality],
    column: Column | None,
    columns: Mapping[str, Column],
    at: Where,
    faults: Faults,
) -> Iterator[Expectation]:
    for index, rule in enumerate(rules):
        where = (*at, index)
        severity = _severity(rule, where, faults)
        kind = rule.type or ("library" if rule.metric else "text")
        if kind == "custom":
            yield from _custom(rule, column, columns, severity, where, faults)
        elif kind == "library":
            yield from metric_rules(rule, column, columns, severity, where, faults)
        elif kind == "sql":
            faults.add(where, "an SQL rule cannot be checked on a file; use greatExpectations")


def _custom(
    rule: DataQuality,
    column: Column | None,
    columns: Mapping[str, Column],
    severity: str,
    at: Where,
    faults: Faults,
) -> Iterator[Expectation]:
    given = rule.implementation
    if str(rule.engine).lower() not in _ENGINES or not isinstance(given, dict):
        faults.add(at, "needs engine: greatExpectations and implementation: {type, kwargs}")
        return
    name, kwargs = str(given.get("type")), dict(given.get("kwargs") or {})
    if name not in GX_EXPECTATIONS:
        faults.unknown((*at, "implementation", "type"), name, GX_EXPECTATIONS)
        return
    if name in NOT_ON_FILES:
        faults.add(at, f"{name} needs a database; it cannot be checked on a file")
        return
    if column is not None and name.startswith("expect_column_") and "column_A" not in kwargs:
        kwargs.setdefault("column", column.name)
    for key in ("regex", "regex_list"):
        given_ones = kwargs.get(key) or ()
        for each in [given_ones] if isinstance(given_ones, str) else given_ones:
            check_regex(str(each), (*at, "implementation", "kwargs", key), faults)
    known = {**columns, **({column.name: column} if column else {})}
    strangers = [] if column else [each for each in _named(kwargs) if each not in known]
    if strangers and "columns_to_match" not in name:
        faults.unknown((*at, "implementation", "kwargs"), strangers[0], known)
    try:
        kwargs = typed_arguments(name, kwargs, known.get(str(kwargs.get("column"))))
    except ValueError as error:
        faults.add((*at, "implementation", "kwargs"), str(error))
    yield Expectation(
        type=name,
        kwargs=kwargs,
        column=kwargs.get("column"),
        severity=severity,
        description=rule.description,
    )


def _named(kwargs: Mapping[str, Any]) -> list[str]:
    named = [kwargs.get(key) for key in ("column", "column_A", "column_B")]
    return [str(each) for each in (*named, *(kwargs.get("column_list") or ())) if each]


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
