"""Messages: rules in words that whoever sent a file understands.

Each expectation has a template, whose `{value}` is the cell that breaks it, or the column's name
where the rule itself is told. The rest of its fields come from the expectation's arguments.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from json.encoder import encode_basestring_ascii as quoted
from string import Formatter
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.rejects.labels import NO_LABELS, Labels, label_of
from schemas.contract import Expectation
from schemas.language import compact, day_said, joined, moment_said, translate

_MAX_WORDS = 12
_VALUE = "\0value\0"
"""Where a value is to stand: what no argument of a rule holds."""
_NUMBER = "{number:n}"

SENTENCES: Mapping[str, str] = {
    # of rows
    "expect_column_values_to_be_between": "{value} must be {range}",
    "expect_column_value_lengths_to_be_between": "the length of {value} must be {range}",
    "expect_column_value_lengths_to_equal": "the length of {value} must be exactly {length}",
    "expect_column_values_to_be_in_set": "{value} must be one of: {words}",
    "expect_column_values_to_not_be_in_set": "{value} must not be one of: {words}",
    "expect_column_values_to_be_null": "{value} must be empty",
    "expect_column_values_to_not_be_null": "{column} is empty and must not be",
    "expect_column_values_to_be_unique": "{value} comes more than once in {column}",
    "expect_column_values_to_match_regex": "{value} must be written as the pattern {pattern}",
    "expect_column_values_to_not_match_regex": "{value} must not match the pattern {pattern}",
    "expect_column_values_to_match_regex_list": "{value} must match the patterns {words}",
    "expect_column_values_to_not_match_regex_list": "{value} must match none of: {words}",
    "expect_column_values_to_match_strftime_format": "{value} must be written as {pattern}",
    "expect_column_values_to_be_dateutil_parseable": "{value} must be a date",
    "expect_column_values_to_be_json_parseable": "{value} must be JSON",
    "expect_column_values_to_match_json_schema": "{value} must be JSON of the agreed structure",
    "expect_column_values_to_be_of_type": "{value} must be of the type {pattern}",
    "expect_column_values_to_be_in_type_list": "{value} must be of one of the types {words}",
    "expect_column_value_z_scores_to_be_less_than": "{value} is too far from the mean of {column}",
    "expect_column_values_to_not_be_outliers": "{value} is too far from the other values",
    "expect_column_pair_values_a_to_be_greater_than_b": "{first} must be {above} {second}",
    "expect_column_pair_values_to_be_equal": "{first} and {second} must be the same",
    "expect_column_pair_values_to_be_in_set": "{first} and {second} must be one of: {words}",
    "expect_compound_columns_to_be_unique": "{column} come together more than once: {value}",
    "expect_multicolumn_sum_to_equal": "{column} must add up to {total}",
    "expect_multicolumn_values_to_be_equal": "{column} must all be the same",
    "expect_select_column_values_to_be_unique_within_record": "{column} must all be different",
    "odcs_multiple_of": "{value} must be a multiple of {step}",
    # of files
    "expect_column_values_to_be_increasing": "the values of {column} must rise from row to row",
    "expect_column_values_to_be_decreasing": "the values of {column} must fall from row to row",
    "expect_column_distinct_values_to_be_in_set": "the values of {column} must be among: {words}",
    "expect_column_distinct_values_to_contain_set": "{column} must have all of: {words}",
    "expect_column_distinct_values_to_equal_set": "{column} must have all of, and only: {words}",
    "expect_column_kl_divergence_to_be_less_than": (
        "the values of {column} are not spread as agreed"
    ),
    "expect_column_max_to_be_between": "the largest value of {column} must be {range}",
    "expect_column_min_to_be_between": "the smallest value of {column} must be {range}",
    "expect_column_mean_to_be_between": "the mean of {column} must be {range}",
    "expect_column_median_to_be_between": "the median of {column} must be {range}",
    "expect_column_stdev_to_be_between": "the standard deviation of {column} must be {range}",
    "expect_column_sum_to_be_between": "the sum of {column} must be {range}",
    "expect_column_quantile_values_to_be_between": "the quantiles of {column} are not as agreed",
    "expect_column_most_common_value_to_be_in_set": (
        "the commonest {column} must be one of: {words}"
    ),
    "expect_column_proportion_of_non_null_values_to_be_between": (
        "the share of rows with a value in {column} must be {range}"
    ),
    "expect_column_proportion_of_unique_values_to_be_between": (
        "the number of different values of {column} for each row must be {range}"
    ),
    "expect_column_unique_value_count_to_be_between": (
        "the number of different values of {column} must be {range}"
    ),
    "expect_column_to_exist": "the column {column} must be there",
    "expect_column_type_to_be": "{column} must be of the type {pattern}",
    "expect_table_row_count_to_be_between": "the number of rows must be {range}",
    "expect_table_row_count_to_equal": "the number of rows must be exactly {total}",
    "expect_table_column_count_to_be_between": "the number of columns must be {range}",
    "expect_table_column_count_to_equal": "the number of columns must be exactly {total}",
    "expect_table_columns_to_match_ordered_list": "the columns must be, in order: {words}",
    "expect_table_columns_to_match_set": "the columns must be: {words}",
    "odcs_row_count": "the number of rows must be {range}",
    "odcs_null_values": "the number of rows without {column} must be {range}",
    "odcs_missing_values": "the number of rows without {column} must be {range}",
    "odcs_invalid_values": "the number of rows with an invalid {column} must be {range}",
    "odcs_duplicate_values": "the number of rows that repeat {column} must be {range}",
}
"""What is said of each expectation that can be checked on a file."""

SHARES: Mapping[str, str] = {
    "odcs_null_values": "the percentage of rows without {column} must be {range}",
    "odcs_missing_values": "the percentage of rows without {column} must be {range}",
    "odcs_invalid_values": "the percentage of rows with an invalid {column} must be {range}",
    "odcs_duplicate_values": "the percentage of rows that repeat {column} must be {range}",
}
"""The same of ODCS metrics whose unit is percent."""

RANGES: Mapping[tuple[str, str], str] = {
    ("from", "to"): "between {low} and {high}",
    ("from", "below"): "at least {low} and less than {high}",
    ("above", "to"): "more than {low} and at most {high}",
    ("above", "below"): "more than {low} and less than {high}",
    ("from", ""): "at least {low}",
    ("above", ""): "more than {low}",
    ("", "to"): "at most {high}",
    ("", "below"): "less than {high}",
    ("", ""): "any",
}
"""How bounds are told, by what kind of bound each end has."""

OPERATORS: Mapping[str, str] = {
    "mustBe": "exactly {low}",
    "mustNotBe": "other than {low}",
    "mustBeGreaterThan": "more than {low}",
    "mustBeGreaterOrEqualTo": "at least {low}",
    "mustBeLessThan": "less than {high}",
    "mustBeLessOrEqualTo": "at most {high}",
    "mustBeBetween": "between {low} and {high}",
    "mustNotBeBetween": "not between {low} and {high}",
}
"""How ODCS's comparisons are told."""

