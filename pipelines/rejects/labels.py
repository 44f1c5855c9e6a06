"""Labels: what a file's own header calls the contract's columns, for whoever has sent it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType

from schemas.dialect import Dialect

type Labels = Mapping[str, str]
"""The header's words for columns, of those that it does not call by the contract's names."""

NO_LABELS: Labels = MappingProxyType({})
"""Of what has no header of its own."""
_SHOWN = 200


def labels_of(names: Mapping[str, str], dialect: Dialect) -> dict[str, str]:
    """The labels of a file's columns, given the header's cell of each. Where the contract has named
    the columns by their order, the header's own word is one that stands there once."""
    counted = Counter(dialect.header_cells)
    pinned = {
        name: cell
        for name, cell in zip(dialect.columns, dialect.header_cells, strict=False)
        if counted[cell] == 1
    }
    found = {name: shown(" ".join(pinned.get(cell, cell).split())) for name, cell in names.items()}
    return {name: label for name, label in found.items() if label and label != name}


def shown(cell: str) -> str:
    """A header cell as a message shows it."""
    return cell if len(cell) <= _SHOWN else cell[: _SHOWN - 1] + "…"


def label_of(column: str, labels: Labels) -> str:
    """What a sentence calls a column."""
    return labels.get(column, column)
