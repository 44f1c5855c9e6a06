"""Casting: one meaning or a named problem, never a silent change."""

import io
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest

from pipelines.cast import cast_chunk
from pipelines.parse.delimited import read_delimited
from schemas.contract import Column, Contract, RangePartition, Type


def contract(*columns: Column, **more: Any) -> Contract:
    return Contract(name="t", version="1", table="t", columns=columns, **more)


def cast_cells(column: Column, *cells: str, **more: Any) -> tuple[list[Any], list[tuple[int, str]]]:
    text = "\n".join([column.name, *(f'"{cell}"' for cell in cells), ""]).encode()
    made = contract(column, **more)
    (chunk,) = read_delimited(io.BytesIO(text), made.dialect, 1 << 20, ()).chunks
    typed = cast_chunk(chunk, {column.name: column.name}, made)
    return typed.rows.column(0).to_pylist(), [(p.line, p.rule) for p in typed.problems]


GOOD = [
    (Type.INT64, "-42", -42),
    (Type.INT64, " 7 ", 7),
    (Type.INT64, "+7", 7),
    (Type.INT64, "9223372036854775807", 2**63 - 1),
    (Type.FLOAT64, "1.5e3", 1500.0),
    (Type.FLOAT64, ".5", 0.5),
    (Type.NUMERIC, "12345678901234567890.123456789", Decimal("12345678901234567890.123456789")),
    (Type.NUMERIC, "1.", Decimal(1)),
    (Type.NUMERIC, "-.5", Decimal("-0.5")),
    (Type.NUMERIC, "1.50000000000000", Decimal("1.5")),
    (Type.BIGNUMERIC, "1.00000000000000000000000000000000000001", Decimal("1." + "0" * 37 + "1")),
    (Type.BOOL, "TRUE", True),
    (Type.BOOL, "no", False),
    (Type.STRING, " 01234 ", " 01234 "),
    (Type.DATE, "2024-02-29", date(2024, 2, 29)),
    (Type.DATETIME, "2026-11-03 14:30:00.25", datetime(2026, 11, 3, 14, 30, 0, 250_000)),
    (Type.DATETIME, "2026-11-03T14:30", datetime(2026, 11, 3, 14, 30)),
    (Type.TIMESTAMP, "2026-11-03T14:30:00Z", datetime(2026, 11, 3, 14, 30, tzinfo=UTC)),
    (Type.TIMESTAMP, "2026-11-03 14:30:00+0200", datetime(2026, 11, 3, 12, 30, tzinfo=UTC)),
    (Type.TIME, "23:59:59.000001", time(23, 59, 59, 1)),
]


@pytest.mark.parametrize(("kind", "cell", "value"), GOOD)
def test_a_good_cell_becomes_its_value(kind: Type, cell: str, value: object) -> None:
    assert cast_cells(Column(name="c", type=kind), cell) == ([value], [])


BAD = [
    (Type.INT64, "01234"),
    (Type.INT64, "1.0"),
    (Type.INT64, "9223372036854775808"),
    (Type.INT64, "1e3"),
    (Type.INT64, "ten"),
    (Type.FLOAT64, "1,5"),
    (Type.NUMERIC, "1.0000000001"),
    (Type.NUMERIC, "1e5"),
    (Type.NUMERIC, "."),
    (Type.NUMERIC, "-"),
    (Type.NUMERIC, "1" * 30),
    (Type.BOOL, "2"),
    (Type.DATE, "2026-02-30"),
    (Type.DATE, "03/11/2026"),
    (Type.DATETIME, "2026-11-03 25:00:00"),
    (Type.TIMESTAMP, "2026-11-03 14:30:00"),
    (Type.TIME, "24:00"),
    (Type.JSON, "{'a': 1}"),
    (Type.JSON, "NaN"),
]


@pytest.mark.parametrize(("kind", "cell"), BAD)
def test_a_bad_cell_is_named_and_null(kind: Type, cell: str) -> None:
    good = next((text for k, text, _ in GOOD if k is kind), "1")
    values, problems = cast_cells(Column(name="c", type=kind), good, cell, good)
    assert [line for line, _ in problems] == [3]
    assert values[1] is None
    assert None not in (values[0], values[2])


def test_declared_scale_is_never_rounded() -> None:
    price = Column(name="price", type=Type.NUMERIC, precision=12, scale=2)
    values, problems = cast_cells(price, "1.10", "1.105", "1.1000", "12345678901.00")
    assert values == [Decimal("1.10"), None, Decimal("1.10"), None]
    assert problems == [(5, "overflow"), (3, "scale")]


def test_required_length_formats_and_range() -> None:
    assert cast_cells(Column(name="c", type=Type.STRING, required=True), "a", "")[1] == [
        (3, "required")
    ]
    assert cast_cells(Column(name="c", type=Type.STRING, max_length=2), "ñá", "abc")[1] == [
        (3, "length")
    ]
    day_first = Column(name="c", type=Type.DATE, formats=("%d/%m/%Y",))
    assert cast_cells(day_first, "03/11/2026", "30/02/2026", "") == (
        [date(2026, 11, 3), None, None],
        [(3, "type")],
    )
    partition = RangePartition(column="c", start=0, end=100, interval=10)
    assert cast_cells(Column(name="c", type=Type.INT64), "99", "100", partition=partition)[1] == [
        (3, "partition")
    ]
