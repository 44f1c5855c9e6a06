"""Staged Parquet files put together: the same rows in the same order, however it is done."""

from __future__ import annotations

import io
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from connectors.objects.storage import ObjectStorage
from connectors.objects.store import StorageConfig
from connectors.parquet.merge import Part, concatenate
from connectors.parquet.row_groups import Joiner, MisfitError
from schemas.arrow import PARQUET
from schemas.errors import DataError

SCHEMA = pa.schema(
    [
        ("name", pa.string()),
        ("amount", pa.decimal128(12, 2)),
        ("huge", pa.decimal256(76, 38)),
        ("at", pa.timestamp("us", "UTC")),
        ("nothing", pa.int64()),
        ("price", pa.float64()),
        ("paid", pa.bool_()),
        ("_etl_file", pa.string()),
        ("_etl_row", pa.int64()),
    ]
)


def rows_of(count: int, seed: int) -> pa.Table:
    random = np.random.default_rng(seed)
    some = random.integers(0, 10**9, count)
    columns = [
        [None if value % 7 == 0 else f"n {value} ä" for value in some.tolist()],
        [Decimal(value) / 100 for value in some.tolist()],
        [Decimal(value) for value in some.tolist()],
        some * 1_000_000,
        [None] * count,
        [float("nan") if value % 11 == 0 else value / 3 for value in some.tolist()],
        some % 2 == 0,
        [f"file {seed}"] * count,
        range(count),
    ]
    arrays = [pa.array(each, kind) for each, kind in zip(columns, SCHEMA.types, strict=True)]
    return pa.table(arrays, schema=SCHEMA)


def write(table: pa.Table, path: Path, group: int = 20_000) -> Path:
    pq.write_table(table, path, row_group_size=group, **PARQUET)
    return path


def same(path: Path, tables: list[pa.Table]) -> bool:
    wanted = pa.concat_tables(tables)
    found = pq.read_table(path)
    # NaN equals nothing, so the bits are compared.
    bits = [table.column("price").cast(pa.float64()).to_numpy() for table in (found, wanted)]
    return bool(
        found.drop_columns(["price"]).equals(wanted.drop_columns(["price"]))
        and np.array_equal(bits[0], bits[1], equal_nan=True)
    )


def test_row_groups_are_copied_with_their_statistics(tmp_path: Path) -> None:
    tables = [rows_of(count, count) for count in (45_000, 20_000, 70_001)]
    paths = [write(table, tmp_path / f"{at}.parquet") for at, table in enumerate(tables)]
    target = tmp_path / "all.parquet"
    with Joiner(target, SCHEMA, good_bytes=1) as joiner:
        for path in paths:
            with path.open("rb") as stream:
                joiner.add(stream)
    assert joiner.rows == 135_001
    assert same(target, tables)
    metadata = pq.read_metadata(target)
    assert (metadata.num_rows, metadata.num_row_groups) == (135_001, 3 + 1 + 4)
    filtered = pq.read_table(target, filters=[("_etl_row", ">", 69_999)])
    assert filtered.column("_etl_row").to_pylist() == [70_000]


def test_files_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    good = rows_of(20_000, 1)
    small = write(rows_of(100, 2), tmp_path / "small.parquet")
    other = write(good.drop_columns(["_etl_file"]), tmp_path / "other.parquet")
    for path in (small, other):
        with (
            pytest.raises(MisfitError),
            Joiner(tmp_path / "x.parquet", SCHEMA) as joiner,
            path.open("rb") as stream,
        ):
            joiner.add(stream)
    for junk in (b"", b"PAR1", b"PAR1 and much text that is no Parquet PAR1"):
        with (
            pytest.raises((pa.ArrowInvalid, OSError)),
            Joiner(tmp_path / "x.parquet", SCHEMA) as joiner,
        ):
            joiner.add(io.BytesIO(junk))


@pytest.mark.parametrize("counts", [(30_000, 40_000), (30_000, 5), (5, 30_000), (5, 6), (7,)])
def test_parts_make_one_file_in_their_order(tmp_path: Path, counts: tuple[int, ...]) -> None:
    storage = ObjectStorage(StorageConfig(url=str(tmp_path / "storage")))
    tables = [rows_of(count, seed) for seed, count in enumerate(counts)]
    parts = []
    for at, table in enumerate(tables):
        key = f"rows-{at}.parquet"
        storage.put(key, write(table, tmp_path / key))
        parts.append(Part(key, f"file {at}"))
    target = tmp_path / "all.parquet"
    assert concatenate(storage, parts, SCHEMA, target) == sum(counts)
    assert same(target, tables)


def test_a_part_that_is_damaged_or_gone_is_named(tmp_path: Path) -> None:
    storage = ObjectStorage(StorageConfig(url=str(tmp_path / "storage")))
    good = write(rows_of(30_000, 1), tmp_path / "good.parquet")
    storage.put("good.parquet", good)
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(good.read_bytes()[:-100])
    storage.put("broken.parquet", broken)
    for key, said in (("broken.parquet", "is damaged"), ("gone.parquet", "is gone")):
        parts = [Part("good.parquet", "f"), Part(key, "f")]
        with pytest.raises(DataError, match=f"{key} {said}"):
            concatenate(storage, parts, SCHEMA, tmp_path / "all.parquet")
