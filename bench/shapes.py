"""Shapes: the files that every contender gets, made from a seed and kept in a cache folder."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

VERSION = 1
"""Rises when the generators change, so that files made by older ones are made anew."""

ARROW: dict[str, pa.DataType] = {
    "STRING": pa.string(),
    "INT64": pa.int64(),
    "NUMERIC": pa.decimal128(12, 2),
    "DATE": pa.date32(),
    "TIMESTAMP": pa.timestamp("us", "UTC"),
}
"""The Arrow type of each BigQuery type that the shapes use."""

_DAYS = 30
_BLOCK_ROWS = 500_000
_CURRENCIES = ("EUR", "GBP", "USD")
_STATUSES = ("placed", "paid", "shipped", "cancelled")
_NOTES = (
    None, None, None, None, "leave with the neighbour", "ring twice, then wait",
    'the "blue" one, please', "gift; no price tag", "fragile", "call before delivery",
    "Straße 12, Hinterhof", 'size 42" or larger', "second attempt, first one failed", "urgent",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Column:
    """A column and its BigQuery type; `required` cells are never empty in a clean file."""

    name: str
    type: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """One Great Expectations expectation, checked by Waybill and by the script alike."""

    type: str
    column: str
    arguments: dict[str, Any]


ORDERS = (
    Column("order_id", "STRING", required=True),
    Column("order_date", "DATE", required=True),
    Column("created_at", "TIMESTAMP", required=True),
    Column("shop_id", "STRING", required=True),
    Column("sku", "STRING", required=True),
    Column("quantity", "INT64", required=True),
    Column("unit_price", "NUMERIC", required=True),
    Column("currency", "STRING", required=True),
    Column("status", "STRING", required=True),
    Column("notes", "STRING"),
)
ORDER_RULES = (
    Rule("expect_column_values_to_match_regex", "order_id", {"regex": "^[0-9]{10}$"}),
    Rule("expect_column_value_lengths_to_be_between", "sku", {"min_value": 3, "max_value": 20}),
    Rule("expect_column_values_to_be_between", "quantity", {"min_value": 1, "max_value": 1000}),
    Rule("expect_column_values_to_be_between", "unit_price", {"min_value": 0, "max_value": 9999}),
    Rule("expect_column_values_to_be_in_set", "currency", {"value_set": list(_CURRENCIES)}),
    Rule("expect_column_values_to_be_in_set", "status", {"value_set": list(_STATUSES)}),
)
WIDE = (
    Column("id", "STRING", required=True),
    Column("day", "DATE", required=True),
    *(Column(f"text_{index:02}", "STRING") for index in range(20)),
    *(Column(f"count_{index:02}", "INT64") for index in range(26)),
    *(Column(f"amount_{index:02}", "NUMERIC") for index in range(26)),
    *(Column(f"date_{index:02}", "DATE") for index in range(13)),
    *(Column(f"code_{index:02}", "STRING") for index in range(13)),
)
WIDE_RULES = (
    Rule("expect_column_values_to_match_regex", "id", {"regex": "^[0-9]{10}$"}),
    Rule("expect_column_value_lengths_to_be_between", "text_00", {"min_value": 3, "max_value": 40}),
    Rule("expect_column_values_to_be_between", "count_00", {"min_value": 0, "max_value": 100_000}),
    Rule("expect_column_values_to_be_between", "amount_00", {"min_value": 0, "max_value": 99_999}),
    Rule("expect_column_values_to_be_in_set", "code_00", {"value_set": list(_CURRENCIES)}),
    Rule("expect_column_values_to_be_in_set", "code_01", {"value_set": list(_CURRENCIES)}),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """`files` files of `rows` rows in all; `bad` is the share of cells that break a rule."""

    name: str
    title: str
    rows: int
    files: int = 1
    columns: tuple[Column, ...] = ORDERS
    rules: tuple[Rule, ...] = ORDER_RULES
    suffix: str = ".csv"
    bad: float = 0.0
    seed: int = 7

    @property
    def day(self) -> str:
        """The column by which the table is partitioned."""
        return "order_date" if self.columns is ORDERS else "day"

    @property
    def dirty_columns(self) -> tuple[str, ...]:
        """The columns in which bad cells are put."""
        return tuple(_WRONG)


@dataclass(frozen=True, slots=True)
class Made:
    """A shape's files on disk, their size in bytes, and the `(line, column)` of each bad cell."""

    shape: Shape
    paths: tuple[Path, ...]
    bytes: int
    bad_cells: frozenset[tuple[int, str]]