OTHERS = ("greater than", "at least", "{rule}; found {found}", "{value}: {rule}", "…")
"""Pieces of sentences that are put together."""


class Telling:
    """Says one sentence about one `{value}` after the other; all else is filled in once."""

    def __init__(self, template: str, values: Mapping[str, object]) -> None:
        filled = translate(template, value=_VALUE, **values)
        self._texts = filled.split(_VALUE)
        self._params = compact(filled.params).split(json.dumps(_VALUE))

    def text(self, value: str) -> str:
        """The sentence, in English."""
        return value.join(self._texts)

    def texts(self, values: pa.Array) -> pa.Array:
        """The sentences about several values, all as JSON has them between its quotes."""
        return _filled([quoted(each)[1:-1] for each in self._texts], values)

    def params(self, values: pa.Array) -> pa.Array:
        """Template and values of each as JSON, given the values as JSON has them in quotes."""
        first, *rest = self._params
        pieces = [first, *(f'"{each}' for each in rest)]
        return _filled([*(f'{each}"' for each in pieces[:-1]), pieces[-1]], values)


def _filled(pieces: Sequence[str], values: pa.Array) -> pa.Array:
    """The pieces with each of the values between them."""
    if len(pieces) == 1:
        return pa.repeat(pa.scalar(pieces[0]), len(values))
    parts = [part for piece in pieces[1:] for part in (values, piece)]
    return pc.binary_join_element_wise(pieces[0], *parts, "")


