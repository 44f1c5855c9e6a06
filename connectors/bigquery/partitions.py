"""Partitions: their names in the ledger, and the constants that make BigQuery prune."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from connectors.bigquery import names
from schemas.contract import Contract, Granularity, RangePartition, TimePartition, Type
from schemas.errors import ContractError, FatalError

NULL = "null"
type Start = date | datetime | int

_LEAST: dict[Type, str] = {
    Type.DATE: "DATE '0001-01-01'",
    Type.DATETIME: "DATETIME '0001-01-01 00:00:00'",
    Type.TIMESTAMP: "TIMESTAMP '0001-01-01 00:00:00+00:00'",
    Type.INT64: "-9223372036854775808",
}


class Partitioning:
    """The partition column of a contract, and SQL about it. `alias` is the table's in the query."""

    def __init__(self, contract: Contract, alias: str) -> None:
        if contract.partition is None:
            raise ContractError(f"contract {contract.name}: the table has no partitions")
        self._by = contract.partition
        self._type = contract.column(self._by.column).type
        self._column = f"{alias}.{names.column(self._by.column)}"
        if self._type not in _LEAST:
            raise ContractError(f"contract {contract.name}: {self._type} cannot be partitioned by")

    def bucket(self) -> str:
        """The start of the partition a row belongs to, as an expression."""
        if isinstance(self._by, RangePartition):
            start, width = self._by.start, self._by.interval
            # MOD keeps the dividend's sign; the second one moves it to 0 … width - 1.
            over = f"MOD(MOD({self._column} - ({start}), {width}) + {width}, {width})"
            return f"{self._column} - {over}"
        return f"{self._type}_TRUNC({self._column}, {self._by.granularity})"

    def anywhere(self) -> str:
        """A condition that every row meets and that a table requiring a filter accepts."""
        return f"({self._column} IS NULL OR {self._column} >= {_LEAST[self._type]})"

    def within(self, partitions: Iterable[str]) -> str | None:
        """The condition that rows are in one of the partitions; None if there are none.

        Neighbouring partitions are named as one range. Raises FatalError for a name that is not a
        partition's.
        """
        known = set(partitions)
        conditions = [f"{self._column} IS NULL"] if NULL in known else []
        conditions += self._ranges(sorted(self.parse(each) for each in known - {NULL}))
        return _any_of(conditions) if conditions else None

    def from_days_before(self, partitions: Iterable[str], days: int | None) -> str | None:
        """The condition that a row's partition is at most so many days older than the oldest of
        these; None without a bound."""
        starts = [self.parse(each) for each in set(partitions) - {NULL}]
        times = [start for start in starts if isinstance(start, date)]
        if days is None or not times:
            return None
        try:
            oldest = min(times) - timedelta(days=days)
        except OverflowError:
            return None
        return f"({self._column} IS NULL OR {self._column} >= {self._literal(oldest)})"

    def parse(self, text: str) -> Start:
        """The start of the partition of that name; raises FatalError."""
        try:
            if isinstance(self._by, RangePartition):
                return int(text)
            year, rest = text.split("-", 1)
            moment = datetime.fromisoformat(f"{int(year):04d}-{rest}")
        except ValueError as error:
            raise FatalError(f"{text!r} is not the start of a partition") from error
        return moment.date() if self._type is Type.DATE else moment

    def name(self, start: Start | None) -> str:
        """The name of the partition that starts there, as the ledger writes it."""
        if start is None:
            return NULL
        if isinstance(start, int):
            return str(start)
        if isinstance(start, datetime) and self._by_hour():
            return start.replace(tzinfo=None).isoformat(timespec="seconds")
        return (start.date() if isinstance(start, datetime) else start).isoformat()

    def _by_hour(self) -> bool:
        return isinstance(self._by, TimePartition) and self._by.granularity is Granularity.HOUR

    def _ranges(self, starts: list[Start]) -> list[str]:
        ranges: list[tuple[Start, Start | None]] = []
        for start in starts:
            if ranges and ranges[-1][1] == start:
                ranges[-1] = (ranges[-1][0], self._next(start))
            else:
                ranges.append((start, self._next(start)))
        return [self._range(first, end) for first, end in ranges]

    def _range(self, first: Start, end: Start | None) -> str:
        lower = f"{self._column} >= {self._literal(first)}"
        return f"({lower} AND {self._column} < {self._literal(end)})" if end is not None else lower

    def _next(self, start: Start) -> Start | None:
        """Where the following partition starts; None after the last one of the calendar."""
        if isinstance(start, int):
            assert isinstance(self._by, RangePartition)
            return start + self._by.interval
        assert isinstance(self._by, TimePartition)
        try:
            match self._by.granularity:
                case Granularity.HOUR:
                    return start + timedelta(hours=1)
                case Granularity.DAY:
                    return start + timedelta(days=1)
                case Granularity.MONTH:
                    years, month = divmod(start.month, 12)
                    return start.replace(year=start.year + years, month=month + 1)
                case Granularity.YEAR:
                    return start.replace(year=start.year + 1)
        except (OverflowError, ValueError):
            return None

    def _literal(self, value: Start) -> str:
        if isinstance(value, int):
            return str(value)
        if isinstance(value, datetime):
            if self._type is Type.TIMESTAMP:
                return f"TIMESTAMP '{value.replace(tzinfo=UTC).isoformat(sep=' ')}'"
            return f"DATETIME '{value.isoformat(sep=' ')}'"
        return f"DATE '{value.isoformat()}'"


def _any_of(conditions: list[str]) -> str:
    """The conditions joined by OR as a balanced tree, lest a parser nest thousands deep."""
    if len(conditions) == 1:
        return conditions[0]
    middle = len(conditions) // 2
    return f"({_any_of(conditions[:middle])} OR {_any_of(conditions[middle:])})"
