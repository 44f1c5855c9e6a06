"""Rules: which of a contract's expectations are about rows, keys or the whole file, and when
each can be checked."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from schemas.contract import Contract, Expectation, FromNow, Type

if TYPE_CHECKING:
    pass


_ROW_LEVEL = (
    "expect_column_values_",
    "expect_column_value_lengths_",
    "expect_column_value_z_scores_",
    "expect_column_pair_values_",
    "expect_multicolumn_",
    "expect_compound_columns_",
    "expect_select_column_values_",
    "odcs_multiple_of",
)


# An order is broken by the file: which of two rows is out of place nobody can tell.
_ORDERS = ("expect_column_values_to_be_increasing", "expect_column_values_to_be_decreasing")


KEYS = ("expect_column_values_to_be_unique", "expect_compound_columns_to_be_unique")
"""Rules about rows that must not share a key: `unique_keys` checks them over the whole file."""


_OF_ALL_ROWS = (
    "expect_column_value_z_scores_to_be_less_than",
    "expect_column_values_to_not_be_outliers",
)


def is_row_level(expectation: Expectation) -> bool:
    """Whether single rows are to blame when the expectation is broken."""
    return expectation.type.startswith(_ROW_LEVEL) and expectation.type not in _ORDERS


def needs_all_rows(expectation: Expectation) -> bool:
    """Whether a row-level rule can only be judged by all rows of a file at once."""
    return expectation.type in _OF_ALL_ROWS or expectation.kwargs.get("mostly", 1) < 1


def columns_of(expectation: Expectation) -> tuple[str, ...]:
    """The columns an expectation looks at."""
    kwargs = expectation.kwargs
    named = [kwargs.get(key) for key in ("column", "column_A", "column_B")]
    named += list(kwargs.get("column_list") or ())
    if not any(named) and expectation.column:
        named = [expectation.column]
    return tuple(str(name) for name in named if name)


def expectations_for(contract: Contract, *, derived: bool) -> tuple[Expectation, ...]:
    """The rules of single rows that can be checked before (or only after) the transform."""
    later = {column.name for column in contract.columns if column.derived}
    return tuple(
        each
        for each in contract.expectations
        if is_row_level(each)
        and each.type not in KEYS
        and not needs_all_rows(each)
        and bool(later.intersection(columns_of(each))) is derived
    )


def expectations_of_all_rows(contract: Contract) -> tuple[Expectation, ...]:
    """The rules that blame rows, but can only be judged by all of them at once."""
    return tuple(
        each
        for each in contract.expectations
        if is_row_level(each) and each.type not in KEYS and needs_all_rows(each)
    )


def table_expectations(contract: Contract) -> tuple[Expectation, ...]:
    """The expectations about the file as a whole."""
    return tuple(each for each in contract.expectations if not is_row_level(each))


def resolve_relative_bounds(contract: Contract, now: datetime) -> Contract:
    """The contract with the bounds that move with time set for a moment (in UTC)."""
    return replace(
        contract, expectations=tuple(_at(each, contract, now) for each in contract.expectations)
    )


def _at(expectation: Expectation, contract: Contract, now: datetime) -> Expectation:
    moving = {key: value for key, value in expectation.kwargs.items() if isinstance(value, FromNow)}
    if not moving:
        return expectation
    types = {column.name: column.type for column in contract.columns}
    kind = types.get(str(expectation.kwargs.get("column")))
    set_ = {key: _moment(now, value.delta, kind) for key, value in moving.items()}
    return replace(expectation, kwargs={**expectation.kwargs, **set_})


def _moment(now: datetime, delta: timedelta, kind: Type | None) -> Any:
    moment = (now + delta).replace(microsecond=0)
    match kind:
        case Type.DATE:
            return moment.date()
        case Type.DATETIME:
            return moment.replace(tzinfo=None)
        case _:
            return moment
