"""Two globs overlap where one key fits both."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.glob_overlap import common_key
from connectors.globs import compile_match

PARTS = st.sampled_from(["a", "b", "/", "*", "?", "**/", "[ab]", ".csv"])
GLOBS = st.lists(PARTS, min_size=1, max_size=6).map("".join)
KEYS = st.text("ab/x.csv", min_size=1, max_size=8)


@pytest.mark.parametrize(
    ("one", "other", "key"),
    [
        ("orders/**/*.csv", "**/*.csv", "orders/x.csv"),
        ("*.csv", "orders*", "ordersx.csv"),
        ("orders/2026/**", "orders/*/*.csv", "orders/2026/x.csv"),
        ("a/*.csv", "b/*.csv", None),
        ("*.csv", "a/*.csv", None),
        ("*a" * 30 + "b", "*a" * 30 + "c", None),
    ],
)
def test_a_common_key_is_found_where_there_is_one(one: str, other: str, key: str | None) -> None:
    assert common_key(one, other) == key


@given(GLOBS, GLOBS, KEYS)
def test_no_common_key_is_overlooked(one: str, other: str, key: str) -> None:
    if compile_match(one).match(key) and compile_match(other).match(key) and "//" not in key:
        assert common_key(one, other) is not None
