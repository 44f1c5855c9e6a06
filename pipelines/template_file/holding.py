"""Whether a contract's rules hold for a file of one row, as far as that can be said for certain
without Great Expectations."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from schemas.contract import Expectation
from schemas.regex import RegexError, regex

Row = Mapping[str, Any]
"""A row: the value of each column, None where it has none."""


def holds(rule: Expectation, row: Row) -> bool | None:
    """Whether a rule holds for a file of that one row; None if that is not known here."""
    kwargs = rule.kwargs
    known = _OF_VALUES.get(rule.type)
    try:
        if known is not None:
            value = row[kwargs["column"]]
            return True if value is None else known(kwargs, value)
        other = _OF_FILES.get(rule.type)
        return None if other is None else other(kwargs, row)
    except (KeyError, TypeError, ValueError, ArithmeticError, RegexError):
        return None


def rows_needed(rules: Sequence[Expectation]) -> int | None:
    """The least number of rows that a file must have; None if that is too many for an example."""
    counted = [each for each in rules if each.type in ROW_COUNTS]
    for number in range(1, _MOST_ROWS + 1):
        if all(ROW_COUNTS[each.type](each.kwargs, number) for each in counted):
            return number
    return None


def is_of_each_row(rule: Expectation) -> bool:
    """Whether a rule that holds for each row by itself holds for all of them."""
    return rule.type in _OF_VALUES or rule.type in _OF_EACH_ROW


def limits_of(rules: Sequence[Expectation], column: str) -> list[Mapping[str, Any]]:
    """The arguments of the rules that bound a column's values, or those of one row together."""
    return [each.kwargs for each in rules
            if each.type in _BETWEEN and each.kwargs.get("column") == column]  # fmt: skip


def sets_of(rules: Sequence[Expectation], column: str) -> list[Sequence[Any]]:
    """The sets that a column's values must be among."""
    return [list(each.kwargs["value_set"]) for each in rules
            if each.type in _IN_SET and each.kwargs.get("column") == column
            and each.kwargs.get("value_set")]  # fmt: skip


def patterns_of(rules: Sequence[Expectation], column: str) -> list[str]:
    """The patterns that a column's values must match."""
    found: list[str] = []
    for each in rules:
        if each.kwargs.get("column") != column or "not_match" in each.type:
            continue
        if isinstance(pattern := each.kwargs.get("regex"), str):
            found.append(pattern)
        found += map(str, each.kwargs.get("regex_list") or ())
    return found


def _between(kwargs: Mapping[str, Any], value: Any) -> bool:
    low, high = kwargs.get("min_value"), kwargs.get("max_value")
    if isinstance(value, Decimal):
        low, high = (
            Decimal(str(each)) if isinstance(each, float) else each for each in (low, high)
        )
    if low is not None and (value <= low if kwargs.get("strict_min") else value < low):
        return False
    return high is None or bool(value < high if kwargs.get("strict_max") else value <= high)


def _among(values: Collection[Any], value: Any) -> bool:
    if isinstance(value, Decimal):
        return any(value == (Decimal(str(each)) if isinstance(each, float) else each)
                   for each in values)  # fmt: skip
    return value in values


def _matches(kwargs: Mapping[str, Any], value: Any) -> bool:
    return regex(str(kwargs["regex"])).search(str(value))


def _matches_list(kwargs: Mapping[str, Any], value: Any) -> bool:
    found = [regex(str(each)).search(str(value)) for each in kwargs["regex_list"]]
    return any(found) if kwargs.get("match_on", "any") == "any" else all(found)


def _is_multiple(kwargs: Mapping[str, Any], value: Any) -> bool:
    return (Fraction(str(value)) / Fraction(str(kwargs["step"]))).denominator == 1


def _is_json(kwargs: Mapping[str, Any], value: Any) -> bool:
    json.loads(value)
    return True


def _is_of_schema(kwargs: Mapping[str, Any], value: Any) -> bool:
    from jsonschema import Draft202012Validator

    return bool(Draft202012Validator(kwargs["json_schema"]).is_valid(json.loads(value)))


def _is_of_format(kwargs: Mapping[str, Any], value: Any) -> bool:
    datetime.strptime(str(value), str(kwargs["strftime_format"]))
    return True


