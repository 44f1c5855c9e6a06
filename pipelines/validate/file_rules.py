"""File rules: rules that only all its rows together can break, though single rows are to blame.

They are judged on what was staged. If rows are to be rejected, the file is staged once more without
them, so that its transform never sees them and their reasons stand beside all others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pipelines.feed import Feed
from pipelines.parse import Chunk
from pipelines.rejects.labels import NO_LABELS, Labels, label_of
from pipelines.rejects.messages import sentence
from pipelines.validate import great_expectations, rules
from pipelines.validate.unique_keys import LINE, TEMPLATES, Key, keys_of, repeats
from schemas.arrow import to_pandas
from schemas.contract import Contract, Duplicates, Expectation
from schemas.language import translate
from schemas.row_position import Place

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a row is rejected because of the others: by a rule of the contract, or as one of several
    rows with the same key (`other` is the line of the one to look at)."""

    rule: str
    columns: tuple[str, ...]
    expectation: Expectation | None = None
    template: str = ""
    other: object = ""

    def render(self, value: str, labels: Labels) -> str:
        """The reason, about a value; columns are called by their labels."""
        if self.expectation is not None:
            return sentence(self.expectation, value, labels)
        names = ", ".join(label_of(each, labels) for each in self.columns)
        return translate(self.template, value=value, column=names, other=self.other)


@dataclass(slots=True)
class WholeFile:
    """What is known of a file's rows as a whole; it grows until nothing is left to be rejected.
    `labels` are its header's words for columns, once that was read, `members` the names of the
    members that it has as an archive, by their numbers."""

    contract: Contract
    feed: Feed
    labels: Labels = NO_LABELS
    members: dict[int, str] = field(default_factory=dict)
    verdicts: dict[int, Verdict] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    replaced: int = 0
    _judged: set[int] = field(default_factory=set)

    def look(self, rows: Sequence[Path]) -> bool:
        """Judge the staged rows; whether some must be rejected, and the file staged anew."""
        before = len(self.verdicts)
        self.warnings.clear()
        self._look_at_rules(rows)
        for key in keys_of(self.contract, self.feed.mode):
            self._look_at_key(key, rows)
        return len(self.verdicts) > before

    @property
    def has_rules(self) -> bool:
        """Whether there is anything to judge the rows by."""
        expectations = rules.expectations_of_all_rows(self.contract)
        return bool(expectations or keys_of(self.contract, self.feed.mode))

    def saw(self, chunk: Chunk) -> None:
        """Remember which member a chunk is of."""
        if chunk.member is not None and len(chunk.lines):
            self.members[Place.of(int(chunk.lines[0])).member] = chunk.member

    def where(self, place: int) -> object:
        """A row's line as a sentence has it, with the member that it is counted in."""
        found = Place.of(place)
        if found.member == 0 or found.member not in self.members:
            return found.line
        return translate("{line} of {member}", line=found.line, member=self.members[found.member])

    def among(self, lines: npt.NDArray[np.int64]) -> Mapping[int, Verdict]:
        """The verdicts on some rows, by their position."""
        if not self.verdicts:
            return {}
        at = np.flatnonzero(np.isin(lines, self._places()))
        return {int(index): self.verdicts[int(lines[index])] for index in at}

    def _places(self) -> npt.NDArray[np.int64]:
        return np.fromiter(self.verdicts, np.int64, len(self.verdicts))

    def _look_at_rules(self, rows: Sequence[Path]) -> None:
        """Rules about a share of the rows, or about their distribution, each judged once."""
        expectations = rules.expectations_of_all_rows(self.contract)
        left = [each for index, each in enumerate(expectations) if index not in self._judged]
        if not left:
            return
        names = {name for rule in left for name in rules.columns_of(rule)}
        frame, places = read_columns(rows, [*sorted(names)])
        for broken in great_expectations.check_frame(frame, left):
            if broken.expectation.severity != "error":
                self._warn(broken.expectation, places[list(broken.positions)])
                continue
            self._judged.add(expectations.index(broken.expectation))
            columns = rules.columns_of(broken.expectation)
            rule = broken.expectation.type.removeprefix("expect_").removeprefix("column_")
            for position in broken.positions:
                self.verdicts[int(places[position])] = Verdict(rule, columns, broken.expectation)

    def _warn(self, rule: Expectation, places: Sequence[int] | npt.NDArray[np.int64]) -> None:
        where = self.where(int(places[0]))
        self.warnings.append(warning(rule, len(places), where, self.labels))

    def _look_at_key(self, key: Key, rows: Sequence[Path]) -> None:
        found = repeats(key, rows, self._places())
        if not len(found.places):
            return
        if key.severity != "error":
            rule = Expectation(
                type="expect_compound_columns_to_be_unique",
                kwargs={"column_list": list(key.columns)},
                description=translate(
                    "{column} may come once in a file",
                    column=", ".join(label_of(each, self.labels) for each in key.columns),
                ),
            )
            self._warn(rule, found.places)
            return
        for place, other in zip(found.places.tolist(), found.others.tolist(), strict=True):
            self.verdicts[place] = Verdict(
                key.rule, key.columns, template=TEMPLATES[key.policy], other=self.where(other)
            )
        if key.policy is Duplicates.LAST:
            self.replaced += len(found.places)


def warning(rule: Expectation, rows: int, where: object, labels: Labels) -> str:
    """What is told of rows that break a rule which only warns; `where` the first of them is."""
    told = sentence(rule, labels=labels)
    if rows == 1:
        return translate("{rule} (not so on line {line})", rule=told, line=where)
    return translate(
        "{rule} (not so in {rows:,} rows, first on line {line})", rule=told, rows=rows, line=where
    )


def read_columns(
    rows: Sequence[Path], names: Sequence[str]
) -> tuple[pd.DataFrame, npt.NDArray[np.int64]]:
    """Some columns of a staged file, which may lie in parts, as a frame, and its rows' places."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.concat_tables([pq.read_table(part, columns=[*names, LINE]) for part in rows])
    places = table.column(LINE).to_numpy()
    return to_pandas(table.drop_columns(LINE)), places
