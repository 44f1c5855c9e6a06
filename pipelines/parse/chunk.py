"""A chunk: some rows of a file as string cells, each with the place where it starts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.accounted import NOTHING, Accounted
from schemas.reject import RejectedRow
from schemas.row_position import MEMBER


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows of a file.

    `cells` has one string column a header cell; a cell that is not there is null. `lines` are the
    rows' places (`schemas.row_position`), rising. `ragged` rows could not be read as cells at all.
    `member` is the archive's member they come from. `raws` gives the text of rows as it stands in
    the file. `accounted` counts the records that the chunk was made of, and those passed over;
    `span` is how many lines of text these cover. `beneath` has the values beneath what a sheet
    shows, of the columns where the two differ.
    """

    cells: pa.Table
    lines: npt.NDArray[np.int64]
    ragged: tuple[RejectedRow, ...]
    raws: Callable[[Sequence[int]], list[str]]
    member: str | None = None
    accounted: Accounted = NOTHING
    span: int = 0
    beneath: pa.Table | None = None

    @property
    def rows(self) -> int:
        """How many rows there are, readable or not."""
        return int(self.cells.num_rows) + len(self.ragged)

    def raw(self, index: int) -> str:
        """The text of one row as it stands in the file."""
        return self.raws([index])[0]

    def keep(self, mask: npt.NDArray[np.bool_]) -> Chunk:
        """The rows for which the mask is true; ragged ones stay."""
        if mask.all():
            return self
        kept, inner, wanted = np.flatnonzero(mask), self.raws, pa.array(mask)

        def raws(indexes: Sequence[int]) -> list[str]:
            return inner([int(kept[index]) for index in indexes])

        return replace(
            self,
            cells=self.cells.filter(wanted),
            lines=self.lines[mask],
            raws=raws,
            beneath=None if self.beneath is None else self.beneath.filter(wanted),
        )

    def passing(self, **counts: int) -> Chunk:
        """The same rows with so many more lines passed over, by reason."""
        return replace(self, accounted=self.accounted.passing(**counts))

    def in_member(self, number: int, name: str) -> Chunk:
        """The same rows as those of an archive's member, counted from 1; 0 for its only one."""
        ragged = tuple(replace(row, member=name) for row in self.ragged)
        return replace(self, lines=self.lines + number * MEMBER, ragged=ragged, member=name)


@dataclass(frozen=True, slots=True)
class Parsed:
    """The names of a file's columns as its header has them, and its rows; `line_end` is what the
    lines of a text end with (LF or CR LF), empty where that is nobody's choice.

    `heads` are the cells of each line of the header, by which repetitions of it are known.
    """

    names: tuple[str, ...]
    chunks: Iterator[Chunk]
    line_end: str = ""
    heads: tuple[tuple[str, ...], ...] = ()


def listed_raws(texts: Sequence[str]) -> Callable[[Sequence[int]], list[str]]:
    """Raw texts that are at hand already."""
    return lambda indexes: [texts[index] for index in indexes]


def without_rows(names: Sequence[str], accounted: Accounted, span: int = 0) -> Chunk:
    """A chunk that only accounts for lines, such as those above the rows."""
    empty = pa.table([pa.array([], pa.string()) for _ in names], names=list(names))
    none = np.zeros(0, np.int64)
    return Chunk(empty, none, (), listed_raws([]), accounted=accounted, span=span)
