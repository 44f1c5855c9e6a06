"""Partitions: values for which the table has no partition, or that are a typo in all likelihood."""

from __future__ import annotations

from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.cast.fault import Fault, fault, flags
from schemas.contract import Column, Contract, RangePartition, Window
from schemas.language import day_said


def outside_partition(
    values: pa.Array, column: Column, contract: Contract, today: date
) -> list[Fault]:
    """The values of a column that lie outside the partitions that its table may have."""
    partition = contract.partition
    if partition is None or partition.column != column.name or not len(values):
        return []
    if isinstance(partition, RangePartition):
        low, high = partition.start, partition.end
        outside = pc.or_(pc.less(values, low), pc.greater_equal(values, high))
        template = "{value} is not between {low:,} and {high:,}, the partitions of {column}"
        return fault("partition", template, flags(outside), low=low, high=high - 1)
    first, last = bounds(contract.window, today)
    days = values.cast(pa.timestamp("us")).to_numpy(zero_copy_only=False).astype("M8[D]")
    with np.errstate(invalid="ignore"):
        outside = (days < np.datetime64(first)) | (days > np.datetime64(last))
    return fault(
        "window",
        "{value} is not between {first} and {last}, the dates that {column} may have;"
        " is the year right?",
        outside,
        first=day_said(first),
        last=day_said(last),
    )


def bounds(window: Window, today: date) -> tuple[date, date]:
    """The first and the last day of a window."""
    return _moved(today, -window.years_back), _moved(today, window.years_ahead)


def _moved(day: date, years: int) -> date:
    """The same day of another year; 28 February for a 29th that it lacks."""
    year = min(max(day.year + years, 1), 9999)
    try:
        return day.replace(year=year)
    except ValueError:
        return day.replace(year=year, day=28)
