"""What Arrow vouches for, Great Expectations would never blame; together they say what GX says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.validate.arrow_rules import vouched
from pipelines.validate.great_expectations import check_frame
from pipelines.validate.row_rules import Judge
from schemas.contract import Expectation
from schemas.errors import ContractError

_SIGNS = "abcZ019 _-.,:@/\\\n\t\xa0é٣日𝒳\x85\u2028"
_TEXTS = st.lists(st.none() | st.text(_SIGNS, max_size=5), min_size=1, max_size=60)
_ATOMS = st.sampled_from(
    ["a", "Z", "0", " ", "-", ".", ",", r"\d", r"\w", r"\.", r"\\", "[a-c]", "[^a0]", "[0-9_]",
     r"[^\d]", r"\D", r"\b", r"\s", "^", "$", "|", "é", "[[]", "(?i)a", r"\pL"]
)  # fmt: skip
_TIMES = st.sampled_from(["", "", "?", "*", "+", "{1}", "{1,2}", "{,2}", "++", "{2}{2}", "+?"])
_PIECES = st.tuples(_ATOMS, _TIMES).map("".join)
_REGEXES = st.lists(
    _PIECES | st.lists(_PIECES, min_size=1, max_size=2).map(lambda some: f"({''.join(some)})"),
    min_size=1,
    max_size=3,
).map("".join) | st.builds("^{}$".format, _PIECES)
_BOUNDS = st.tuples(st.integers(0, 4), st.none() | st.integers(0, 5))


@settings(deadline=None, max_examples=40)
@given(cells=_TEXTS, regex=_REGEXES)
def test_expressions_mean_what_they_mean_to_gx(cells: list[str | None], regex: str) -> None:
    _compare(cells, [_rule("expect_column_values_to_match_regex", regex=regex)])


@settings(deadline=None, max_examples=25)
@given(cells=_TEXTS, words=st.lists(st.text(_SIGNS, max_size=2), max_size=4), bounds=_BOUNDS)
def test_rules_of_texts_are_kept_as_gx_keeps_them(
    cells: list[str | None], words: list[str], bounds: tuple[int, int | None]
) -> None:
    low, high = bounds
    _compare(
        cells,
        [
            _rule("expect_column_values_to_be_in_set", value_set=words),
            _rule("expect_column_value_lengths_to_be_between", min_value=low, max_value=high),
            _rule("expect_column_value_lengths_to_equal", value=low),
            _rule("expect_column_values_to_not_be_null"),
        ],
    )


@settings(deadline=None, max_examples=15)
@given(
    numbers=st.lists(st.none() | st.integers(-(2**63), 2**63 - 1) | st.integers(0, 2), min_size=1),
    wanted=st.lists(st.integers(0, 2) | st.integers(2**62, 2**64) | st.booleans(), max_size=4),
)
def test_sets_of_numbers(numbers: list[int | None], wanted: list[int]) -> None:
    _compare(numbers, [_rule("expect_column_values_to_be_in_set", value_set=wanted)], pa.int64())


@pytest.mark.parametrize(
    ("rule", "values", "kept"),
    [
        (("match_regex", {"regex": "^[0-9]{3}$"}), ["123", "12", None], [True, False, True]),
        (("be_in_set", {"value_set": ["a"]}), ["a", "b", None], [True, False, True]),
        (("not_be_null", {}), ["a", "", None], [True, True, False]),
    ],
)
def test_the_usual_rules_are_vouched_for(rule: Any, values: list[Any], kept: list[bool]) -> None:
    name, kwargs = rule
    found = vouched(pa.table({"c": values}), _rule(f"expect_column_values_to_{name}", **kwargs))
    assert found is not None
    assert found.tolist() == kept


@pytest.mark.parametrize(
    "kwargs",
    [
        {"regex": r"^[^\d]$"},  # less is more here
        {"regex": r"(?i)a"},
        {"regex": r"\bA"},
        {"regex": "a{,2}"},  # to Python a repetition, to RE2 five signs
        {"regex": "a", "mostly": 0.5},
        {"regex": "a", "row_condition": "c == 'a'"},
    ],
)
def test_what_might_mean_something_else_is_left_to_gx(kwargs: dict[str, Any]) -> None:
    rule = _rule("expect_column_values_to_match_regex", **kwargs)
    assert vouched(pa.table({"c": ["a"]}), rule) is None


def test_rows_are_named_by_their_place_in_the_table() -> None:
    rules = [
        _rule("expect_column_values_to_be_in_set", value_set=["a"]),
        _rule("expect_column_values_to_match_regex", regex="^[ab]$"),
        _rule("expect_column_values_to_not_match_regex", regex="^c$"),
    ]
    rows = pa.table({"c": pa.chunked_array([["a", "b"], ["c", None, "a"]])})
    assert [each.positions for each in Judge(rules).broken(rows)] == [(1, 2), (2,), (2,)]


def test_a_rule_about_a_column_that_is_not_there_is_an_error() -> None:
    rule = _rule("expect_column_values_to_not_be_null")
    with pytest.raises(ContractError):
        Judge([rule]).broken(pa.table({"d": ["a"]}))


def _rule(name: str, **kwargs: Any) -> Expectation:
    return Expectation(type=name, kwargs={"column": "c", **kwargs}, column="c")


def _compare(values: list[Any], rules: list[Expectation], kind: pa.DataType | None = None) -> None:
    """Together the two say what GX says, and Arrow vouches for no row that GX blames."""
    rows = pa.table({"c": pa.array(values, kind or pa.string())})
    frame = rows.to_pandas(types_mapper=pd.ArrowDtype)
    try:
        by_gx = {id(each.expectation): each.positions for each in check_frame(frame, rules)}
    except ContractError:
        assert all(vouched(rows, rule) is None for rule in rules)
        return
    judge = Judge(rules)
    for _ in ("first asked", "then remembered"):
        assert {id(each.expectation): each.positions for each in judge.broken(rows)} == by_gx
    for rule in rules:
        kept = vouched(rows, rule)
        if kept is not None:
            assert not kept[np.array(by_gx.get(id(rule), ()), np.int64)].any()
