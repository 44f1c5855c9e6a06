"""Columns of a draft: cells are named as the file's own header does, or as the contract does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipelines.drift.match_columns import match_header
from schemas.contract import Contract
from schemas.errors import DataError, RefusedError
from schemas.file import File

_SHOWN = 400


class DraftColumns:
    """The columns of a file's rejected rows, by either name."""

    def __init__(self, file: File, header: Sequence[str], contract: Contract) -> None:
        self._file, self._header = file, header
        self._cells = _cells(header, contract)
        self._names = {cell: name for name, cell in self._cells.items()}

    def cell(self, column: str) -> str:
        """What the header calls that column: a name that stands in the header is the header's, even
        where the contract calls another column so. Raises RefusedError, which says what columns
        there are."""
        if column in self._header:
            return column
        if column in self._cells:
            return self._cells[column]
        raise RefusedError(
            f'"{column[:80]}" is no column of {self._file.item.name}',
            hint=f"its columns are: {', '.join(map(self._named, self._header))[:_SHOWN]}",
        )

    def _named(self, cell: str) -> str:
        name = self._names.get(cell, cell)
        return cell if name == cell else f"{cell} ({name})"


def _cells(header: Sequence[str], contract: Contract) -> Mapping[str, str]:
    """The cell of a header for each of the contract's columns that it has; nothing of a header that
    cannot be matched."""
    try:
        return match_header(header, contract).names
    except DataError:
        return {}
