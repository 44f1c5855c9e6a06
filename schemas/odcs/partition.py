"""Partitions in contracts: by which column a table is partitioned, and how."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from open_data_contract_standard.model import (
    SchemaProperty,
)

from schemas.contract import (
    Column,
    Granularity,
    RangePartition,
    TimePartition,
    Type,
)
from schemas.odcs.file import Faults, Where


def name_of(each: SchemaProperty) -> str:
    """A column's name in the warehouse."""
    return str(each.physicalName or each.name or "")


def read_partition(
    properties: Sequence[SchemaProperty],
    columns: Sequence[Column],
    words: dict[str, Any],
    where: Where,
    faults: Faults,
) -> TimePartition | RangePartition | None:
    """The partition of a table; None if it has none, or if what is said of it is a fault."""
    chosen = [name_of(each) for each in properties if each.partitioned]
    if len(chosen) > 1:
        faults.add(where, f"BigQuery partitions by one column, not by {', '.join(chosen)}")
        return None
    column = next((each for each in columns if each.name in chosen), None)
    if column is None:
        return None
    if column.type is Type.INT64:
        return _range(column, words.get("partitionRange"), where, faults)
    if column.type not in (Type.DATE, Type.DATETIME, Type.TIMESTAMP):
        faults.add(where, f"{column.name} is {column.type}; BigQuery cannot partition by it")
        return None
    unit = str(words.get("partitionBy", "DAY"))
    if unit not in list(Granularity):
        faults.add(where, f'partitionBy "{unit}" is not one of {", ".join(Granularity)}')
        return None
    if column.type is Type.DATE and unit == Granularity.HOUR:
        faults.add(where, f"{column.name} is a DATE and has no hours; use DAY, MONTH or YEAR")
    expiration = words.get("partitionExpirationDays")
    if expiration is not None and (not isinstance(expiration, int) or expiration < 1):
        faults.add(where, "partitionExpirationDays must be a whole number of days")
        expiration = None
    return TimePartition(
        column=column.name, granularity=Granularity(unit), expiration_days=expiration
    )


def _range(column: Column, given: Any, where: Where, faults: Faults) -> RangePartition | None:
    names = ("start", "end", "interval")
    if not isinstance(given, dict) or not all(isinstance(given.get(n), int) for n in names):
        faults.add(where, f"{column.name}: partitionRange needs start, end and interval")
        return None
    start, end, interval = (given[name] for name in names)
    if interval < 1 or end <= start or (end - start) / interval > 10_000:
        faults.add(where, "partitionRange must make between 1 and 10,000 partitions")
        return None
    return RangePartition(column=column.name, start=start, end=end, interval=interval)
