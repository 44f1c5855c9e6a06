"""Validate: the contract's expectations, checked by Great Expectations on a frame at a time.

The lower GX API is used: `batch.validate()` hashes the whole frame for a fingerprint on each call.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from pipelines.rejects.labels import Labels
from pipelines.rejects.messages import sentence, shown, with_found
from pipelines.validate.odcs_rules import is_measured, measured
from pipelines.validate.rules import _ROW_LEVEL, columns_of, is_row_level
from schemas.contract import Expectation
from schemas.errors import ContractError

if TYPE_CHECKING:
    import pandas as pd

# Without rows there is nothing that these could be about.
_OF_VALUES = (
    *_ROW_LEVEL,
    "expect_column_kl_divergence_",
    "expect_column_max_",
    "expect_column_mean_",
    "expect_column_median_",
    "expect_column_min_",
    "expect_column_most_common_value_",
    "expect_column_proportion_",
    "expect_column_quantile_values_",
    "expect_column_stdev_",
)
_Z_SCORES = "expect_column_value_z_scores_"


@dataclass(frozen=True, slots=True)
class Broken:
    """One expectation that a frame broke: the positions of the rows to blame, or none when the
    frame as a whole is (then `observed` is what was found)."""

    expectation: Expectation
    positions: tuple[int, ...] = ()
    observed: Any = None

    def render(self, labels: Labels) -> str:
        """The rule about a file in words, and what was found instead."""
        found = None if self.observed is None else shown(self.observed)
        return with_found(sentence(self.expectation, labels=labels), found)


def import_gx() -> None:
    """Import Great Expectations, which takes seconds, before it is needed (and before a fork)."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations.validator.validator  # noqa: F401

    import pipelines.validate.gx_regex  # noqa: F401


def check_frame(frame: pd.DataFrame, expectations: Sequence[Expectation]) -> list[Broken]:
    """The expectations that the frame breaks. Raises ContractError for one GX cannot evaluate."""
    ours = [each for each in expectations if is_measured(each)]
    gx = [each for each in expectations if not is_measured(each)]
    return [*_check_ours(frame, ours), *_check_gx(frame, gx)]


def refuse_unknown_arguments(expectation: Expectation) -> None:
    """Raise ContractError for an argument that Great Expectations does not know of, also where we
    measure the rule ourselves: what is misspelt would never be looked at."""
    if expectation.type.startswith("odcs_"):
        return
    import_gx()
    from great_expectations.expectations.registry import get_expectation_impl

    known = get_expectation_impl(expectation.type).__fields__
    if strangers := [name for name in expectation.kwargs if name not in known]:
        close = get_close_matches(strangers[0], known, 1, 0.5)
        meant = f'; did you mean "{close[0]}"?' if close else ""
        raise ContractError(
            f'it knows no argument "{strangers[0]}"{meant}',
            hint="correct the expectation in the contract",
        )


def _check_ours(frame: pd.DataFrame, expectations: Sequence[Expectation]) -> Iterator[Broken]:
    for each in expectations:
        found = measured(frame, each)
        if found.positions or found.observed is not None:
            yield Broken(each, found.positions, found.observed)


def _check_gx(frame: pd.DataFrame, expectations: Sequence[Expectation]) -> list[Broken]:
    if frame.empty:
        expectations = [each for each in expectations if not each.type.startswith(_OF_VALUES)]
    expectations = [each for each in expectations if _has_values_for(frame, each)]
    if not expectations:
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
                    kwargs={**_nulls_ignored(each), **each.kwargs, "batch_id": "chunk"},
                    meta={"at": at},
                )
                for at, each in enumerate(expectations)
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
    # GX answers in an order of its own, and rewrites the arguments.
    taken = [(expectations[result.expectation_config.meta["at"]], result) for result in results]
    return [_broken(expectation, result) for expectation, result in taken if not result.success]


def _has_values_for(frame: pd.DataFrame, expectation: Expectation) -> bool:
    """Whether there is something to judge: where all values are the same none has a z-score, and GX
    breaks down."""
    column = expectation.kwargs.get("column")
    if not expectation.type.startswith(_Z_SCORES) or column not in frame:
        return True
    return frame[column].nunique() > 1


def _nulls_ignored(expectation: Expectation) -> dict[str, str]:
    """What is compared with nothing is neither right nor wrong, and GX cannot compare it."""
    if expectation.type.startswith("expect_column_pair_values_"):
        return {"ignore_row_if": "either_value_is_missing"}
    if expectation.type.startswith("expect_multicolumn_"):
        return {"ignore_row_if": "any_value_is_missing"}
    return {}


def _broken(expectation: Expectation, result: Any) -> Broken:
    raised = _first_exception(result.exception_info)
    if not result.result and raised:
        raise ContractError(
            f"{expectation.type} on {', '.join(columns_of(expectation)) or 'the table'} cannot be"
            f" evaluated: {raised}",
            hint="correct the expectation in the contract",
        )
    if not is_row_level(expectation):
        return Broken(expectation, observed=_observed(result.result))
    positions = tuple(int(each) for each in result.result.get("unexpected_index_list") or ())
    return Broken(expectation, positions)


def _observed(result: Any) -> Any:
    """What GX found, as a plain value; of an order, nothing."""
    found = result.get("observed_value")
    if isinstance(found, dict):
        found = found.get("values") or found.get("unexpected_values") or list(found.values())
    return found.item() if hasattr(found, "item") else found


def _first_exception(info: Any) -> str:
    """What went wrong in GX; empty if nothing did."""
    if isinstance(info, dict) and "exception_message" not in info:
        info = next(iter(info.values()), {})
    told = info.get("exception_message") if isinstance(info, dict) else info
    return str(told or "")[:300]