SHAPES = {
    shape.name: shape
    for shape in (
        Shape(name="tall", title="1M × 10", rows=1_000_000),
        Shape(name="huge", title="10M × 10", rows=10_000_000),
        Shape(name="wide", title="200k × 100", rows=200_000, columns=WIDE, rules=WIDE_RULES),
        Shape(name="hundred", title="100 files × 100", rows=10_000, files=100),
        Shape(name="thousand", title="1,000 files × 100", rows=100_000, files=1000),
        Shape(name="many", title="5,000 files × 20", rows=100_000, files=5000),
        Shape(name="crowd", title="20,000 files × 20", rows=400_000, files=20_000),
        Shape(name="dirty", title="1M × 10, 1% bad cells", rows=1_000_000, bad=0.01),
        Shape(name="gz", title="1M × 10, gz", rows=1_000_000, suffix=".csv.gz"),
        Shape(name="xlsx", title="200k × 10, xlsx", rows=200_000, suffix=".xlsx"),
    )
}
"""Every shape, by name."""


def scaled(shape: Shape, factor: float) -> Shape:
    """The shape with that share of its rows and files: for a quick look, not for figures."""
    rows, files = int(shape.rows * factor), max(1, int(shape.files * factor))
    title = f"{shape.title}, ÷ {1 / factor:g}"
    return replace(shape, name=f"{shape.name}_{rows}", title=title, rows=rows, files=files)


def warm_up(files: int = 8) -> Shape:
    """Small files of the orders' kind, by which every contender gets warm."""
    return Shape(name="warm", title="warm-up", rows=100 * files, files=files, seed=99)