def sentence(expectation: Expectation, value: str | None = None, labels: Labels = NO_LABELS) -> str:
    """The rule in words, about one value that breaks it or, without one, about its column; columns
    are called by their `labels`.

    The contract's own description comes first.
    """
    if value is None and expectation.description:
        return expectation.description
    template, values = _told(expectation, labels)
    about = _column(expectation, labels) if value is None else value
    return translate(template, value=about, **values)


def telling(expectation: Expectation, labels: Labels = NO_LABELS) -> Telling:
    """What says the rule's `sentence` about one value after the other."""
    return Telling(*_told(expectation, labels))


def _told(expectation: Expectation, labels: Labels) -> tuple[str, Mapping[str, object]]:
    """The template that tells of a broken rule, and what fills it in beside the value."""
    if rule := expectation.description:
        return OTHERS[3], {"rule": rule}
    template = SENTENCES[expectation.type]
    if expectation.kwargs.get("unit") == "percent":
        template = SHARES[expectation.type]
    used = {name for _, name, _, _ in Formatter().parse(template)}
    fields = _fields(expectation, labels)
    return template, {name: each for name, each in fields.items() if name in used}


def about(template: str, /, **values: object) -> Telling:
    """What says a sentence about one `{value}` after the other."""
    return Telling(template, values)


def with_found(rule: str, found: str | None) -> str:
    """A broken rule about a file, and what was found instead."""
    return rule if found is None else translate(OTHERS[2], rule=rule, found=found)


def shown(value: Any) -> str:
    """An argument, which people of each language write in their own way."""
    match value:
        case bool():
            return str(value).lower()
        case int() | float() | Decimal():
            return translate(_NUMBER, number=value)
        case datetime():
            return moment_said(value, "second")
        case date():
            return day_said(value)
        case time():
            return value.isoformat()
        case list() | tuple() | set() | frozenset():
            words = [shown(each) for each in list(value)[:_MAX_WORDS]]
            return joined(", ", [*words, "…"] if len(value) > _MAX_WORDS else words)
        case _:
            return str(value)


def _fields(expectation: Expectation, labels: Labels) -> dict[str, object]:
    """All fields that any template may have."""
    kwargs = expectation.kwargs
    above = OTHERS[1] if kwargs.get("or_equal") else OTHERS[0]

    def argument(*names: str) -> str:
        found = next((kwargs[name] for name in names if kwargs.get(name) is not None), "")
        return shown(found)

    words = ("value_set", "regex_list", "type_list", "column_set", "column_list")
    return {
        "column": _column(expectation, labels),
        "range": _range(kwargs),
        "words": argument(*words, "value_pairs_set"),
        "pattern": argument("regex", "strftime_format", "type_"),
        "length": argument("value"),
        "total": argument("sum_total", "value"),
        "step": argument("step"),
        "first": label_of(str(kwargs.get("column_A")), labels),
        "second": label_of(str(kwargs.get("column_B")), labels),
        "above": translate(above),
    }


def _column(expectation: Expectation, labels: Labels) -> str:
    kwargs = expectation.kwargs
    columns = kwargs.get("column_list") or [kwargs.get("column")]
    return ", ".join(label_of(str(name), labels) for name in columns if name)


def _range(kwargs: Mapping[str, Any]) -> str:
    low, high = kwargs.get("min_value"), kwargs.get("max_value")
    if operator := kwargs.get("operator"):
        template = OPERATORS[operator]
    elif low is not None and low == high:
        template = OPERATORS["mustBe"]
    else:
        template = RANGES[
            _end(low, kwargs.get("strict_min"), "from", "above"),
            _end(high, kwargs.get("strict_max"), "to", "below"),
        ]
    return translate(template, low=shown(low), high=shown(high))


def _end(bound: Any, strict: Any, usual: str, stricter: str) -> str:
    if bound is None:
        return ""
    return stricter if strict else usual
