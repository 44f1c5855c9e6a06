"""Row rules: evaluates the rules of single rows, chunk after chunk of a file.

Great Expectations decides. A call costs milliseconds, so only values that Arrow can't prove valid
reach it, each once per file: its answer for a value holds wherever the value occurs again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from pipelines.cast.fault import Mask
from pipelines.rejects.violation import Ints
from pipelines.validate.arrow_rules import vouched
from pipelines.validate.great_expectations import Broken, check_frame
from schemas.arrow import to_pandas
from schemas.contract import Expectation

_REMEMBERED = 50_000


class Judge:
    """Judges the rows of one file by some rules about single rows."""

    def __init__(self, rules: Sequence[Expectation]) -> None:
        self._rules = tuple(rules)
        self._said = [_Verdicts(rule) for rule in rules]

    def broken(self, rows: pa.Table) -> list[Broken]:
        """The rules that the table's rows break, in the order of the rules.

        Raises ContractError for an expectation that cannot be evaluated.
        """
        broken: list[Broken] = []
        left: list[Expectation] = []
        for rule, said in zip(self._rules, self._said, strict=True):
            kept = vouched(rows, rule)
            if kept is None:
                left.append(rule)
            elif not kept.all():
                at = np.flatnonzero(~kept)
                if len(wrong := at[said.wrong(rows, at)]):
                    broken.append(Broken(rule, tuple(wrong.tolist())))
        if left:
            broken += check_frame(to_pandas(rows), left)
        return sorted(broken, key=lambda each: self._rules.index(each.expectation))


@dataclass(frozen=True, slots=True)
class _Verdicts:
    """What Great Expectations said of values under a rule about the values of one column."""

    rule: Expectation
    known: dict[Any, bool] = field(default_factory=dict)

    def wrong(self, rows: pa.Table, at: Ints) -> Mask:
        """Whether the rows at some positions break the rule."""
        name = str(self.rule.kwargs["column"])
        cells = rows.column(name).take(pa.array(at)).combine_chunks().dictionary_encode("encode")
        values = cells.dictionary.to_pylist()
        new = [each for each in values if each not in self.known]
        if len(self.known) + len(new) > _REMEMBERED:
            self.known.clear()
            new = values
        if new:
            frame = to_pandas(pa.table({name: pa.array(new, cells.type.value_type)}))
            wrong = {index for each in check_frame(frame, [self.rule]) for index in each.positions}
            self.known.update((each, index in wrong) for index, each in enumerate(new))
        wrong_values = np.array([self.known[each] for each in values], np.bool_)
        found: Mask = wrong_values[cells.indices.to_numpy()]
        return found
