"""Doubt: rows that could as well be something else, rejected by name so that a person decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pipelines.parse.chunk import Chunk
from pipelines.parse.registry import reader_of
from schemas.dialect import Dialect
from schemas.language import translate
from schemas.reject import Problem, RejectedRow


@dataclass(frozen=True, slots=True)
class Names:
    """What is needed to speak of a file's rows: its columns' names and its dialect."""

    names: Sequence[str]
    dialect: Dialect

    def rejecting(self, chunk: Chunk, told: Sequence[tuple[int, str]], rule: str) -> Chunk:
        """The chunk with the rows at some positions rejected, each with its sentence."""
        if not told:
            return chunk
        keep = np.ones(chunk.cells.num_rows, np.bool_)
        keep[[at for at, _ in told]] = False
        rows = (self._rejected(chunk, at, template, rule) for at, template in told)
        ragged = tuple(sorted((*chunk.ragged, *rows), key=lambda row: row.line))
        return replace(chunk.keep(keep), ragged=ragged)

    def cells_of(self, row: RejectedRow) -> list[str]:
        """The cells of a row that has too few or too many of them."""
        return reader_of(self.dialect.format).split(row.raw, self.dialect)

    def doubted(self, line: int, raw: str, cells: Sequence[str | None], template: str, rule: str,
                member: str | None = None) -> RejectedRow:  # fmt: skip
        """A row rejected for what its first filled cell looks like."""
        where = next((index for index, cell in enumerate(cells) if cell and cell.strip()), 0)
        value = cells[where] if where < len(cells) else ""
        problem = Problem(
            line=line,
            column=self.names[where] if len(cells) == len(self.names) else None,
            value=value,
            rule=rule,
            message=translate(template, value=value),
        )
        return RejectedRow(line=line, raw=raw, problems=(problem,), member=member)

    def _rejected(self, chunk: Chunk, at: int, template: str, rule: str) -> RejectedRow:
        cells = [column[at].as_py() for column in chunk.cells.columns]
        line = int(chunk.lines[at])
        return self.doubted(line, chunk.raw(at), cells, template, rule, chunk.member)


def rows_of(chunk: Chunk, most: int = 1000) -> list[list[str | None]]:
    """The cells of a chunk's first rows."""
    columns = [column.to_pylist() for column in chunk.cells.slice(0, most).columns]
    return [list(row) for row in zip(*columns, strict=True)]
