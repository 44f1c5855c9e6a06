"""Validate: the contract's expectations, checked by Great Expectations on a frame at a time.

The lower GX API is used: `batch.validate()` hashes the whole frame for a fingerprint on each call.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from schemas.contract import Contract, Expectation
from schemas.errors import ContractError

if TYPE_CHECKING:
    import pandas as pd

_NUMBER = "waybill"
_UNIQUE = "expect_column_values_to_be_unique"
_ROW_LEVEL = (
    "expect_column_values_",
    "expect_column_value_lengths_",
    "expect_column_value_z_scores_",
    "expect_column_pair_values_",
    "expect_multicolumn_",
    "expect_compound_columns_",
    "expect_select_column_values_",
)


@dataclass(frozen=True, slots=True)
class Broken:
    """One expectation that a frame broke: the positions of the rows to blame, or none when the
    frame as a whole is (then `observed` says what was found)."""

    expectation: Expectation
    positions: tuple[int, ...] = ()
    observed: str | None = None

    @property
    def message(self) -> str:
        """The contract's own words for the rule, or GX's turned into a sentence."""
        return self.expectation.description or _sentence(self.expectation)


def is_row_level(expectation: Expectation) -> bool:
    """Whether single rows are to blame when the expectation is broken."""
    return expectation.type.startswith(_ROW_LEVEL)


def columns_of(expectation: Expectation) -> tuple[str, ...]:
    """The columns an expectation looks at."""
    kwargs = expectation.kwargs
    named = [kwargs.get(key) for key in ("column", "column_A", "column_B")]
    named += list(kwargs.get("column_list") or ())
    if not any(named) and expectation.column:
        named = [expectation.column]
    return tuple(str(name) for name in named if name)


def expectations_for(contract: Contract, *, derived: bool) -> tuple[Expectation, ...]:
    """The row-level expectations that can be checked before (or only after) the transform.

    Uniqueness is left out: it is a rule about the whole file, which `Unique` keeps.
    """
    later = {column.name for column in contract.columns if column.derived}
    return tuple(
        each
        for each in contract.expectations
        if is_row_level(each)
        and each.type != _UNIQUE
        and bool(later.intersection(columns_of(each))) is derived
    )


def table_expectations(contract: Contract) -> tuple[Expectation, ...]:
    """The expectations about the file as a whole."""
    return tuple(each for each in contract.expectations if not is_row_level(each))


def unique_columns(contract: Contract) -> dict[str, Expectation]:
    """The file columns whose values may come only once in a file, and the rule that says so."""
    named = {
        column.name: Expectation(type=_UNIQUE, kwargs={"column": column.name}, column=column.name)
        for column in contract.file_columns
        if column.unique
    }
    for each in contract.expectations:
        if each.type == _UNIQUE and (columns := columns_of(each)):
            named[columns[0]] = each
    return named


def import_gx() -> None:
    """Import Great Expectations, which takes seconds, before it is needed (and before a fork)."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")


def check_frame(frame: pd.DataFrame, expectations: Sequence[Expectation]) -> list[Broken]:
    """The expectations that the frame breaks. Raises ContractError for one GX cannot evaluate."""
    if not expectations or frame.empty:
        return []
    import_gx()
    from great_expectations.execution_engine.pandas_execution_engine import PandasExecutionEngine
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
    from great_expectations.validator.validator import Validator

    engine = PandasExecutionEngine()
    engine.load_batch_data("chunk", frame.reset_index(drop=True))
    validator = Validator(execution_engine=engine)
    validator.metrics_calculator.show_progress_bars = False
    try:
        results = validator.graph_validate(
            configurations=[
                ExpectationConfiguration(
                    type=each.type,
                    kwargs={**each.kwargs, "batch_id": "chunk"},
                    meta={_NUMBER: number},
                )
                for number, each in enumerate(expectations)
            ],
            runtime_configuration={"result_format": {"result_format": "COMPLETE"}},
        )
    except MemoryError:
        raise
    except Exception as error:
        # GX raises what its libraries raise when it dislikes an expectation's arguments.
        raise ContractError(
            f"Great Expectations refuses the contract's expectations: {error}",
            hint="correct the expectation in the contract",
        ) from error
    # GX answers in an order of its own, and rewrites the arguments; it keeps the number.
    return [
        _broken(expectations[result.expectation_config.meta[_NUMBER]], result)
        for result in results
        if not result.success
    ]


def _broken(expectation: Expectation, result: Any) -> Broken:
    if not result.result:
        raise ContractError(
            f"{expectation.type} on {', '.join(columns_of(expectation)) or 'the table'} cannot be"
            f" evaluated: {_first_exception(result.exception_info)}",
            hint="correct the expectation in the contract",
        )
    positions = tuple(int(each) for each in result.result.get("unexpected_index_list") or ())
    if is_row_level(expectation) and not positions:
        # `mostly` and the like: GX calls the whole frame wrong without naming rows.
        return Broken(expectation, observed=str(result.result.get("unexpected_percent")))
    observed = result.result.get("observed_value")
    return Broken(expectation, positions, None if observed is None else str(observed))


def _first_exception(info: Any) -> str:
    if isinstance(info, dict) and "exception_message" not in info:
        info = next(iter(info.values()), {})
    return str(info.get("exception_message") if isinstance(info, dict) else info)[:300]


def _sentence(expectation: Expectation) -> str:
    """A rule in words: `expect_column_values_to_be_between` -> `values to be between 0 and 9`."""
    words = expectation.type.removeprefix("expect_").removeprefix("column_").replace("_", " ")
    shown = [
        f"{key.replace('_', ' ')} {value}"
        for key, value in expectation.kwargs.items()
        if key not in ("column", "mostly") and value is not None
    ]
    return f"expected {words}" + (f" ({', '.join(shown)})" if shown else "")


class Unique:
    """Remembers the values of a column over the chunks of a file, eight bytes a value.

    Values are told apart by a 64-bit hash: in ten million values the chance that any two clash is
    below one in three hundred thousand.
    """

    def __init__(self) -> None:
        self._seen: list[npt.NDArray[np.uint64]] = []

    def repeated(self, values: pd.Series[Any]) -> npt.NDArray[np.bool_]:
        """Which rows bring a value that an earlier row brought; nulls never repeat."""
        import pandas as pd

        hashes = pd.util.hash_array(values.astype("string").to_numpy(dtype=object, na_value=""))
        again = pd.Series(hashes).duplicated().to_numpy()
        for seen in self._seen:
            at = np.minimum(np.searchsorted(seen, hashes), len(seen) - 1)
            again = again | (seen[at] == hashes)
        self._remember(np.unique(hashes))
        return again & values.notna().to_numpy()

    def _remember(self, hashes: npt.NDArray[np.uint64]) -> None:
        # Merging equals in size keeps the number of arrays logarithmic, as in a binary counter.
        while self._seen and len(self._seen[-1]) <= len(hashes):
            hashes = np.union1d(self._seen.pop(), hashes)
        if len(hashes):
            self._seen.append(hashes)


def merged(positions: Iterable[Iterable[int]], size: int) -> npt.NDArray[np.bool_]:
    """A mask of `size` rows that is true at any of the positions."""
    mask = np.zeros(size, dtype=np.bool_)
    for each in positions:
        mask[list(each)] = True
    return mask
