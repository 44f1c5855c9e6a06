"""Row problems: why the bad rows of a chunk are bad, gathered from every check."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.cast import Typed
from pipelines.cast.fault import Fault
from pipelines.parse import Chunk
from pipelines.parse.chunk import listed_raws, without_rows
from pipelines.parse.rows import line_of
from pipelines.rejects.labels import Labels, label_of
from pipelines.rejects.messages import Telling, about, sentence, telling
from pipelines.rejects.table import problems_of, rejected_of, rejected_table
from pipelines.rejects.violation import Ints, Violation, violation, violations_each
from pipelines.validate.file_rules import Verdict, WholeFile
from pipelines.validate.great_expectations import Broken
from pipelines.validate.rules import columns_of
from schemas.accounted import NOTHING
from schemas.contract import Expectation
from schemas.dialect import Dialect


class Reasons:
    """The problems of a chunk's rows, by position; `bad` is true where a row has one."""

    def __init__(
        self,
        typed: Typed,
        labels: Labels,
        chunk: Chunk | None = None,
        names: dict[str, str] | None = None,
    ) -> None:
        self.bad: npt.NDArray[np.bool_] = np.zeros(typed.rows.num_rows, np.bool_)
        self.warnings: dict[str, tuple[int, int, Expectation]] = {}
        self._rows, self._lines = typed.rows, typed.lines
        self._chunk, self._names, self._labels = chunk, names or {}, labels
        self._blames: list[Violation] = []
        self._blamed: dict[str | None, npt.NDArray[np.bool_]] = {}
        for each in typed.violations:
            self._note(each)

    @classmethod
    def after_transform(cls, rows: pa.Table, labels: Labels) -> Reasons:
        """Reasons for rows that a transform returned; lines come from their `_etl_row`."""
        good = np.zeros(rows.num_rows, np.bool_)
        return cls(Typed(rows, good, (), rows.column("_etl_row").to_numpy()), labels)

    def add(self, broken: Broken) -> None:
        """Blame the rows that broke a rule. A warning blames nobody; a cell that already has a
        problem gets no second one (it is null only because it was bad)."""
        rule, columns = broken.expectation, columns_of(broken.expectation)
        if rule.severity != "error":
            self._warn(broken)
            return
        at = np.array(broken.positions, np.int64)
        for name in columns:
            if name in self._blamed:
                at = at[~self._blamed[name][at]]
        self._blame(rule.type, columns, at, telling(rule, self._labels))

    def _warn(self, broken: Broken) -> None:
        if broken.positions:
            place = int(self._lines[broken.positions[0]])
            told = sentence(broken.expectation)
            self.warnings[told] = (len(broken.positions), place, broken.expectation)

    def require(self, name: str) -> None:
        """Blame the rows in which a column is null."""
        at = np.flatnonzero(self._rows.column(name).is_null().to_numpy())
        tell = about("{column} is empty and must not be", column=label_of(name, self._labels))
        self._blame("required", (name,), at, tell)

    def violation(self, name: str, each: Fault) -> None:
        """Blame the rows whose value in a column has a fault."""
        tell = about(each.template, column=label_of(name, self._labels), **each.values)
        self._blame(each.rule, (name,), each.at, tell)

    def judge(self, whole: WholeFile) -> None:
        """Blame the rows that are rejected because of other rows of their file."""
        alike: dict[tuple[str, tuple[str, ...]], dict[int, Verdict]] = defaultdict(dict)
        for position, verdict in whole.among(self._lines).items():
            alike[verdict.rule, verdict.columns][position] = verdict
        for (rule, columns), verdicts in alike.items():
            at = np.array(list(verdicts), np.int64)
            said = [partial(each.render, labels=self._labels) for each in verdicts.values()]
            cells = self._cells(columns, at)
            self._note(violations_each(_short(rule), columns, at, cells, said, self._labels))

    def _blame(self, rule: str, columns: Sequence[str], at: Ints, tell: Telling) -> None:
        cells = self._cells(columns, at)
        self._note(violation(_short(rule), columns, at, cells, tell, self._labels))

    def _note(self, each: Violation) -> None:
        self._blames.append(each)
        self.bad[each.at] = True
        if each.column is not None:
            violated = self._blamed.setdefault(each.column, np.zeros(len(self.bad), np.bool_))
            violated[each.at] = True

    def _cells(self, columns: Sequence[str], at: Ints) -> list[pa.Array]:
        """What stands in some columns of some rows: the cells of the file if they are its own."""
        some = pa.array(at)
        return [self._column(name).take(some).combine_chunks() for name in columns]

    def _column(self, name: str) -> pa.ChunkedArray:
        if self._chunk is not None and name in self._names:
            return self._chunk.cells.column(self._names[name])
        return self._rows.column(name)

    def rejected(self, chunk: Chunk) -> pa.Table:
        """The chunk's rejected rows as `RejectsWriter` takes them, ragged ones included, by
        line."""
        at, problems = problems_of(self._blames, self._lines)
        rows = rejected_of(chunk, at, problems)
        if not chunk.ragged:
            return rows
        rows = pa.concat_tables([rows, rejected_table(chunk.ragged)])
        return rows.take(np.argsort(rows.column("line").to_numpy(), kind="stable"))

    def rejected_rows(self, chunks: Sequence[Chunk]) -> pa.Table:
        """The rows rejected after the transform, with their raw text from the chunks they came
        in."""
        at, problems = problems_of(self._blames, self._lines)
        places = self._lines[at]
        tables, order = [], []
        for chunk in chunks:
            here = np.flatnonzero(np.isin(places, chunk.lines))
            index = np.searchsorted(chunk.lines, places[here])
            tables.append(rejected_of(chunk, index, problems.take(pa.array(here))))
            order.append(here)
        return pa.concat_tables(tables).take(np.argsort(np.concatenate(order)))

    def rejected_made(self) -> pa.Table:
        """The rows rejected after the transform which are no lines of the file, as CSV."""
        at, problems = problems_of(self._blames, self._lines)
        rows = self._rows.drop_columns("_etl_row")
        columns = [column.to_pylist() for column in rows.columns]
        texts = [line_of([_cell(each[index]) for each in columns], Dialect()) for index in at]
        empty = without_rows(rows.column_names, NOTHING)
        made = replace(
            empty,
            cells=pa.table([pa.array([""] * len(at))], names=["row"]),
            lines=self._lines[at],
            raws=listed_raws(texts),
        )
        return rejected_of(made, np.arange(len(at)), problems)


def _cell(value: object) -> str | None:
    return None if value is None else str(value)


def _short(rule: str) -> str:
    """The rule's name without what all names of expectations have."""
    return rule.removeprefix("expect_").removeprefix("column_")
