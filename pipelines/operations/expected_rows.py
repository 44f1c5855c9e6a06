"""Expected rows: what a table should hold of each file, worked out from the raw files and the rule.

The rule: the table is what it would be if only the files in force had been loaded, in their order.
Files are walked from the last to the first: who comes later has taken the key or the partition.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from schemas.arrow import to_pandas
from schemas.batch import WriteMode
from schemas.checksum import EXACT, FileSums, Measure, Sum, measured
from schemas.contract import Contract, RangePartition, Type

ROW = "_etl_row"


@dataclass(slots=True)
class ExpectedTable:
    """What later files hold already; about 100 bytes a key."""

    contract: Contract
    mode: WriteMode
    keys: set[int] = field(default_factory=set)
    partitions: dict[object, str] = field(default_factory=dict)
    lines: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))

    def of(self, file_id: str, corrects: str | None, rows: pa.Table) -> FileSums:
        """What the table should hold of the next earlier file, whose good rows these are."""
        stays = np.ones(rows.num_rows, np.bool_)
        if corrects is not None:
            own = rows.column(ROW).to_numpy()
            taken = self.lines[corrects]
            stays &= np.array([int(line) not in taken for line in own], np.bool_)
            taken.update(map(int, own))
        if self.mode is WriteMode.MERGE:
            stays &= self._by_key(rows, stays)
        elif self.mode is WriteMode.REPLACE_PARTITION:
            stays &= self._by_partition(rows, corrects or file_id, stays)
        return sums_of(file_id, rows.filter(pa.array(stays)), self.contract)

    def _by_key(self, rows: pa.Table, there: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        frame = to_pandas(rows.select([*self.contract.primary_key]))
        unkeyed = frame.isna().any(axis=1).to_numpy()
        hashes = pd.util.hash_pandas_object(frame.astype(str), index=False).to_numpy()
        stays = np.zeros(len(frame), np.bool_)
        # Of rows of one file with the same key the last one stays.
        for index in np.lexsort((-rows.column(ROW).to_numpy(),)):
            if not there[index]:
                continue
            key = int(hashes[index])
            if unkeyed[index]:
                stays[index] = True
            elif key not in self.keys:
                self.keys.add(key)
                stays[index] = True
        return stays

    def _by_partition(
        self, rows: pa.Table, unit: str, there: npt.NDArray[np.bool_]
    ) -> npt.NDArray[np.bool_]:
        starts = _starts(rows, self.contract)
        stays = np.zeros(rows.num_rows, np.bool_)
        for index, start in enumerate(starts):
            if there[index]:
                stays[index] = self.partitions.setdefault(start, unit) == unit
        return stays


def _starts(rows: pa.Table, contract: Contract) -> list[object]:
    """The partition of each row."""
    partition = contract.partition
    if partition is None:
        return [None] * rows.num_rows
    values = rows.column(partition.column)
    if isinstance(partition, RangePartition):
        first, last, step = partition.start, partition.end, partition.interval
        return [
            None if value is None else (value - first) // step if first <= value < last else "out"
            for value in values.to_pylist()
        ]
    floored: list[object] = pc.floor_temporal(
        values, unit=partition.granularity.lower()
    ).to_pylist()
    return floored


def sums_of(file_id: str, rows: pa.Table, contract: Contract) -> FileSums:
    """The rows of a file, and the sum of each measured column. A column that they were made without
    has nothing in it."""
    sums = dict[str, Sum]()
    sizes = dict[str, float]()
    for column, measure in measured(contract):
        if column.name not in rows.column_names:
            sums[column.name] = 0
            continue
        values = rows.column(column.name)
        sums[column.name] = _sum(values, column.type, measure)
        if column.type is Type.FLOAT64:
            sizes[column.name] = pc.sum(pc.abs(values)).as_py() or 0.0
    return FileSums(file_id=file_id, rows=rows.num_rows, sums=sums, sizes=sizes)


def _sum(values: pa.ChunkedArray, type_: Type, measure: Measure) -> Sum:
    match measure:
        case Measure.PRESENT:
            return int(len(values) - values.null_count)
        case Measure.DAYS:
            values = pc.cast(pc.cast(values, pa.date32()), pa.int32())
        case Measure.LENGTH:
            values = pc.utf8_length(values)
    if measure is Measure.VALUE and type_ is Type.BIGNUMERIC:
        return _sum_of_largest(values)
    if pa.types.is_floating(values.type):
        floats: float = pc.sum(values).as_py() or 0.0
        return floats
    # Arrow's own sum of integers wraps.
    scale = values.type.scale if pa.types.is_decimal(values.type) else 0
    whole: Decimal = pc.sum(pc.cast(values, pa.decimal256(76, scale))).as_py() or Decimal(0)
    return whole


def _sum_of_largest(values: pa.ChunkedArray) -> Decimal:
    """The sum of BIGNUMERIC values, for which no type of Arrow has room."""
    total = Decimal(0)
    for batch in values.drop_null().chunks:
        for each in batch:
            total = EXACT.add(total, Decimal(each.as_py()))
    return total
