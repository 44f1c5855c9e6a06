"""Violation: the rows of a chunk that break one rule, and the sentence for each of them.

The sentence is made once per different value, however many rows have it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from json.encoder import encode_basestring_ascii as quoted
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.rejects.labels import Labels
from pipelines.rejects.messages import Telling
from schemas.language import compact, params_of
from schemas.reject import Problem
from schemas.row_position import MEMBER

type Ints = npt.NDArray[np.int64]
type _Row = tuple[str | None, ...]

_KEPT = 200
_SHOWN = 60


class Said(Protocol):
    """What is said of each of some values."""

    def text(self, index: int) -> str:
        """The sentence about one of them, in English."""

    def texts(self) -> pa.Array:
        """All sentences, as JSON has them between its quotes."""

    def params(self) -> pa.Array:
        """Template and values of each sentence, as JSON."""


@dataclass(frozen=True, slots=True)
class _Alike:
    """One sentence about values that differ, which are given as sentences show them. The work is
    Arrow's: where all rows are bad these are as many as the rows."""

    telling: Telling
    shown: Sequence[str]

    def text(self, index: int) -> str:
        return self.telling.text(self.shown[index])

    def texts(self) -> pa.Array:
        return self.telling.texts(self._values())

    def params(self) -> pa.Array:
        return self.telling.params(self._values())

    def _values(self) -> pa.Array:
        return pa.array([quoted(each)[1:-1] for each in self.shown], pa.string())


@dataclass(frozen=True, slots=True)
class _Each:
    """A sentence of its own about each value."""

    messages: Sequence[str]

    def text(self, index: int) -> str:
        return self.messages[index]

    def texts(self) -> pa.Array:
        return pa.array([quoted(each)[1:-1] for each in self.messages], pa.string())

    def params(self) -> pa.Array:
        return pa.array([compact(params_of(each)) for each in self.messages], pa.string())


@dataclass(frozen=True, kw_only=True, slots=True)
class Violation:
    """Rows that break one rule, by their positions `at` in a chunk.

    `which` tells for each of them the one of `values` that it has, and what is `said` of it.
    `column` is None if the rule is about several columns; `header` is what the file calls it, if
    that is something else.
    """

    rule: str
    column: str | None
    at: Ints
    which: Ints
    values: Sequence[str | None]
    said: Said
    header: str | None = None

    def problems(self, lines: Ints) -> Iterator[Problem]:
        """What is wrong with each row, given the places of all rows of the chunk."""
        for line, index in zip(
            (lines[self.at] % MEMBER).tolist(), self.which.tolist(), strict=True
        ):
            yield Problem(
                line=line,
                column=self.column,
                value=self.values[index],
                rule=self.rule,
                message=self.said.text(index),
                header=self.header,
            )


def violation(
    rule: str,
    columns: Sequence[str],
    at: Ints,
    cells: Sequence[pa.Array],
    telling: Telling,
    labels: Labels,
) -> Violation:
    """The blame of the rows at some positions, for what stands there in some columns (`cells`, an
    array a column); `telling` makes the sentence about it, given as sentences show it. `labels` are
    the header's words for the columns."""
    which, found = _distinct(cells, len(at))
    return Violation(
        rule=rule,
        column=_only(columns),
        at=at,
        which=which,
        values=[_kept(each) for each in found],
        said=_Alike(telling, [_shown(each) for each in found]),
        header=_header(columns, labels),
    )


def violations_each(
    rule: str,
    columns: Sequence[str],
    at: Ints,
    cells: Sequence[pa.Array],
    tells: Sequence[Callable[[str], str]],
    labels: Labels,
) -> Violation:
    """The same, where each row has a sentence of its own."""
    found = _rows(cells, len(at))
    return Violation(
        rule=rule,
        column=_only(columns),
        at=at,
        which=np.arange(len(at)),
        values=[_kept(each) for each in found],
        said=_Each([tell(_shown(each)) for tell, each in zip(tells, found, strict=True)]),
        header=_header(columns, labels),
    )


def _only(columns: Sequence[str]) -> str | None:
    return columns[0] if len(columns) == 1 else None


def _header(columns: Sequence[str], labels: Labels) -> str | None:
    column = _only(columns)
    return None if column is None else labels.get(column)


def _distinct(cells: Sequence[pa.Array], count: int) -> tuple[Ints, list[_Row]]:
    """What stands in the rows, and which of it in each of them; only the values of a single column
    are told apart."""
    if len(cells) != 1:
        return np.arange(count), _rows(cells, count)
    encoded = cells[0].dictionary_encode("encode")
    return encoded.indices.to_numpy(), _rows([encoded.dictionary], len(encoded.dictionary))


def _rows(cells: Sequence[pa.Array], count: int) -> list[_Row]:
    """What stands in the columns as texts, row by row."""
    texts = [
        [None if each is None else str(each) for each in column.to_pylist()] for column in cells
    ]
    return list(zip(*texts, strict=True)) if texts else [()] * count


def _shown(values: _Row) -> str:
    """The values of a row as a sentence shows them."""
    return " / ".join(map(_quoted, values))


def _kept(values: _Row) -> str | None:
    value = values[0] if len(values) == 1 else " / ".join(map(str, values))
    return None if value is None else value[:_KEPT]


def _quoted(value: str | None) -> str:
    """A value short and in quotes."""
    value = value or ""
    return f'"{value}"' if len(value) <= _SHOWN else f'"{value[: _SHOWN - 3]}…"'
