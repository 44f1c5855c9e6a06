"""Expressions of contracts and globs of feeds: as Python reads them, in linear time."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.globs import compile_match
from pipelines.validate.great_expectations import check_frame
from schemas.contract import Expectation
from schemas.errors import ContractError
from schemas.odcs.texts import read_contracts
from schemas.regex import RegexError, fault_of, regex
from small_service import CONTRACT

PATTERNS = [
    r"^[A-Z]{2}-\d{4,6}$",
    r"^\w+@\w+\.\w+$",
    r"(?i)^(total|sum)me?$",
    r"\bcat\b",
    r"[^\d\s]+x",
    r"a.c",
    r"(?s)a.c",
    r"(?m)^b$",
    r"^\S+\s\S+\Z",
    r"^(a|b|)*c?$",
    r"[]a\-z]+?!",
    r"[\w.-]+é",
    r"(?:x{2,}|y{,3}|z{3})$",
    r"(?P<name>a)(b)?",
    r"(?a)^\w+$",
    r"(?x) a  b # blank",
    r"\u00e9\x41\t\.",
    r"(?i:a)B",
    r"^\D\W\S$",
    r"[^\n]$",
    "",
]


@pytest.mark.parametrize("pattern", PATTERNS)
@given(text=st.text(alphabet="abcxyzABt0129é٣_-@. \n\t\x1c\x85\u00a0totalsume!", max_size=12))
def test_as_python_reads_them(pattern: str, text: str) -> None:
    ours, theirs = regex(pattern), re.compile(pattern)
    # RE2's idea of a word's edge is ASCII's.
    if r"\b" not in pattern or text.isascii():
        assert ours.search(text) == (theirs.search(text) is not None)
        assert ours.fullmatch(text) == (theirs.fullmatch(text) is not None)


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        (r"(?=a)b", "lookaround"),
        (r"(?<!a)b", "lookaround"),
        (r"(a)\1", "backreference"),
        (r"(?>a+)b", "atomic"),
        (r"a++b", "possessive"),
        (r"x{2000}", "repeats"),
        (r"(x{900}){900}", "RE2"),
        (r"(", "not a regular expression"),
        ("(" * 5_000 + ")" * 5_000, "deep"),
    ],
)
def test_what_is_not_read(pattern: str, why: str) -> None:
    assert why in str(fault_of(pattern))
    with pytest.raises(RegexError):
        regex(pattern)


HOSTILE = [
    (r"^(a+)+$", "a" * 100_000 + "!"),
    (r"^(\w+\s?)*$", "é " * 50_000 + "!"),
    (r"(.*)*x", "\n" * 100_000),
    (r"^(([a-z])+.)+[A-Z]([a-z])+$", "a" * 100_000),
    (r"\s+$", " " * 100_000 + "x"),
]


@pytest.mark.parametrize(("pattern", "text"), HOSTILE)
def test_hostile_cells_cost_what_others_do(pattern: str, text: str) -> None:
    frame = pd.DataFrame({"k": pd.array([text, "é\n"], dtype="string[pyarrow]")})
    check_frame(frame, [_rule("match_regex", regex=pattern)])
    begun = time.process_time()
    for kind, kwargs in (
        ("match_regex", {"regex": pattern}),
        ("not_match_regex", {"regex": pattern}),
        ("match_regex_list", {"regex_list": [pattern, "y"]}),
        ("not_match_regex_list", {"regex_list": [pattern, "y"]}),
        ("match_regex", {"regex": pattern, "mostly": 0.9}),
    ):
        check_frame(frame, [_rule(kind, **kwargs)])
    assert time.process_time() - begun < 5


def test_lists_of_expressions_mean_what_they_say() -> None:
    frame = pd.DataFrame({"k": pd.array(["ab", "a", "b", "c", None], dtype="string[pyarrow]")})

    def wrong(kind: str, **kwargs: object) -> tuple[int, ...]:
        found = check_frame(frame, [_rule(kind, regex_list=["a", "b"], **kwargs)])
        return found[0].positions if found else ()

    assert wrong("match_regex_list", match_on="any") == (3,)
    assert wrong("match_regex_list", match_on="all") == (1, 2, 3)
    assert wrong("not_match_regex_list") == (0, 1, 2)


def _rule(kind: str, **kwargs: object) -> Expectation:
    name = f"expect_column_values_to_{kind}"
    return Expectation(type=name, kwargs={"column": "k", **kwargs}, column="k")


@pytest.mark.parametrize(
    "options",
    [
        "logicalTypeOptions: {pattern: '(?=a)b'}",
        "quality: [{type: custom, engine: greatExpectations, implementation:"
        " {type: expect_column_values_to_match_regex, kwargs: {regex: '(?=a)b'}}}]",
        "quality: [{type: custom, engine: greatExpectations, implementation:"
        " {type: expect_column_values_to_match_regex_list, kwargs: {regex_list: ['(?=a)b']}}}]",
        "quality: [{metric: invalidValues, mustBe: 0, arguments: {pattern: '(?=a)b'}}]",
    ],
)
def test_a_contract_says_where_its_pattern_stands(tmp_path: Path, options: str) -> None:
    line = "physicalType: STRING, required: true, primaryKey: true}"
    text = CONTRACT.replace(line, f"{line[:-1]}, {options}}}", 1)
    (tmp_path / "c.odcs.yaml").write_text(text)
    with pytest.raises(ContractError, match=r"c\.odcs\.yaml:\d+: .*lookaround"):
        read_contracts(tmp_path)


@pytest.mark.parametrize(
    ("glob", "key"),
    [
        ("*_*_*_*_*_*.csv", "_" * 100_000),
        ("**/*a*a*a*a*a*/x", "a" * 100_000),
        ("**/a/**/a/**/a/**/x.csv", "a/" * 50_000),
        ("*[ab]*[ab]*[ab]*[ab]*c", "ab" * 50_000),
    ],
)
def test_hostile_names_cost_what_others_do(glob: str, key: str) -> None:
    begun = time.process_time()
    assert not compile_match(glob).match(key)
    assert not compile_match(glob, ignore_case=True).match(key)
    assert time.process_time() - begun < 2
