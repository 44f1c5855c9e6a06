"""Made-up rows that a contract takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice, product
from typing import Any

import pyarrow as pa

from pipelines.cast.chunk import cast_column
from pipelines.cast.partition import outside_partition
from pipelines.rejects.escape import harmless
from pipelines.template_file.holding import (
    ROW_COUNTS,
    Row,
    holds,
    is_of_each_row,
    rows_needed,
)
from pipelines.template_file.values import candidates
from pipelines.template_file.writing import null_word, written
from pipelines.validate.rules import KEYS, columns_of, resolve_relative_bounds
from schemas.contract import Column, Contract, Expectation

_OF_COLUMN = 24
_TRIES = 20_000


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of the example: the value that it is read as, and how it is written in the file."""

    value: Any
    text: str


def example_rows(
    contract: Contract, now: datetime, fits: Callable[[str], bool] = lambda text: True
) -> Sequence[Mapping[str, Cell]]:
    """Rows with a cell for each of the contract's file columns, which together break no rule, and
    none of which a spreadsheet would run: one row, unless the contract asks for more. Empty if none
    are found. `fits` says which texts can stand in a file of the feed's format.

    What the feed's own transform makes of it is not known here: rules of derived columns are left
    out.
    """
    contract = resolve_relative_bounds(contract, now)
    derived = {each.name for each in contract.columns if each.derived}
    rules = [each for each in contract.expectations if derived.isdisjoint(columns_of(each))]
    count = rows_needed(rules)
    rules = [each for each in rules if each.type not in ROW_COUNTS]
    if count is None or (count > 1 and not all(map(is_of_each_row, rules))):
        return ()
    alone = [each for each in rules if len(columns_of(each)) == 1]
    others = [each for each in rules if len(columns_of(each)) != 1]
    choices = {
        column.name: list(islice(_fitting(column, contract, alone, now, fits), _OF_COLUMN))
        for column in contract.file_columns
    }
    if not all(choices.values()):
        return ()
    row = _together(choices, others)
    return () if row is None else _repeated(row, choices, _keys(contract), others, count)


def _keys(contract: Contract) -> list[tuple[str, ...]]:
    """The columns whose values no two rows may share."""
    unique = [(each.name,) for each in contract.file_columns if each.unique]
    ruled = [columns_of(each) for each in contract.expectations if each.type in KEYS]
    measured = [columns_of(each) for each in contract.expectations
                if each.type == "odcs_duplicate_values"]  # fmt: skip
    return [each for each in (contract.primary_key, *unique, *ruled, *measured) if each]


def _repeated(
    row: Mapping[str, Cell],
    choices: Mapping[str, list[Cell]],
    keys: list[tuple[str, ...]],
    rules: list[Expectation],
    count: int,
) -> Sequence[Mapping[str, Cell]]:
    """The row so many times, each time with other values of its keys; none if there are too few."""
    rows = [row]
    varied = {max(key, key=lambda name: len(choices.get(name, ()))) for key in keys}
    for number in range(1, count):
        others = {name: _there(choices.get(name, []), number) for name in varied}
        if None in others.values():
            return ()
        found = {**row, **{name: cell for name, cell in others.items() if cell is not None}}
        values = {name: cell.value for name, cell in found.items()}
        if not all(holds(rule, values) for rule in rules):
            return ()
        rows.append(found)
    return rows


def _there(cells: list[Cell], number: int) -> Cell | None:
    """The cell of that number among the distinct ones that hold a value."""
    distinct = list({str(each.value): each for each in cells if each.value is not None}.values())
    return distinct[number] if number < len(distinct) else None


def _fitting(
    column: Column,
    contract: Contract,
    rules: Iterable[Expectation],
    now: datetime,
    fits: Callable[[str], bool],
) -> Iterator[Cell]:
    """Cells that can stand in the column, the best first; a value before none."""
    own = [each for each in rules if columns_of(each) == (column.name,)]
    for value in candidates(column, contract, own, now):
        text = written(value, column, contract.dialect)
        if text is None or not fits(text) or harmless(text) != text:
            continue
        cell = _read(text, column, contract, now)
        if cell is not None and all(holds(rule, {column.name: cell.value}) for rule in own):
            yield cell
    word = null_word(column, contract.dialect)
    if word is None or column.required or column.name in contract.primary_key:
        return
    none: Row = {column.name: None}
    if fits(word) and harmless(word) == word and all(holds(rule, none) for rule in own):
        yield Cell(None, word)


def _read(text: str, column: Column, contract: Contract, now: datetime) -> Cell | None:
    """The cell as the file's reader would take it; None if it would not."""
    cells = pa.array([text], pa.string())
    values, faults = cast_column(cells, column, contract.dialect)
    faults = [*faults, *outside_partition(values, column, contract, now.date())]
    value = values[0].as_py()
    return None if faults or value is None else Cell(value, text)


def _together(
    choices: Mapping[str, list[Cell]], rules: list[Expectation]
) -> Mapping[str, Cell] | None:
    """The first row of those cells that breaks no rule about several columns, or about the file."""
    row = {name: cells[0] for name, cells in choices.items()}
    bound = sorted({name for rule in rules for name in columns_of(rule)} & choices.keys())
    for cells in islice(product(*(choices[name] for name in bound)), _TRIES):
        row |= dict(zip(bound, cells, strict=True))
        values = {name: cell.value for name, cell in row.items()}
        if all(holds(rule, values) for rule in rules):
            return row if any(cell.value is not None for cell in row.values()) else None
    return None
