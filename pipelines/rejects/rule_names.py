"""Rule names: what a broken rule is called in the heading above its rows.

The rules of Great Expectations have names for programs; people get a word or two instead. Rules of
our own have names that can be read, but for the line between their words.
"""

from __future__ import annotations

from collections.abc import Mapping

from pipelines.rejects.messages import SENTENCES

_SEVERAL, _PATTERN = "several columns together", "values to match regex"
_FORBIDDEN, _OTHER = "not allowed", "rule of the contract"

_NAMES: Mapping[str, str] = {
    "values_to_be_between": "values to be between",
    "values_to_be_in_set": "values to be in set",
    "values_to_be_unique": "values to be unique",
    "compound_columns_to_be_unique": "compound columns to be unique",
    "values_to_match_regex": _PATTERN,
    "value_lengths_to_be_between": "length",
    "value_lengths_to_equal": "length",
    "values_to_not_be_in_set": _FORBIDDEN,
    "values_to_be_null": _FORBIDDEN,
    "values_to_not_be_null": "required",
    "values_to_not_match_regex": _FORBIDDEN,
    "values_to_match_regex_list": _PATTERN,
    "values_to_not_match_regex_list": _FORBIDDEN,
    "values_to_match_strftime_format": _PATTERN,
    "values_to_be_dateutil_parseable": "type",
    "values_to_be_json_parseable": "type",
    "values_to_match_json_schema": _PATTERN,
    "values_to_be_of_type": "type",
    "values_to_be_in_type_list": "type",
    "value_z_scores_to_be_less_than": "far from the other values",
    "values_to_not_be_outliers": "far from the other values",
    "pair_values_a_to_be_greater_than_b": _SEVERAL,
    "pair_values_to_be_equal": _SEVERAL,
    "pair_values_to_be_in_set": _SEVERAL,
    "multicolumn_sum_to_equal": _SEVERAL,
    "multicolumn_values_to_be_equal": _SEVERAL,
    "select_column_values_to_be_unique_within_record": _SEVERAL,
}
_EXPECTED = frozenset(
    each.removeprefix("expect_").removeprefix("column_")
    for each in SENTENCES
    if each.startswith("expect_")
)


def rule_name(rule: str) -> str:
    """What people call a rule, in English: a template without fields, which the catalogues have."""
    if named := _NAMES.get(rule):
        return named
    if rule in _EXPECTED or rule.startswith("odcs_"):
        return _OTHER
    return rule.replace("_", " ")
