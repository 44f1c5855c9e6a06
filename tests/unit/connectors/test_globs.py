"""The glob matcher that all sources share."""

from __future__ import annotations

import pytest

from connectors.globs import (
    OurAnswers,
    compile_match,
    is_litter,
    matches,
    names_something,
    static_prefix,
)


@pytest.mark.parametrize(
    ("pattern", "key", "matches"),
    [
        ("orders/**/*.csv*", "orders/a.csv", True),
        ("orders/**/*.csv*", "orders/2026/11/a.csv.gz", True),
        ("orders/**/*.csv*", "orders-old/a.csv", False),
        ("orders/**/*.csv*", "in/orders/a.csv", False),
        ("*.csv", "a.csv", True),
        ("*.csv", "in/a.csv", False),
        ("*.csv", ".a.csv", True),
        ("*.csv", "a.csv\n", False),
        ("*.csv", "a\nb.csv", True),
        ("**", "a/b/c", True),
        ("a?b", "a/b", False),
        ("a[!x]b", "a-b", True),
        ("a[!x]b", "axb", False),
        ("a[!x]b", "a/b", False),
        ("a[+-9]b", "a5b", True),
        ("a[+-9]b", "a/b", False),
        ("[ab]/**/[!_]*.csv", "b/c/d.csv", True),
        ("[ab]/**/[!_]*.csv", "b/c/_d.csv", False),
        ("a.csv", "aXcsv", False),
        ("a[.csv", "a[.csv", True),
    ],
)
def test_a_glob_matches_whole_keys_and_only_two_stars_cross_folders(
    pattern: str, key: str, matches: bool
) -> None:
    assert (compile_match(pattern).match(key) is not None) == matches


def test_case_counts_unless_told_otherwise() -> None:
    assert not compile_match("*.csv").match("A.CSV")
    assert compile_match("*.csv", ignore_case=True).match("A.CSV")


@pytest.mark.parametrize(
    ("pattern", "prefix"),
    [("orders/**/*.csv", "orders/"), ("in/a[0-9].csv", "in/a"), ("?", ""), ("a/b.csv", "a/b.csv")],
)
def test_the_static_prefix_is_what_every_match_starts_with(pattern: str, prefix: str) -> None:
    assert static_prefix(pattern) == prefix


def test_our_answers_are_told_by_the_receipt_beside_them() -> None:
    keys = {
        "in/orders.csv": False,
        "in/orders.csv.receipt.json": True,
        "in/orders.csv.receipt.txt": True,
        "in/orders.csv.rejected.csv": True,
        "in/orders.rejected.fixed.csv": False,
        "in/payments.rejected.csv": False,
        "in/receipt.json": False,
    }
    answers = OurAnswers()
    assert {key: answers.has(key) for key in keys} == keys


@pytest.mark.parametrize(
    ("pattern", "key"),
    [
        ("in/**/*.csv", "in//double.csv"),
        ("in/*.csv", "in///a.csv"),
        ("in/**/x/*.csv", "in/a//x//b.csv"),
    ],
)
def test_slashes_that_are_doubled_part_folders_once(pattern: str, key: str) -> None:
    assert matches(pattern, key)


@pytest.mark.parametrize(
    "name",
    ["._a.csv", "~$a.xlsx", ".~lock.a.ods#", "a.csv.crc", "a.tmp", "a.csv.filepart", "a.csv.part",
     "Thumbs.db", ".DS_Store", "desktop.ini", "a.csv~", "__MACOSX/a.csv"],
)  # fmt: skip
def test_litter_is_matched_only_by_a_glob_that_means_it(name: str) -> None:
    assert is_litter(name)
    assert is_litter(f"in/{name}")
    assert not matches("**", f"in/{name}")
    assert not matches("**/*", f"in/{name}")


def test_a_glob_may_mean_litter() -> None:
    assert matches("**/*.tmp", "in/a.tmp")
    assert matches("in/._*", "in/._a.csv")
    assert not matches("**/*.csv", "in/._a.csv")


def test_what_a_glob_says_of_a_name() -> None:
    said = {"**": "", "*": "", "*.*": "", "in/**": "", "*.csv": "csv", "in/logo*": "logo"}
    assert {each: names_something(each) for each in said} == said