def _length(kwargs: Mapping[str, Any], value: Any) -> bool:
    return _between(kwargs, len(str(value)))


def _counted(number: int) -> Callable[[Mapping[str, Any], Row], bool | None]:
    """Whether that number of rows is as it must be."""

    def holds_for(kwargs: Mapping[str, Any], row: Row) -> bool | None:
        low, high = kwargs["min_value"], kwargs["max_value"]
        found: Mapping[str, bool] = {
            "mustBe": number == low,
            "mustNotBe": number != low,
            "mustBeGreaterThan": number > low,
            "mustBeGreaterOrEqualTo": number >= low,
            "mustBeLessThan": number < low,
            "mustBeLessOrEqualTo": number <= low,
            "mustBeBetween": low <= number <= high,
            "mustNotBeBetween": not low <= number <= high,
        }
        return found[kwargs["operator"]]

    return holds_for


def _none_missing(kwargs: Mapping[str, Any], row: Row) -> bool | None:
    value = row[kwargs["column"]]
    if value is None or value in (kwargs.get("words") or ()):
        return None
    return _counted(0)(kwargs, row)


def _none_invalid(kwargs: Mapping[str, Any], row: Row) -> bool | None:
    value = row[kwargs["column"]]
    is_valid = value is None or (
        _among(kwargs.get("value_set", [value]), value)
        and ("regex" not in kwargs or _matches(kwargs, value))
    )
    return _counted(0)(kwargs, row) if is_valid else None


def _a_above_b(kwargs: Mapping[str, Any], row: Row) -> bool:
    first, second = row[kwargs["column_A"]], row[kwargs["column_B"]]
    if first is None or second is None:
        return str(kwargs.get("ignore_row_if", "both_values_are_missing")) in (
            "either_value_is_missing", *(["both_values_are_missing"] * (first is second)),
        )  # fmt: skip
    return bool(first >= second if kwargs.get("or_equal") else first > second)


def _a_is_b(kwargs: Mapping[str, Any], row: Row) -> bool:
    first, second = row[kwargs["column_A"]], row[kwargs["column_B"]]
    return first is not None and bool(first == second)


def _is_sum(kwargs: Mapping[str, Any], row: Row) -> bool:
    total = sum(Fraction(str(row[name])) for name in kwargs["column_list"])
    return total == Fraction(str(kwargs["sum_total"]))


def _all_differ(kwargs: Mapping[str, Any], row: Row) -> bool:
    values = [row[name] for name in kwargs["column_list"]]
    return None not in values and len(set(values)) == len(values)


def _all_same(kwargs: Mapping[str, Any], row: Row) -> bool:
    values = [row[name] for name in kwargs["column_list"]]
    return None not in values and len(set(values)) == 1


def _in_set(kwargs: Mapping[str, Any], value: Any) -> bool:
    return _among(kwargs["value_set"], value)


def _is_all_of(kwargs: Mapping[str, Any], value: Any) -> bool:
    return [*kwargs["value_set"]] == [value]


def _is_there(kwargs: Mapping[str, Any], row: Row) -> bool:
    return row[kwargs["column"]] is not None


_BETWEEN = (
    "expect_column_values_to_be_between",
    "expect_column_max_to_be_between",
    "expect_column_min_to_be_between",
    "expect_column_mean_to_be_between",
    "expect_column_median_to_be_between",
    "expect_column_sum_to_be_between",
)
_IN_SET = (
    "expect_column_values_to_be_in_set",
    "expect_column_distinct_values_to_be_in_set",
    "expect_column_distinct_values_to_contain_set",
    "expect_column_distinct_values_to_equal_set",
    "expect_column_most_common_value_to_be_in_set",
    "odcs_invalid_values",
)
_OF_VALUES: Mapping[str, Callable[[Mapping[str, Any], Any], bool]] = {
    "expect_column_values_to_be_between": _between,
    "expect_column_values_to_be_in_set": _in_set,
    "expect_column_values_to_not_be_in_set": lambda kwargs, value: not _in_set(kwargs, value),
    "expect_column_value_lengths_to_be_between": _length,
    "expect_column_value_lengths_to_equal": lambda kwargs, value: len(value) == kwargs["value"],
    "expect_column_values_to_be_null": lambda kwargs, value: False,
    "expect_column_values_to_match_regex": _matches,
    "expect_column_values_to_not_match_regex": lambda kwargs, value: not _matches(kwargs, value),
    "expect_column_values_to_match_regex_list": _matches_list,
    "expect_column_values_to_not_match_regex_list": lambda kwargs, value: (
        not any(regex(str(each)).search(str(value)) for each in kwargs["regex_list"])
    ),
    "expect_column_values_to_match_strftime_format": _is_of_format,
    "expect_column_values_to_be_json_parseable": _is_json,
    "expect_column_values_to_match_json_schema": _is_of_schema,
    "expect_column_values_to_be_unique": lambda kwargs, value: True,
    "odcs_multiple_of": _is_multiple,
}
"""Rules about each value of a column, of which none is broken by a value that is not there."""


