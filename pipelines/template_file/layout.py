"""What stands where in a template: the lines above the header, the header, the example's row and
what a file has below its rows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pipelines.drift.match_columns import match_header
from pipelines.parse.header import names_of
from pipelines.parse.registry import reader_of
from pipelines.parse.workbook import range_bounds
from pipelines.rejects.escape import harmless
from pipelines.template_file.example import Cell, example_rows
from schemas.contract import Column, Contract
from schemas.dialect import Dialect, Format
from schemas.errors import ConflictError, DataError

_LONGEST_CELL = 32_767
"""What a cell of a workbook can hold."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """The lines of a template, top down. `columns` are those of the contract in the order of the
    cells, None for a cell that is none of its; `spellings` are the header's names of them. `rows`
    is the example, empty where none is known to be taken whole; a template that is not to have it
    in its data leaves them out."""

    contract: Contract
    above: Sequence[str]
    header: Sequence[Sequence[str]]
    columns: Sequence[Column | None]
    spellings: Sequence[str]
    rows: Sequence[Mapping[str, Cell]]
    has_example: bool
    below: Sequence[str]

    @property
    def examples(self) -> Sequence[Sequence[Cell]]:
        """The cells of the example's rows in their order; none if it has no rows in the data."""
        rows = self.rows if self.has_example else ()
        return [[row[each.name] if each else Cell(None, "") for each in self.columns]
                for row in rows]  # fmt: skip

    @property
    def cells(self) -> Mapping[str, Cell]:
        """The example's first row by column; empty if there is none."""
        return self.rows[0] if self.rows else {}

    @property
    def origin(self) -> tuple[int, int]:
        """Where a workbook begins to be read: how many rows and columns stand before."""
        if not reader_of(self.contract.dialect.format).traits.is_sheet:
            return 0, 0
        top, left, _, _ = range_bounds(self.contract.dialect.range)
        return top - 1, left - 1

    @property
    def is_only_sheet(self) -> bool:
        """Whether a workbook may have no other sheet: the contract names none, and the reader
        refuses to choose."""
        dialect = self.contract.dialect
        return reader_of(dialect.format).traits.is_sheet and not dialect.sheet

    @property
    def first_row(self) -> int:
        """The line on which the rows begin, from 1."""
        return len(self.above) + len(self.header) + 1


def layout_of(contract: Contract, now: datetime, *, has_example: bool) -> Layout:
    """The template of a contract. Raises ConflictError where no header can be written."""
    dialect = contract.dialect
    columns, spellings = _columns(contract)
    # A note below rows of a single cell cannot be told from one of them.
    is_plain = not dialect.footer or len(columns) > 1
    rows = example_rows(contract, now, lambda text: _fits(text, dialect)) if is_plain else ()
    return Layout(
        contract=contract,
        above=[contract.name] * dialect.preamble,
        header=_header(spellings, dialect),
        columns=columns,
        spellings=spellings,
        rows=rows,
        has_example=has_example,
        below=["end"] * dialect.footer if is_plain else (),
    )


def _columns(contract: Contract) -> tuple[list[Column | None], list[str]]:
    """The columns in their order, and how the header spells them."""
    dialect, known = contract.dialect, {each.name: each for each in contract.file_columns}
    if dialect.format is Format.FIXED:
        named = [field.column for field in dialect.fields]
        return [known.get(name) for name in named], named
    if dialect.columns and (dialect.header_cells or not dialect.header):
        names = match_names(dialect.columns, contract)
        return [known.get(name) for name in names], list(dialect.header_cells or dialect.columns)
    columns = list(contract.file_columns)
    return list(columns), [_spelling(each, contract) for each in columns]


def match_names(cells: Sequence[str], contract: Contract) -> list[str]:
    """The names of the contract's columns that these cells bring; a cell's own where none is."""
    by_cell = {cell: name for name, cell in match_header(cells, contract).names.items()}
    return [by_cell.get(cell, cell) for cell in cells]


def _spelling(column: Column, contract: Contract) -> str:
    """How a header names a column: by its own name, unless that is taken for another's."""
    for text in (column.name, *column.headers):
        try:
            names = match_header([text], contract).names
        except DataError:
            continue
        if names == {column.name: text} and harmless(text) == text:
            return text
    raise ConflictError(f"no header cell names the column {column.name} alone")


def _header(spellings: Sequence[str], dialect: Dialect) -> list[list[str]]:
    """The header's lines, whose words a reader joins by a blank."""
    count = 0 if dialect.format is Format.JSONL else dialect.header
    if dialect.format is Format.FIXED:
        return [list(spellings)] * count
    if not count:
        return []
    if count == 1:
        lines = [list(spellings)]
    else:
        words = [re.split(r"[ _]", text, maxsplit=count - 1) for text in spellings]
        padded = [[*[""] * (count - len(each)), *each] for each in words]
        lines = [list(line) for line in zip(*padded, strict=True)]
    if not all(any(line) for line in lines):
        raise ConflictError(
            f"no name of a column has the words for a header of {count} lines",
            hint="write the header by hand",
        )
    if harm := [cell for line in lines for cell in line if harmless(cell) != cell]:
        raise ConflictError(f"a spreadsheet would run the header's cell {harm[0]!r} as a formula")
    try:
        names_of(lines, dialect, reader_of(dialect.format).traits.is_sheet)
    except DataError as error:
        raise ConflictError(error.message, hint=error.hint) from error
    return lines


def _fits(text: str, dialect: Dialect) -> bool:
    """Whether a text can stand in a cell of such a file, and comes back as it is."""
    if any(char in text for char in "\0\r\n") or not text.isprintable():
        return False
    if dialect.comment and text.startswith(dialect.comment):
        return False
    if reader_of(dialect.format).traits.is_sheet:
        return len(text) <= _LONGEST_CELL
    try:
        text.encode(dialect.encoding)
    except UnicodeError:
        return False
    if dialect.format is Format.FIXED:
        return text == text.strip()
    if dialect.quote:
        return dialect.quote not in text
    return not any(sign and sign in text for sign in (dialect.delimiter, dialect.escape))
