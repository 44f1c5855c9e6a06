"""Arrow rules: the fast path, which proves rows valid over a whole column at once.

Great Expectations decides; this spares it the rows about which there is no doubt. Arrow never says
that a row breaks a rule, and is silent where its own reading of the rule might be another one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.contract import Expectation

type Mask = npt.NDArray[np.bool_]
type Kwargs = Mapping[str, Any]

_ESCAPED = r"\\[dw.+*?()\[\]{}|^$\\/-]"
_CLASS = r"\[\^?(?:[A-Za-z0-9]-[A-Za-z0-9]|[A-Za-z0-9_ .,:;@#%+*/()])+\]"
_ATOM = rf"(?:[A-Za-z0-9_ \-,:;@#%&=<>!/\"'.]|{_ESCAPED}|{_CLASS})"
_TIMES = r"(?:[*+?]|\{[0-9]{1,2}(?:,(?:[0-9]{1,2})?)?\})"
_SAME_IN_BOTH = re.compile(rf"(?:{_ATOM}{_TIMES}?|[\^$|]|\((?:\?:)?|\){_TIMES}?)+")
"""Expressions that Arrow's RE2 and Python understand alike. `$`, `\\d` and `\\w` match less in RE2,
which is the safe side, so they are not taken where less would be more: in a negated class."""


def vouched(rows: pa.Table, rule: Expectation) -> Mask | None:
    """Which rows certainly keep a rule about single rows; None if Arrow cannot tell of any.

    A null keeps every rule but the one against nulls, as with Great Expectations.
    """
    known = _RULES.get(rule.type)
    name = rule.kwargs.get("column")
    if known is None or name not in rows.column_names:
        return None
    check, words = known
    if not rule.kwargs.keys() <= {"column", *words}:
        return None
    kept = check(rows.column(name), rule.kwargs)
    return None if kept is None else _mask(kept)


def _mask(kept: pa.ChunkedArray) -> Mask:
    found: Mask = pc.fill_null(kept, True).to_numpy()
    return found


def _not_null(values: pa.ChunkedArray, kwargs: Kwargs) -> pa.ChunkedArray | None:
    return values.is_valid()


def _in_set(values: pa.ChunkedArray, kwargs: Kwargs) -> pa.ChunkedArray | None:
    wanted = kwargs.get("value_set")
    if not isinstance(wanted, list | tuple):
        return None
    kinds = {type(each) for each in wanted}
    fits = (pa.types.is_string(values.type) and kinds == {str}) or (
        pa.types.is_int64(values.type) and kinds == {int}
    )
    if not fits:
        return None
    try:
        found = pc.is_in(values, value_set=pa.array(wanted, values.type))
    except (pa.ArrowInvalid, OverflowError, UnicodeEncodeError):
        return None
    return pc.or_(found, values.is_null())


def _lengths_between(values: pa.ChunkedArray, kwargs: Kwargs) -> pa.ChunkedArray | None:
    return _lengths(values, kwargs.get("min_value"), kwargs.get("max_value"))


def _lengths_equal(values: pa.ChunkedArray, kwargs: Kwargs) -> pa.ChunkedArray | None:
    return _lengths(values, kwargs.get("value"), kwargs.get("value"))


def _lengths(values: pa.ChunkedArray, low: object, high: object) -> pa.ChunkedArray | None:
    if not pa.types.is_string(values.type) or {type(low), type(high)} - {int, type(None)}:
        return None
    if low is None and high is None:
        return None
    lengths = pc.utf8_length(values)
    long = True if low is None else pc.greater_equal(lengths, low)
    short = True if high is None else pc.less_equal(lengths, high)
    return pc.and_(long, short)


def _matching(values: pa.ChunkedArray, kwargs: Kwargs) -> pa.ChunkedArray | None:
    regex = kwargs.get("regex")
    if not pa.types.is_string(values.type) or not isinstance(regex, str) or not _is_plain(regex):
        return None
    try:
        return pc.match_substring_regex(values, regex)
    except pa.ArrowInvalid:
        return None


@cache
def _is_plain(regex: str) -> bool:
    """Whether Python and RE2 mean the same by the expression."""
    if not _SAME_IN_BOTH.fullmatch(regex):
        return False
    try:
        re.compile(regex)
    except re.error:
        return False
    return True


_RULES: Mapping[
    str, tuple[Callable[[pa.ChunkedArray, Kwargs], pa.ChunkedArray | None], tuple[str, ...]]
] = {
    "expect_column_values_to_not_be_null": (_not_null, ()),
    "expect_column_values_to_be_in_set": (_in_set, ("value_set",)),
    "expect_column_value_lengths_to_be_between": (_lengths_between, ("min_value", "max_value")),
    "expect_column_value_lengths_to_equal": (_lengths_equal, ("value",)),
    "expect_column_values_to_match_regex": (_matching, ("regex",)),
}
"""The check of each rule, and the arguments that it knows beside the column."""
