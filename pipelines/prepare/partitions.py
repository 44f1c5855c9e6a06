"""Partitions: which partitions of its table the rows of a file belong to."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from schemas.contract import Contract, RangePartition, TimePartition, Type


def partitions_of(rows: pa.Table, contract: Contract) -> set[str]:
    """The partitions of the rows, as ISO starts, range starts, or `null`."""
    partition = contract.partition
    if partition is None or rows.num_rows == 0:
        return set()
    values = rows.column(partition.column)
    if isinstance(partition, RangePartition):
        return {_range_start(value, partition) for value in pc.unique(values).to_pylist()}
    return _time_starts(values, partition, contract.column(partition.column).type)


def _time_starts(values: pa.ChunkedArray, partition: TimePartition, kind: Type) -> set[str]:
    floored = pc.floor_temporal(values, unit=partition.granularity.lower())
    hourly = kind is not Type.DATE and partition.granularity == "HOUR"
    starts = set()
    for value in pc.unique(floored).to_pylist():
        if value is None:
            starts.add("null")
        else:
            # isoformat, for strftime writes the year 999 with three digits
            text = value.isoformat()
            starts.add(text[:19] if hourly else text[:10])
    return starts


def _range_start(value: int | None, partition: RangePartition) -> str:
    if value is None:
        return "null"
    return str(value - (value - partition.start) % partition.interval)
