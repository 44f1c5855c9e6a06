"""Unique keys: rows of one file that share a key which only one row may have.

Keys are told apart by a 64-bit hash: in ten million rows the chance that any two clash is below one
in three hundred thousand. A row costs sixteen bytes while a key is looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.validate.rules import KEYS, columns_of
from schemas.batch import WriteMode
from schemas.contract import Contract, Duplicates, Expectation

LINE = "_etl_row"
_MIX = np.uint64(0x9E3779B97F4A7C15)

TEMPLATES = {
    Duplicates.FIRST: "{value} came already on line {other}; {column} may come once in a file",
    Duplicates.LAST: "{value} comes again on line {other}, which replaces this row",
    Duplicates.REJECT: "{value} comes on line {other} too; {column} may come once in a file",
}
"""What is said of a row that shares its key with another one."""


@dataclass(frozen=True, slots=True)
class Key:
    """Columns whose values, taken together, only one row of a file may have."""

    columns: tuple[str, ...]
    policy: Duplicates
    severity: str = "error"

    @property
    def rule(self) -> str:
        """The rule's short name."""
        if self.policy is Duplicates.LAST:
            return "replaced"
        return "values_to_be_unique" if len(self.columns) == 1 else "compound_columns_to_be_unique"


@dataclass(frozen=True, slots=True)
class Repeats:
    """Rows that are not kept, by their places, and for each the place of the row to look at."""

    places: npt.NDArray[np.int64]
    others: npt.NDArray[np.int64]


def keys_of(contract: Contract, mode: WriteMode) -> list[Key]:
    """The keys of a contract: its primary key, its unique columns, and what its rules say.

    Unless the contract says otherwise, rows of one primary key are looked at only where they are
    merged: there the last one is kept, as the newest file's is. Of any other key it is the first.
    """
    found: dict[tuple[str, ...], Key] = {}
    if contract.primary_key and (contract.duplicates or mode is WriteMode.MERGE):
        policy = contract.duplicates or Duplicates.LAST
        found[contract.primary_key] = Key(contract.primary_key, policy)
    other = contract.duplicates or Duplicates.FIRST
    for column in contract.columns:
        if column.unique:
            found.setdefault((column.name,), Key((column.name,), other))
    for each in contract.expectations:
        if _is_key(each):
            found.setdefault(columns_of(each), Key(columns_of(each), other, each.severity))
    return list(found.values())


def _is_key(expectation: Expectation) -> bool:
    return expectation.type in KEYS and expectation.kwargs.get("mostly", 1) == 1


def repeats(key: Key, rows: Sequence[Path], skip: npt.NDArray[np.int64]) -> Repeats:
    """The rows of a staged file that the key's policy does not keep, those at `skip` left out."""
    hashes, places = _hashed(key, rows)
    if len(skip):
        kept = ~np.isin(places, skip)
        hashes, places = hashes[kept], places[kept]
    ordered = np.sort(hashes)
    twice = ordered[1:][ordered[1:] == ordered[:-1]]
    if not len(twice):
        return Repeats(places[:0], places[:0])
    some = np.isin(hashes, twice)
    hashes, places = hashes[some], places[some]
    order = np.lexsort((places, hashes))
    hashes, places = hashes[order], places[order]
    starts = np.flatnonzero(np.concatenate([[True], hashes[1:] != hashes[:-1]]))
    group = np.cumsum(np.concatenate([[False], hashes[1:] != hashes[:-1]]))
    first = places[starts][group]
    last = places[np.concatenate([starts[1:], [len(places)]]) - 1][group]
    match key.policy:
        case Duplicates.FIRST:
            bad, others = places != first, first
        case Duplicates.LAST:
            bad, others = places != last, last
        case Duplicates.REJECT:
            second = places[starts + 1][group]
            bad, others = np.ones(len(places), np.bool_), np.where(places == first, second, first)
    by_place = np.argsort(places[bad], kind="stable")
    return Repeats(places[bad][by_place], others[bad][by_place])


def _hashed(key: Key, rows: Sequence[Path]) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
    """The hashes of the key's values and the rows' places. A row that lacks one of them has no key,
    as in SQL."""
    hashes, places = [np.zeros(0, np.uint64)], [np.zeros(0, np.int64)]
    for batch in _batches(rows, [*key.columns, LINE]):
        there = np.ones(batch.num_rows, np.bool_)
        mixed = np.zeros(batch.num_rows, np.uint64)
        for name in key.columns:
            column = batch.column(name)
            there &= column.is_valid().to_numpy(zero_copy_only=False)
            mixed = mixed * _MIX + _hash(column)
        hashes.append(mixed[there])
        places.append(batch.column(LINE).to_numpy()[there])
    return np.concatenate(hashes), np.concatenate(places)


def _batches(rows: Sequence[Path], names: list[str]) -> Iterator[pa.RecordBatch]:
    for part in rows:
        yield from pq.ParquetFile(part).iter_batches(batch_size=256 * 1024, columns=names)


def _hash(column: pa.Array) -> npt.NDArray[np.uint64]:
    """A hash of each value, made from its text; of null, zero."""
    import pandas as pd

    encoded = pc.cast(column, pa.string()).dictionary_encode()
    words = encoded.dictionary.to_numpy(zero_copy_only=False)
    known = pd.util.hash_array(words, categorize=False)
    values = np.append(known, np.uint64(0))
    at = pc.fill_null(encoded.indices, len(known)).to_numpy(zero_copy_only=False)
    hashes: npt.NDArray[np.uint64] = values[at]
    return hashes