def _of_the_value(check: Callable[[Mapping[str, Any], Any], bool]) -> Callable[..., bool | None]:
    """A rule about all values of a column, of which there is one. Of none nothing is said."""

    def of_row(kwargs: Mapping[str, Any], row: Row) -> bool | None:
        value = row[kwargs["column"]]
        return None if value is None else check(kwargs, value)

    return of_row


_OF_FILES: Mapping[str, Callable[[Mapping[str, Any], Row], bool | None]] = {
    **{name: _of_the_value(_between) for name in _BETWEEN[1:]},
    "expect_column_distinct_values_to_be_in_set": _of_the_value(_in_set),
    "expect_column_distinct_values_to_contain_set": _of_the_value(_is_all_of),
    "expect_column_distinct_values_to_equal_set": _of_the_value(_is_all_of),
    "expect_column_most_common_value_to_be_in_set": _of_the_value(_in_set),
    "expect_column_values_to_not_be_null": _is_there,
    "expect_column_unique_value_count_to_be_between": _of_the_value(
        lambda kwargs, value: _between(kwargs, 1)
    ),
    "expect_column_proportion_of_unique_values_to_be_between": _of_the_value(
        lambda kwargs, value: _between(kwargs, 1)
    ),
    "expect_column_proportion_of_non_null_values_to_be_between": _of_the_value(
        lambda kwargs, value: _between(kwargs, 1)
    ),
    "expect_column_to_exist": lambda kwargs, row: kwargs["column"] in row,
    "expect_column_pair_values_a_to_be_greater_than_b": _a_above_b,
    "expect_column_pair_values_to_be_equal": _a_is_b,
    "expect_compound_columns_to_be_unique": lambda kwargs, row: True,
    "expect_multicolumn_sum_to_equal": _is_sum,
    "expect_multicolumn_values_to_be_equal": _all_same,
    "expect_select_column_values_to_be_unique_within_record": _all_differ,
    "odcs_null_values": _none_missing,
    "odcs_missing_values": _none_missing,
    "odcs_invalid_values": _none_invalid,
    "odcs_duplicate_values": _counted(0),
}
"""Rules about a row, or about all rows, which are one."""
_OF_EACH_ROW = (
    "expect_column_max_to_be_between",
    "expect_column_min_to_be_between",
    "expect_column_mean_to_be_between",
    "expect_column_median_to_be_between",
    "expect_column_distinct_values_to_be_in_set",
    "expect_column_values_to_not_be_null",
    "expect_column_to_exist",
    "expect_column_pair_values_a_to_be_greater_than_b",
    "expect_column_pair_values_to_be_equal",
    "expect_compound_columns_to_be_unique",
    "expect_multicolumn_sum_to_equal",
    "expect_multicolumn_values_to_be_equal",
    "expect_select_column_values_to_be_unique_within_record",
    "odcs_null_values",
    "odcs_missing_values",
    "odcs_invalid_values",
    "odcs_duplicate_values",
)
_MOST_ROWS = 20
ROW_COUNTS: Mapping[str, Callable[[Mapping[str, Any], int], bool | None]] = {
    "expect_table_row_count_to_be_between": _between,
    "expect_table_row_count_to_equal": lambda kwargs, number: bool(kwargs["value"] == number),
    "odcs_row_count": lambda kwargs, number: _counted(number)(kwargs, {}),
}
"""Rules about how many rows a file has."""
