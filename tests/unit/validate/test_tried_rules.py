"""Wrong rules are found before a file comes: each is named by file, line and path."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from folders import ROOT
from pipelines.validate.tried_rules import wrong_rules
from schemas.contract import Contract
from schemas.errors import ContractError
from schemas.odcs.reader import read_contract
from schemas.odcs.texts import read_contracts

HEAD = """apiVersion: v3.1.0
kind: DataContract
id: t
version: 1.0.0
status: active
schema:
  - name: t
    properties:
      - {name: n, logicalType: integer, physicalType: INT64}
      - {name: d, logicalType: number, physicalType: "NUMERIC(12, 2)"}
      - {name: day, logicalType: date, physicalType: DATE}
      - {name: s, logicalType: string, physicalType: STRING}
    quality:
"""
RULE = """      - type: custom
        engine: greatExpectations
        implementation: {{type: {}, kwargs: {}}}
"""
NOW = datetime(2026, 11, 28, tzinfo=UTC)


def contract_of(folder: Path, *rules: tuple[str, str]) -> Contract:
    path = folder / "t.odcs.yaml"
    path.write_text(HEAD + "".join(RULE.format(*each) for each in rules))
    made = read_contract(path)
    assert isinstance(made, Contract)
    return made


def test_each_wrong_rule_is_named_with_its_place(tmp_path: Path) -> None:
    wrong = [
        (
            "expect_column_values_to_be_between",
            "{column: n, min_valu: 5, max_value: 7}",
            "min_valu",
        ),
        ("expect_column_values_to_be_in_set", "{value_set: [5]}", "column"),
        ("expect_column_mean_to_be_between", "{column: s, min_value: 1}", "mean"),
        ("expect_column_values_to_be_between", "{column: n, min_value: 1, mostly: 5}", "mostly"),
        ("expect_column_pair_values_a_to_be_greater_than_b", "{column_A: n, column_B: s}", "n, s"),
        ("expect_column_values_to_be_between", "{column: n, min_value: a}", "bounds"),
    ]
    right = ("expect_column_values_to_be_between", "{column: n, min_value: 1}")
    made = contract_of(tmp_path, right, *((name, kwargs) for name, kwargs, _ in wrong))
    found = list(wrong_rules(made, NOW))
    assert len(found) == len(wrong)
    for index, (says, (name, _, word)) in enumerate(zip(found, wrong, strict=True), start=1):
        line = HEAD.count("\n") + 1 + 3 * index
        place = f"{tmp_path}/t.odcs.yaml:{line}: schema[0].quality[{index}]: {name}: "
        assert says.startswith(place), says
        assert word in says


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        (("expect_column_mean_to_be_between", "{column: n, min_value: 4, max_value: 1}"), "above"),
        (("expect_column_values_to_match_regex", "{column: s}"), "needs kwargs: {regex"),
        (("expect_column_value_lengths_to_be_between", "{column: s}"), "min_value, max_value"),
        (("expect_column_values_to_match_json_schema", "{column: s}"), "needs kwargs: {json_s"),
        (
            ("expect_column_values_to_match_json_schema", "{column: s, json_schema: {type: 1}}"),
            "is no JSON schema",
        ),
    ],
)
def test_what_says_nothing_is_refused_with_the_contract(
    tmp_path: Path, rule: tuple[str, str], says: str
) -> None:
    with pytest.raises(ContractError) as caught:
        contract_of(tmp_path, rule)
    assert caught.value.message.startswith(f"{tmp_path}/t.odcs.yaml:1")
    assert ": schema[0].quality[0]" in caught.value.message
    assert says in caught.value.message


def test_rules_that_are_right_are_not_refused(tmp_path: Path) -> None:
    """Of a file of one row some have nothing to say; that is no fault of theirs."""
    made = contract_of(
        tmp_path,
        ("expect_column_stdev_to_be_between", "{column: n, min_value: 1}"),
        ("expect_column_value_z_scores_to_be_less_than",
            "{column: n, threshold: 3, double_sided: true}"),
        ("expect_column_values_to_not_be_outliers", "{column: n}"),
        ("expect_column_quantile_values_to_be_between",
         "{column: d, quantile_ranges: {quantiles: [0.5], value_ranges: [[1, 2]]}}"),
        ("expect_column_most_common_value_to_be_in_set", "{column: s, value_set: [a]}"),
        ("expect_column_median_to_be_between", "{column: d, min_value: 1}"),
        ("expect_column_max_to_be_between",
         "{column: day, max_value: {$PARAMETER: now() - timedelta(days=2)}}"),
        ("expect_column_values_to_match_strftime_format", '{column: s, strftime_format: "%Y"}'),
        ("expect_column_values_to_be_dateutil_parseable", "{column: s}"),
        ("expect_column_values_to_be_increasing", "{column: day}"),
        ("expect_multicolumn_sum_to_equal", "{column_list: [n, d], sum_total: 3}"),
        ("expect_compound_columns_to_be_unique", "{column_list: [n, s]}"),
        ("expect_table_row_count_to_be_between", "{min_value: 4}"),
        ("expect_column_values_to_match_regex_list", "{column: s, regex_list: [a]}"),
        ("expect_column_value_lengths_to_equal", "{column: s, value: 3}"),
        ("expect_column_sum_to_be_between", "{column: n, min_value: 4}"),
        ("expect_column_proportion_of_unique_values_to_be_between", "{column: n, min_value: 0.5}"),
    )  # fmt: skip
    assert list(wrong_rules(made, NOW)) == []
    for each in read_contracts(ROOT / "schemas")[0].values():
        assert list(wrong_rules(each, NOW)) == []