def make(shape: Shape, cache: Path) -> Made:
    """The shape's files, from the cache if they are there."""
    folder = cache / f"{shape.name}-v{VERSION}"
    truth = folder / "truth.json"
    if not truth.is_file():
        part = folder.with_name(folder.name + ".part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        bad = _write_files(shape, part)
        (part / "truth.json").write_text(json.dumps(sorted(bad)))
        shutil.rmtree(folder, ignore_errors=True)
        part.rename(folder)
    paths = tuple(sorted(folder.glob(f"*{shape.suffix}")))
    bad_cells = frozenset((line, column) for line, column in json.loads(truth.read_text()))
    return Made(shape, paths, sum(path.stat().st_size for path in paths), bad_cells)


def _write_files(shape: Shape, folder: Path) -> list[tuple[int, str]]:
    """Write the shape's files; where its bad cells are."""
    if shape.suffix == ".xlsx":
        _write_workbook(shape, folder / "part-00000.xlsx")
        return []
    if shape.files == 1:
        plain = folder / "part-00000.csv"
        bad: list[tuple[int, str]] = []
        blocks = list(_blocks(shape, bad))
        _write_csv(blocks, plain)
        if shape.suffix == ".csv.gz":
            with plain.open("rb") as source, gzip.open(f"{plain}.gz", "wb", 6) as packed:
                shutil.copyfileobj(source, packed, 1024 * 1024)
            plain.unlink()
        return bad
    each = shape.rows // shape.files
    rows = pa.concat_tables(_blocks(shape, []))
    for index in range(shape.files):
        _write_csv([rows.slice(index * each, each)], folder / f"part-{index:05}.csv")
    return []


def _write_csv(blocks: list[pa.Table], path: Path) -> None:
    """Quote only the cells that need it, as most exporting programs do; Arrow quotes all."""
    if sum(block.num_rows for block in blocks) < 10_000:
        _write_small(blocks, path)
        return
    import duckdb

    rows = pa.concat_tables(blocks)
    with duckdb.connect() as connection:
        connection.register("rows", rows)
        target = str(path).replace("'", "''")
        connection.execute(f"COPY rows TO '{target}' (FORMAT csv, HEADER)")


def _write_small(blocks: list[pa.Table], path: Path) -> None:
    import csv

    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(blocks[0].column_names)
        for block in blocks:
            writer.writerows(zip(*(column.to_pylist() for column in block.columns), strict=True))


def _write_workbook(shape: Shape, path: Path) -> None:
    import xlsxwriter  # type: ignore[import-untyped]

    with xlsxwriter.Workbook(str(path), {"constant_memory": True}) as book:
        sheet = book.add_worksheet("orders")
        sheet.write_row(0, 0, [column.name for column in shape.columns])
        line = 1
        for block in _blocks(shape, []):
            for row in zip(*(column.to_pylist() for column in block.columns), strict=True):
                sheet.write_row(line, 0, row)
                line += 1


def _blocks(shape: Shape, bad: list[tuple[int, str]]) -> Iterator[pa.Table]:
    """The rows as text, a block at a time; the places of bad cells are added to `bad`."""
    for start in range(0, shape.rows, _BLOCK_ROWS):
        count = min(_BLOCK_ROWS, shape.rows - start)
        random = np.random.default_rng((shape.seed, start))
        made = _orders if shape.columns is ORDERS else _wide
        rows = made(start, count, random)
        if shape.bad:
            rows = _spoiled(rows, start, shape, random, bad)
        yield rows


def _orders(start: int, count: int, random: np.random.Generator) -> pa.Table:
    days = random.integers(0, _DAYS, count)
    seconds = random.integers(0, 86_400, count)
    cents = random.integers(1, 500_000, count)
    moments = (days * 86_400 + seconds + _epoch_days() * 86_400).astype("datetime64[s]")
    return pa.table(
        {
            "order_id": _digits(np.arange(start, start + count), 10),
            "order_date": _texts((days + _epoch_days()).astype("datetime64[D]")),
            "created_at": pc.binary_join_element_wise(_texts(moments), "Z", ""),
            "shop_id": _digits(random.integers(1, 400, count), 4),
            "sku": pc.binary_join_element_wise(
                "SKU", _digits(random.integers(0, 100_000, count), 6), "-"
            ),
            "quantity": pc.cast(pa.array(random.integers(1, 100, count)), pa.string()),
            "unit_price": _money(cents),
            "currency": _picked(_CURRENCIES, random, count),
            "status": _picked(_STATUSES, random, count),
            "notes": _picked(_NOTES, random, count),
        }
    )


def _wide(start: int, count: int, random: np.random.Generator) -> pa.Table:
    makers: dict[str, Callable[[], pa.Array]] = {
        "text": lambda: pc.binary_join_element_wise(
            "item", _digits(random.integers(0, 10**7, count), 8), " "
        ),
        "count": lambda: pc.cast(pa.array(random.integers(0, 100_000, count)), pa.string()),
        "amount": lambda: _money(random.integers(0, 10**6, count)),
        "date": lambda: _texts(_random_days(random, count)),
        "code": lambda: _picked(_CURRENCIES, random, count),
    }
    columns: dict[str, pa.Array] = {
        "id": _digits(np.arange(start, start + count), 10),
        "day": _texts(_random_days(random, count)),
    }
    for column in WIDE[2:]:
        columns[column.name] = makers[column.name.rpartition("_")[0]]()
    return pa.table(columns)


_WRONG = {
    "order_id": "12-34",
    "order_date": "2026-02-30",
    "created_at": "yesterday",
    "quantity": "-5",
    "unit_price": "n/a",
    "currency": "XXX",
    "status": "lost",
    "sku": "x",
}
"""A value for each column that some rule refuses: types, bounds, sets, lengths and patterns."""


def _spoiled(
    rows: pa.Table,
    start: int,
    shape: Shape,
    random: np.random.Generator,
    bad: list[tuple[int, str]],
) -> pa.Table:
    """The rows with `shape.bad` of all their cells made wrong."""
    each = int(rows.num_rows * rows.num_columns * shape.bad) // len(_WRONG)
    for name, wrong in _WRONG.items():
        at = random.choice(rows.num_rows, each, replace=False)
        mask = np.zeros(rows.num_rows, dtype=np.bool_)
        mask[at] = True
        index = rows.column_names.index(name)
        column = pc.if_else(pa.array(mask), wrong, rows.column(name).combine_chunks())
        rows = rows.set_column(index, name, column)
        bad += [(int(place) + start + 2, name) for place in np.sort(at)]
    return rows


def _epoch_days() -> int:
    return (date(2026, 10, 1) - date(1970, 1, 1)).days


def _random_days(random: np.random.Generator, count: int) -> npt.NDArray[np.datetime64]:
    return (random.integers(0, _DAYS, count) + _epoch_days()).astype("datetime64[D]")


def _texts(values: npt.NDArray[Any]) -> pa.Array:
    """Dates and moments in ISO 8601."""
    seconds = values.dtype == np.dtype("datetime64[s]")
    return pc.strftime(
        pa.array(values.astype("datetime64[s]")), format="%Y-%m-%dT%H:%M:%S" if seconds else "%F"
    )


def _digits(values: npt.NDArray[np.int64], width: int) -> pa.Array:
    return pc.utf8_lpad(pc.cast(pa.array(values), pa.string()), width, "0")


def _money(cents: npt.NDArray[np.int64]) -> pa.Array:
    whole, rest = np.divmod(cents, 100)
    return pc.binary_join_element_wise(pc.cast(pa.array(whole), pa.string()), _digits(rest, 2), ".")


def _picked(values: tuple[str | None, ...], random: np.random.Generator, count: int) -> pa.Array:
    return pa.array(values, pa.string()).take(pa.array(random.integers(0, len(values), count)))
