"""The first rows of a file as they would be loaded, beside what stands in the file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipelines import cast
from pipelines.drift.match_columns import match_header
from pipelines.parse import parsed
from schemas.contract import Contract
from schemas.errors import DataError
from schemas.limits import Limits
from schemas.row_position import MEMBER


@dataclass(frozen=True, slots=True)
class FirstCell:
    """A cell: what stands in the file, what it is loaded as, and whether it is bad."""

    column: str
    raw: str
    loaded: str | None
    is_bad: bool = False

    @property
    def is_changed(self) -> bool:
        """Whether reading has made something else of it."""
        return not self.is_bad and (self.loaded or "") != self.raw


@dataclass(frozen=True, slots=True)
class FirstRow:
    """One of a file's first rows, on its line of the file or of the archive's member."""

    line: int
    cells: tuple[FirstCell, ...]


def first_rows(
    path: Path, contract: Contract, limits: Limits, folder: Path, count: int = 3
) -> tuple[FirstRow, ...]:
    """The first rows that can be read; none of a file that cannot be read under the contract."""
    names = [column.name for column in contract.file_columns]
    try:
        with parsed(path, contract.dialect, limits, folder, names) as found:
            chunk = next((each for each in found.chunks if each.cells.num_rows), None)
            if chunk is None:
                return ()
            header = match_header(found.names, contract)
            chunk = header.filled(chunk.keep(np.arange(chunk.cells.num_rows) < count))
            typed = cast.cast_chunk(chunk, header.columns, contract)
    except DataError:
        return ()
    bad = {(each.line, each.column) for each in typed.problems}
    rows = []
    for at, line in enumerate(chunk.lines.tolist()):
        cells = []
        for name in names:
            raw = chunk.cells.column(header.columns[name])[at].as_py()
            value = typed.rows.column(name)[at].as_py()
            loaded = None if value is None else _shown(value)
            cells.append(FirstCell(name, raw or "", loaded, (line, name) in bad))
        rows.append(FirstRow(line % MEMBER, tuple(cells)))
    return tuple(rows)


def _shown(value: object) -> str:
    """A value as people write it: a decimal without zeros at its end, a moment in ISO 8601."""
    match value:
        case bool():
            return str(value).lower()
        case _ if hasattr(value, "isoformat"):
            return str(value.isoformat())
        case _ if hasattr(value, "normalize"):
            return f"{value.normalize():f}"
        case _:
            return str(value)
