"""Reasons: why the bad rows of a chunk are bad, gathered from every check."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.cast import Typed
from pipelines.parse import Chunk
from pipelines.validate import Broken, columns_of
from schemas.place import Place
from schemas.reject import Problem, RejectedRow

_SHOWN = 200


class Reasons:
    """The problems of a chunk's rows, by position; `bad` is true where a row has one."""

    def __init__(
        self, typed: Typed, chunk: Chunk | None = None, names: dict[str, str] | None = None
    ) -> None:
        self.bad: npt.NDArray[np.bool_] = typed.bad.copy()
        self._rows = typed.rows
        self._chunk, self._names = chunk, names or {}
        self._lines = chunk.lines if chunk is not None else None
        self._problems: dict[int, list[Problem]] = defaultdict(list)
        if chunk is not None and typed.problems:
            position = {Place.of(int(row)).line: index for index, row in enumerate(chunk.lines)}
            for problem in typed.problems:
                self._problems[position[problem.line]].append(problem)

    @classmethod
    def after_transform(cls, rows: pa.Table) -> Reasons:
        """Reasons for rows that a transform returned; lines come from their `_etl_row`."""
        reasons = cls(Typed(rows, np.zeros(rows.num_rows, dtype=np.bool_), ()))
        reasons._lines = rows.column("_etl_row").to_numpy()
        return reasons

    def add(self, broken: Broken) -> None:
        """Blame the rows that broke a rule. A warning blames nobody; a cell that already has a
        problem gets no second one (it is null only because it was bad)."""
        if broken.expectation.severity != "error":
            return
        columns = columns_of(broken.expectation)
        column = columns[0] if len(columns) == 1 else None
        for position in broken.positions:
            known = {problem.column for problem in self._problems.get(position, ())}
            if known.intersection(columns):
                continue
            self._add(position, column, columns, broken.expectation.type, broken.message)

    def require(self, name: str) -> None:
        """Blame the rows in which a column is null."""
        for position in np.flatnonzero(self._rows.column(name).is_null().to_numpy()):
            message = f"{name} is empty and must not be"
            self._add(int(position), name, (name,), "required", message)

    def _add(
        self, position: int, column: str | None, columns: tuple[str, ...], rule: str, message: str
    ) -> None:
        self.bad[position] = True
        values = [self._value(name, position) for name in columns]
        value = values[0] if len(values) == 1 else " / ".join(str(each) for each in values)
        assert self._lines is not None
        self._problems[position].append(
            Problem(
                line=Place.of(int(self._lines[position])).line,
                column=column,
                value=None if value is None else value[:_SHOWN],
                rule=rule.removeprefix("expect_").removeprefix("column_"),
                message=f'"{value[:60]}": {message}' if value is not None else message,
            )
        )

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
