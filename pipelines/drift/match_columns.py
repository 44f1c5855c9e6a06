"""The header of a file matched to its contract: which cell brings which column."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from pipelines.parse import Chunk
from pipelines.parse.names import folded
from pipelines.rejects.correction import OUR_COLUMNS
from pipelines.rejects.escape import restored
from pipelines.rejects.labels import NO_LABELS, Labels, labels_of, shown
from schemas.contract import Column, Contract
from schemas.errors import DataError


@dataclass(frozen=True, slots=True)
class Header:
    """What a file brings: `names` is `{column name: header cell}` in the header's order.

    `missing` are the contract's columns that no cell names, `unknown` the cells that name none;
    `labels` is what sentences to its sender call the columns.
    `correction` says that the file is one of our own rejects files, coming back corrected.
    """

    names: dict[str, str]
    missing: tuple[Column, ...]
    unknown: tuple[str, ...]
    correction: bool
    labels: Labels = NO_LABELS

    def filled(self, chunk: Chunk) -> Chunk:
        """The chunk with a column of nulls for each missing one, and our marks taken back."""
        cells = restored(chunk.cells) if self.correction else chunk.cells
        for column in self.missing:
            cells = cells.append_column(column.name, pa.nulls(cells.num_rows, pa.string()))
        return chunk if cells is chunk.cells else replace(chunk, cells=cells)

    @property
    def columns(self) -> dict[str, str]:
        """`{column name: cell}` of a filled chunk: a missing column is found by its own name."""
        return self.names | {column.name: column.name for column in self.missing}


def match_header(header: Sequence[str], contract: Contract) -> Header:
    """Which header cell brings which of the contract's file columns, in whatever order.

    A column is found by its name or one of its `headers`, exactly or folded. Raises DataError when
    two cells name the same column.
    """
    exact, by_fold = _spellings(contract)
    cells: dict[str, list[str]] = defaultdict(list)
    unknown: list[str] = []
    correction = "_error" in header and "_error" not in exact
    for cell in header:
        name = exact.get(cell.strip().casefold())
        if name is None and correction and cell in OUR_COLUMNS:
            continue
        name = name or by_fold.get(folded(cell))
        if name is None:
            unknown.append(cell)
        else:
            cells[name].append(cell)
    twice = {name: found for name, found in cells.items() if len(found) > 1}
    if twice:
        name, found = next(iter(twice.items()))
        raise DataError(
            "the header names {column} more than once: {cells}",
            hint="keep one of these columns",
            column=name,
            cells=", ".join(f'"{shown(cell)}"' for cell in found),
        )
    names = {name: found[0] for name, found in cells.items()}
    return Header(
        names=names,
        missing=tuple(each for each in contract.file_columns if each.name not in cells),
        unknown=tuple(unknown),
        correction=correction,
        labels=labels_of(names, contract.dialect),
    )


def column_name(cell: str) -> str:
    """The column name that a header cell would get: its ASCII letters and digits in lower case,
    joined by underscores. Empty if nothing is left."""
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", cell).casefold())
    bare = "".join(char for char in plain if not unicodedata.combining(char))
    name = re.sub(r"[^a-z0-9]+", "_", bare).strip("_")[:300]
    return f"_{name}" if name[:1].isdigit() else name


def _spellings(contract: Contract) -> tuple[dict[str, str], dict[str, str]]:
    """Column names by their exact spellings (but for case) and by their folded ones.

    A folded spelling that two columns share finds neither.
    """
    exact: dict[str, str] = {}
    names_by_fold: dict[str, set[str]] = defaultdict(set)
    for column in contract.file_columns:
        for spelling in (column.name, *column.headers):
            exact.setdefault(spelling.strip().casefold(), column.name)
            names_by_fold[folded(spelling)].add(column.name)
    unique = {
        key: next(iter(names)) for key, names in names_by_fold.items() if key and len(names) == 1
    }
    return exact, unique
