"""Library metrics of ODCS as expectations.

Where a metric must be 0, each row that counts is to blame: it becomes GX's own row-level twin. With
any other comparison the file as a whole is measured.
https://bitol-io.github.io/open-data-contract-standard/v3.1.0/data-quality/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from open_data_contract_standard.model import DataQuality

from schemas.contract import Column, Expectation, Type
from schemas.odcs.bounds import typed
from schemas.odcs.file import Faults, Where, check_regex

_OPERATORS = (
    "mustBe",
    "mustNotBe",
    "mustBeGreaterThan",
    "mustBeGreaterOrEqualTo",
    "mustBeLessThan",
    "mustBeLessOrEqualTo",
    "mustBeBetween",
    "mustNotBeBetween",
)
_MEASURES = {
    "rowCount": "odcs_row_count",
    "nullValues": "odcs_null_values",
    "missingValues": "odcs_missing_values",
    "invalidValues": "odcs_invalid_values",
    "duplicateValues": "odcs_duplicate_values",
}


def metric_rules(
    rule: DataQuality,
    column: Column | None,
    columns: Mapping[str, Column],
    severity: str,
    at: Where,
    faults: Faults,
) -> Iterator[Expectation]:
    """The expectations that a metric stands for; faults say why there are none."""
    what = _subject(rule, column, columns, at, faults)
    if what is None:
        return
    # Which comparison there is, and that there is one, the standard's own schema checks.
    operator = next(name for name in _OPERATORS if getattr(rule, name) is not None)
    limit = getattr(rule, operator)
    bounds = limit if isinstance(limit, list) else [limit]
    if any(isinstance(each, bool) or not isinstance(each, int | float) for each in bounds):
        faults.add((*at, operator), f"{rule.metric} is a number")
        return
    if rule.unit not in (None, "rows", "percent"):
        faults.add((*at, "unit"), f'"{rule.unit}" is not rows or percent')
        return
    if rule.unit == "percent" and rule.metric == "rowCount":
        faults.add((*at, "unit"), "a number of rows is no percentage")
        return
    made: list[tuple[str, dict[str, Any]]]
    if rule.metric != "rowCount" and _is_none(operator, limit, rule.unit):
        made = list(_of_rows(str(rule.metric), what))
    else:
        made = [(_MEASURES[str(rule.metric)], {**what, **_comparison(operator, bounds, rule)})]
    for name, kwargs in made:
        yield Expectation(
            type=name,
            kwargs=kwargs,
            column=kwargs.get("column"),
            severity=severity,
            description=rule.description,
        )


def _is_none(operator: str, limit: Any, unit: str | None) -> bool:
    """Whether the comparison allows no row at all."""
    if operator in ("mustBe", "mustBeLessOrEqualTo"):
        return bool(limit == 0)
    return operator == "mustBeLessThan" and unit != "percent" and 0 < limit <= 1


def _comparison(operator: str, bounds: list[float], rule: DataQuality) -> dict[str, Any]:
    low, high = bounds[0], bounds[-1]
    return {
        "operator": operator,
        "min_value": low,
        "max_value": high,
        **({"unit": "percent"} if rule.unit == "percent" else {}),
    }


def _subject(
    rule: DataQuality,
    column: Column | None,
    columns: Mapping[str, Column],
    at: Where,
    faults: Faults,
) -> dict[str, Any] | None:
    """What is measured, as arguments; None, and a fault noted, if that is not clear."""
    arguments = rule.arguments or {}
    if rule.metric == "rowCount":
        return {}
    if column is None:
        names = arguments.get("properties")
        if rule.metric != "duplicateValues" or not isinstance(names, list) or not names:
            faults.add(at, f"{rule.metric} is measured on a column")
            return None
        for name in names:
            if name not in columns:
                faults.unknown((*at, "arguments"), str(name), columns)
        return {"column_list": [str(name) for name in names]}
    what: dict[str, Any] = {"column": column.name}
    if rule.metric == "missingValues":
        words = arguments.get("missingValues", [])
        what["words"] = [str(word) for word in words if word is not None]
        if what["words"] and column.type is not Type.STRING:
            faults.add(at, "words for missing values belong to STRING columns; use nulls")
    if rule.metric == "invalidValues":
        if "validValues" in arguments:
            try:
                what["value_set"] = [typed(each, column) for each in arguments["validValues"]]
            except (TypeError, ValueError):
                faults.add((*at, "arguments"), f"validValues is a list of {column.type} values")
        if "pattern" in arguments:
            what["regex"] = str(arguments["pattern"])
            check_regex(what["regex"], (*at, "arguments", "pattern"), faults)
        if len(what) == 1:
            faults.add(at, "invalidValues needs arguments: validValues or pattern")
            return None
    return what


def _of_rows(metric: str, what: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """GX's row-level twins of a metric that must be 0."""
    named = {key: value for key, value in what.items() if key == "column"}
    match metric:
        case "nullValues" | "missingValues":
            yield "expect_column_values_to_not_be_null", named
            if what.get("words"):
                kwargs = {**named, "value_set": what["words"]}
                yield "expect_column_values_to_not_be_in_set", kwargs
        case "duplicateValues" if "column_list" in what:
            yield "expect_compound_columns_to_be_unique", what
        case "duplicateValues":
            yield "expect_column_values_to_be_unique", named
        case _:
            if "value_set" in what:
                kwargs = {**named, "value_set": what["value_set"]}
                yield "expect_column_values_to_be_in_set", kwargs
            if "regex" in what:
                yield "expect_column_values_to_match_regex", {**named, "regex": what["regex"]}
