"""Quality rules of ODCS as Great Expectations expectations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from open_data_contract_standard.model import DataQuality, SchemaProperty

from schemas.contract import Column, Expectation
from schemas.odcs.bounds import typed, typed_arguments
from schemas.odcs.file import Faults, Where, check_regex
from schemas.odcs.gx_names import GX_EXPECTATIONS, NEEDED, NOT_ON_FILES
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
    where = (*at, "logicalTypeOptions")
    yield from _placed(
        _of_options(each.logicalTypeOptions or {}, column, where, faults), where, faults
    )
    if each.enum:
        values = [typed(allowed.value, column) for allowed in each.enum]
        allowed_ones = _rule("expect_column_values_to_be_in_set", column, value_set=values)
        yield from _placed([allowed_ones], (*at, "enum"), faults)
    yield from _quality(each.quality or [], column, {}, (*at, "quality"), faults)


def _of_options(
    options: Mapping[str, Any], column: Column, at: Where, faults: Faults
) -> Iterator[Expectation]:
    try:
        yield from _bounds(options, column)
    except ValueError:
        faults.add(at, f"the bounds are not {column.type} values")
    if "multipleOf" in options:
        if not options["multipleOf"] > 0:
            faults.add((*at, "multipleOf"), "a step is a number above 0")
        yield _rule("odcs_multiple_of", column, step=options["multipleOf"])
    if "minLength" in options or "maxLength" in options:
        yield _rule(
            "expect_column_value_lengths_to_be_between",
            column,
            min_value=options.get("minLength"),
            max_value=options.get("maxLength"),
        )
    if "pattern" in options:
        check_regex(str(options["pattern"]), (*at, "pattern"), faults)
        yield _rule("expect_column_values_to_match_regex", column, regex=str(options["pattern"]))


def _placed(made: Iterable[Expectation], at: Where, faults: Faults) -> Iterator[Expectation]:
    """The expectations with their place; bounds that nothing can lie between are faults."""
    for each in made:
        low, high = each.kwargs.get("min_value"), each.kwargs.get("max_value")
        try:
            is_empty = low is not None and high is not None and low > high
        except TypeError:
            # Of different kinds, such as one that moves: they are compared where the rule runs.
            is_empty = False
        if is_empty:
            faults.add(at, f"nothing lies between {low} and {high}: the first is above the second")
        yield replace(each, place=faults.place(at))


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
            made = _custom(rule, column, columns, severity, where, faults)
            yield from _placed(made, where, faults)
        elif kind == "library":
            made = metric_rules(rule, column, columns, severity, where, faults)
            yield from _placed(made, where, faults)
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
    if (needed := NEEDED.get(name)) and needed not in kwargs:
        faults.add((*at, "implementation"), f"{name} needs kwargs: {{{needed}: …}}")
    is_between = name.endswith("_to_be_between") and "quantile" not in name
    if is_between and not {"min_value", "max_value"} & kwargs.keys():
        faults.add((*at, "implementation"), f"{name} needs min_value, max_value or both")
    if "json_schema" in kwargs:
        _check_json_schema(kwargs["json_schema"], (*at, "implementation", "kwargs"), faults)
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


def _check_json_schema(given: Any, at: Where, faults: Faults) -> None:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    try:
        Draft202012Validator.check_schema(given)
    except SchemaError as error:
        faults.add((*at, "json_schema"), f"is no JSON schema: {error.message[:200]}")


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
