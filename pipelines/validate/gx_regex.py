"""Great Expectations' rules with regular expressions, run by RE2: see `schemas/regex.py`.

Imported after GX, it takes the place of GX's own metrics of these names, whose expressions pandas
gives to Python's engine where the text has letters beyond ASCII.
"""

from __future__ import annotations

# GX has no types.
# mypy: disable-error-code="misc, untyped-decorator"
import logging
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.expectations.metrics.map_metric_provider import (
    ColumnMapMetricProvider,
    column_condition_partial,
)

from schemas.regex import regex as compiled

# GX says for each that it has taken the place of another, which is what is wanted.
_log = logging.getLogger("great_expectations.expectations.registry")
_level = _log.level
_log.setLevel(logging.ERROR)


def matching(values: pd.Series[Any], expressions: Sequence[str], of: Callable[..., bool]) -> Any:
    """Which values' text has `of` (any, all) the expressions in it; each distinct one looked at
    once."""
    texts = values.astype(str)
    codes, distinct = pd.factorize(texts)
    found = [compiled(each) for each in expressions]
    said = [of(each.search(text) for each in found) for text in distinct]
    return pd.Series([said[code] if code >= 0 else False for code in codes], index=values.index)


class _Matching(ColumnMapMetricProvider):
    condition_metric_name = "column_values.match_regex"
    condition_value_keys = ("regex",)

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column: Any, regex: str, **kwargs: Any) -> Any:
        return matching(column, [regex], any)


class _NotMatching(ColumnMapMetricProvider):
    condition_metric_name = "column_values.not_match_regex"
    condition_value_keys = ("regex",)

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column: Any, regex: str, **kwargs: Any) -> Any:
        return ~matching(column, [regex], any)


class _MatchingList(ColumnMapMetricProvider):
    condition_metric_name = "column_values.match_regex_list"
    condition_value_keys = ("regex_list", "match_on")
    default_kwarg_values = {"match_on": "any"}  # noqa: RUF012 - as GX has it

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column: Any, regex_list: Sequence[str], match_on: str, **kwargs: Any) -> Any:
        return matching(column, regex_list, all if match_on == "all" else any)


class _NotMatchingList(ColumnMapMetricProvider):
    condition_metric_name = "column_values.not_match_regex_list"
    condition_value_keys = ("regex_list",)

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column: Any, regex_list: Sequence[str], **kwargs: Any) -> Any:
        return ~matching(column, regex_list, any)


_log.setLevel(_level)
