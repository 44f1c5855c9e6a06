"""The glob matcher that all sources share."""

from __future__ import annotations

import pytest

from connectors.match import compile_match, is_ours, static_prefix


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


@pytest.mark.parametrize(
    ("key", "ours"),
    [
        ("in/orders.csv.receipt.json", True),
        ("in/orders.csv.receipt.txt", True),
        ("in/orders.csv.rejected.csv", True),
        ("in/orders.rejected.fixed.csv", False),
        ("in/receipt.json", False),
    ],
)
def test_only_the_exact_suffixes_are_our_own_answers(key: str, ours: bool) -> None:
    assert is_ours(key) == ours
