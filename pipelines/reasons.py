"""Reasons: why the bad rows of a chunk are bad, gathered from every check."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.cast import Typed
from pipelines.cast.chunk import quoted
from pipelines.cast.fault import Fault
from pipelines.parse import Chunk
from pipelines.sentences import sentence, telling
from pipelines.validate import Broken, columns_of
from pipelines.whole import WholeFile
from schemas.contract import Expectation
from schemas.language import say
from schemas.place import MEMBER, Place
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
            found = [problem.line for problem in typed.problems]
            positions = np.searchsorted(chunk.lines % MEMBER, found)
            for position, problem in zip(positions.tolist(), typed.problems, strict=True):
                self._problems[position].append(problem)

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
        fresh = [
            position
            for position in broken.positions
            if position not in self._problems
            or not {each.column for each in self._problems[position]}.intersection(columns)
        ]
        tell = telling(rule, self._language)
        for position, values in zip(fresh, self._values(columns, fresh), strict=True):
            self._add(position, columns, rule.type, tell(_shown(values)), values)

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
            self._add(int(position), (name,), "required", message, (None,))

    def blame(self, name: str, each: Fault) -> None:
        """Blame the rows whose value in a column has a fault."""
        positions = each.at.tolist()
        for position, values in zip(positions, self._values((name,), positions), strict=True):
            shown = _shown(values)
            message = say(each.template, self._language, column=name, value=shown, **each.values)
            self._add(position, (name,), each.rule, message, values)

    def judge(self, whole: WholeFile) -> None:
        """Blame the rows that are rejected because of other rows of their file."""
        assert self._lines is not None
        for position, verdict in whole.among(self._lines).items():
            (values,) = self._values(verdict.columns, [position])
            message = verdict.said(_shown(values), self._language)
            self._add(position, verdict.columns, verdict.rule, message, values)

    def _add(
        self,
        position: int,
        columns: tuple[str, ...],
        rule: str,
        message: str,
        values: Sequence[str | None],
    ) -> None:
        self.bad[position] = True
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

    def _values(
        self, columns: Sequence[str], positions: Sequence[int]
    ) -> Iterator[tuple[str | None, ...]]:
        """What stands in some columns, row by row: the cells of the file if they are its own."""
        some = pa.array(positions, pa.int64())
        taken = [self._column(name).take(some).to_pylist() for name in columns]
        texts = [[None if each is None else str(each) for each in column] for column in taken]
        return zip(*texts, strict=True) if texts else iter([()] * len(positions))

    def _column(self, name: str) -> pa.ChunkedArray:
        if self._chunk is not None and name in self._names:
            return self._chunk.cells.column(self._names[name])
        return self._rows.column(name)

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


def _shown(values: Sequence[str | None]) -> str:
    return " / ".join(map(quoted, values))


def _origin(chunks: Sequence[Chunk], row: int) -> tuple[Chunk, int]:
    """The chunk that a row came in, and its index there."""
    for chunk in chunks:
        at = int(np.searchsorted(chunk.lines, row))
        if at < len(chunk.lines) and chunk.lines[at] == row:
            return chunk, at
    raise KeyError(row)
