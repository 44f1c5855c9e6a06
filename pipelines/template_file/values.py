"""Made-up values for a column, those that people understand best first."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import chain
from typing import Any

from pipelines.template_file.holding import limits_of, patterns_of, sets_of
from pipelines.template_file.patterns import matching
from schemas.contract import Column, Contract, Expectation, RangePartition, Type

_DAY = timedelta(days=1)


def candidates(
    column: Column, contract: Contract, rules: Sequence[Expectation], now: datetime
) -> Iterator[Any]:
    """Values that might do, of the column's type; those of an array are lists."""
    found = chain.from_iterable(sets_of(rules, column.name))
    more = _of_type(column, contract, rules, now)
    for value in chain(found, more):
        yield [value] if column.repeated else value


def _of_type(
    column: Column, contract: Contract, rules: Sequence[Expectation], now: datetime
) -> Iterator[Any]:
    limits = limits_of(rules, column.name)
    match column.type:
        case Type.STRING:
            yield from _texts(column, rules, now)
        case Type.BOOL:
            yield from (True, False)
        case Type.JSON:
            yield from ('{"a": 1}', "{}", "[]", '"a"', "1", "true", "null")
        case Type.BYTES:
            yield from ("QQ==", "QUFB", "")
        case Type.DATE | Type.DATETIME | Type.TIMESTAMP | Type.TIME:
            yield from _moments(column.type, limits, now)
        case _:
            yield from _numbers(column, contract, limits, rules)


def _texts(column: Column, rules: Sequence[Expectation], now: datetime) -> Iterator[str]:
    lengths = [
        each.kwargs
        for each in rules
        if each.type.startswith("expect_column_value_lengths") and "column" in each.kwargs
    ]
    wanted = [each.get("value") or each.get("min_value") or 0 for each in lengths]
    least = max((math.ceil(each) for each in wanted if isinstance(each, int | float)), default=0)
    for pattern in patterns_of(rules, column.name):
        yield from matching(pattern, least)
    for each in rules:
        if form := each.kwargs.get("strftime_format"):
            yield now.strftime(str(form))
    yield from ("Example", "EXAMPLE", "example", "A1", "A", "1", "0001", "1234567890", "{}")
    yield from (f"Example {number}" for number in range(2, 22))
    most = column.max_length or 200
    for length in (least, most):
        if 0 < length <= 200:
            yield from ("A" * length, "1" * length, ("Example " * 30)[:length].strip())


def _numbers(
    column: Column,
    contract: Contract,
    limits: Sequence[Mapping[str, Any]],
    rules: Sequence[Expectation],
) -> Iterator[Any]:
    steps = [Fraction(str(each.kwargs["step"])) for each in rules if "step" in each.kwargs]
    unit = Fraction(1, 10 ** min(column.scale, 9)) if column.scale else Fraction(1)
    ends = [Fraction(str(each[key])) for each in limits for key in ("min_value", "max_value")
            if each.get(key) is not None]  # fmt: skip
    if isinstance(contract.partition, RangePartition) and contract.partition.column == column.name:
        ends.append(Fraction(contract.partition.start))
    usual = [Fraction(each) for each in (1, 10, 100, 0, 2, -1, *range(3, 21))]
    near = [end + each for end in ends for each in (0, unit, -unit, 1, -1)]
    middle = [sum(ends, Fraction(0)) / len(ends)] if ends else []
    for value in (*usual, *near, *middle):
        for step in steps or [Fraction(0)]:
            for number in (
                value,
                math.floor(value),
                math.ceil(value / step) * step if step else value,
            ):
                yield _number(Fraction(number), column)


def _number(value: Fraction, column: Column) -> Any:
    if column.type is Type.INT64:
        return math.floor(value)
    if column.type is Type.FLOAT64:
        return float(value)
    digits = Decimal(1).scaleb(-(column.scale if column.scale is not None else 9))
    exact = Decimal(value.numerator) / Decimal(value.denominator)
    return exact.quantize(digits)


def _moments(
    kind: Type, limits: Sequence[Mapping[str, Any]], now: datetime
) -> Iterator[date | datetime | time]:
    ends = [each[key] for each in limits for key in ("min_value", "max_value")
            if each.get(key) is not None]  # fmt: skip
    if kind is Type.TIME:
        yield from (time(9, 30), time(0, 0), time(12, 0), time(23, 59))
        yield from (each for each in ends if isinstance(each, time))
        return
    # The first day of a month and of a year change rarely: so does the template.
    noon = now.astimezone(UTC).replace(hour=9, minute=30, second=0, microsecond=0)
    begins = (noon.replace(month=1, day=1), noon.replace(day=1), noon, noon - _DAY, noon + _DAY)
    for each in begins:
        yield _of_kind(each, kind)
    for end in ends:
        for step in (timedelta(), timedelta(minutes=1), -timedelta(minutes=1), _DAY, -_DAY):
            if isinstance(end, date):
                try:
                    yield _of_kind(end + step, kind)
                except OverflowError:
                    continue


def _of_kind(moment: date | datetime, kind: Type) -> date | datetime:
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day)
    if kind is Type.DATE:
        return moment.date()
    moment = moment.replace(microsecond=0)
    if kind is Type.DATETIME:
        return moment.replace(tzinfo=None)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
