"""Reasons: why the bad rows of a chunk are bad, gathered from every check."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.cast import Typed
from pipelines.cast.chunk import quoted
from pipelines.cast.fault import Fault
from pipelines.parse import Chunk
from pipelines.sentences import sentence
from pipelines.validate import Broken, columns_of
from pipelines.whole import WholeFile
from schemas.contract import Expectation
from schemas.language import say
from schemas.place import Place
from schemas.reject import Problem, RejectedRow

_SHOWN = 200


class Reasons:
    """The problems of a chunk's rows, by position; `bad` is true where a row has one."""

    def __init__(
        self,
        typed: Typed,
        chunk: Chunk | None = None,
        names: dict[str, str] | None = None,
        language: str = "en",
    ) -> None:
        self.bad: npt.NDArray[np.bool_] = typed.bad.copy()
        self.warnings: dict[str, tuple[int, int, Expectation]] = {}
        self._rows, self._language = typed.rows, language
        self._chunk, self._names = chunk, names or {}
        self._lines = chunk.lines if chunk is not None else None
        self._problems: dict[int, list[Problem]] = defaultdict(list)
        if chunk is not None and typed.problems:
            position = {Place.of(int(row)).line: index for index, row in enumerate(chunk.lines)}
            for problem in typed.problems:
                self._problems[position[problem.line]].append(problem)

    @classmethod
    def after_transform(cls, rows: pa.Table, language: str = "en") -> Reasons:
        """Reasons for rows that a transform returned; lines come from their `_etl_row`."""
        typed = Typed(rows, np.zeros(rows.num_rows, dtype=np.bool_), ())
        reasons = cls(typed, language=language)
        reasons._lines = rows.column("_etl_row").to_numpy()
        return reasons

    def add(self, broken: Broken) -> None:
        """Blame the rows that broke a rule. A warning blames nobody; a cell that already has a
        problem gets no second one (it is null only because it was bad)."""
        rule, columns = broken.expectation, columns_of(broken.expectation)
        if rule.severity != "error":
            self._warn(broken)
            return
        for position in broken.positions:
            known = {problem.column for problem in self._problems.get(position, ())}
            if not known.intersection(columns):
                value = self._shown(position, columns)
                self._add(position, columns, rule.type, sentence(rule, self._language, value))

    def _warn(self, broken: Broken) -> None:
        assert self._lines is not None
        if broken.positions:
            place = int(self._lines[broken.positions[0]])
            told = sentence(broken.expectation, self._language)
            self.warnings[told] = (len(broken.positions), place, broken.expectation)

    def require(self, name: str) -> None:
        """Blame the rows in which a column is null."""
        message = say("{column} is empty and must not be", self._language, column=name)
        for position in np.flatnonzero(self._rows.column(name).is_null().to_numpy()):
            self._add(int(position), (name,), "required", message)

    def blame(self, name: str, each: Fault) -> None:
        """Blame the rows whose value in a column has a fault."""
        for position in each.at.tolist():
            value = self._shown(position, (name,))
            message = say(each.template, self._language, column=name, value=value, **each.values)
            self._add(position, (name,), each.rule, message)

    def judge(self, whole: WholeFile) -> None:
        """Blame the rows that are rejected because of other rows of their file."""
        assert self._lines is not None
        for position, verdict in whole.among(self._lines).items():
            message = verdict.said(self._shown(position, verdict.columns), self._language)
            self._add(position, verdict.columns, verdict.rule, message)

    def _add(self, position: int, columns: tuple[str, ...], rule: str, message: str) -> None:
        self.bad[position] = True
        values = [self._value(name, position) for name in columns]
        value = values[0] if len(values) == 1 else " / ".join(str(each) for each in values)
        assert self._lines is not None
        self._problems[position].append(
            Problem(
                line=Place.of(int(self._lines[position])).line,
                column=columns[0] if len(columns) == 1 else None,
                value=None if value is None else value[:_SHOWN],
                rule=rule.removeprefix("expect_").removeprefix("column_"),
                message=message,
            )
        )

    def _shown(self, position: int, columns: tuple[str, ...]) -> str:
        return " / ".join(quoted(self._value(name, position)) for name in columns)

    def _value(self, name: str, position: int) -> str | None:
        if self._chunk is not None and name in self._names:
            value = self._chunk.cells.column(self._names[name])[position].as_py()
            return None if value is None else str(value)
        value = self._rows.column(name)[position].as_py()
        return None if value is None else str(value)

    def rejected(self, chunk: Chunk) -> list[RejectedRow]:
        """The chunk's rejected rows, ragged ones included, by line."""
        positions = sorted(self._problems)
        raws = chunk.raws(positions)
        rows = [
            RejectedRow(
                line=Place.of(int(chunk.lines[position])).line,
                raw=raw,
                problems=tuple(self._problems[position]),
                member=chunk.member,
            )
            for position, raw in zip(positions, raws, strict=True)
        ]
        return sorted([*rows, *chunk.ragged], key=lambda row: row.line)

    def rejected_rows(self, chunks: Sequence[Chunk]) -> list[RejectedRow]:
        """The rows rejected after the transform, with their raw text from the chunks they came
        in."""
        rejected = []
        for position in sorted(self._problems):
            assert self._lines is not None
            row = int(self._lines[position])
            chunk, index = _origin(chunks, row)
            rejected.append(
                RejectedRow(
                    line=Place.of(row).line,
                    raw=chunk.raw(index),
                    problems=tuple(self._problems[position]),
                    member=chunk.member,
                )
            )
        return rejected


def _origin(chunks: Sequence[Chunk], row: int) -> tuple[Chunk, int]:
    """The chunk that a row came in, and its index there."""
    for chunk in chunks:
        at = int(np.searchsorted(chunk.lines, row))
        if at < len(chunk.lines) and chunk.lines[at] == row:
            return chunk, at
    raise KeyError(row)
