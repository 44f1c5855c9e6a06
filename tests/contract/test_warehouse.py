"""What every warehouse promises, asked of BigQuery (its emulator)."""

from __future__ import annotations

import io
import json
import os
import shutil
import urllib.request
import uuid
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from google.api_core.exceptions import Conflict
from google.cloud import bigquery
from pydantic import ValidationError

from bigquery_emulator import client_of
from connectors.bigquery import BigQueryConfig, BigQueryWarehouse, rejects
from connectors.bigquery.upload import upload
from connectors.objects.storage import ObjectStorage
from connectors.objects.store import StorageConfig
from schemas.arrow import arrow_schema
from schemas.batch import Batch, BatchKind, Committed, Removal, WriteMode
from schemas.contract import (
    Column,
    Contract,
    Granularity,
    RangePartition,
    TimePartition,
    Type,
    View,
)
from schemas.errors import AttemptSpentError, ContractError, DataError, FatalError
from schemas.file import Counts, File, Outcome, Status
from schemas.item import Item
from schemas.sla import ExpectedFile, FeedPromise


@dataclass(frozen=True)
class Folder:
    """The storage protocol over a local folder."""

    root: Path

    def put(self, key: str, path: Path, *, is_final: bool = False) -> bool:
        target = self.root / key
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        return True

    def open(
        self, key: str, span: tuple[int, int] | None = None
    ) -> AbstractContextManager[BinaryIO]:
        if span is None:
            return (self.root / key).open("rb")
        return io.BytesIO((self.root / key).read_bytes()[slice(*span)])

    def exists(self, key: str) -> bool:
        return (self.root / key).exists()

    def list(self, prefix: str) -> Iterator[str]:
        yield from ()

    def delete(self, key: str) -> None:
        (self.root / key).unlink(missing_ok=True)

    def uri(self, key: str) -> str:
        return (self.root / key).as_uri()

    def check(self) -> str:
        return str(self.root)


@dataclass
class World:
    """A warehouse in datasets of its own, and files to load into it."""

    warehouse: BigQueryWarehouse
    client: bigquery.Client
    config: BigQueryConfig
    folder: Path
    made: int = field(default=0)

    def sql(self, query: str) -> list[tuple[Any, ...]]:
        text = query.replace("META", self.config.meta_dataset).replace("DATA", self.config.dataset)
        return [tuple(row.values()) for row in self.client.query(text, job_retry=None).result()]

    def file(
        self,
        contract: Contract,
        rows: Sequence[Sequence[object]] = (),
        *,
        partitions: Sequence[str] = (),
        rejects: Sequence[tuple[int, str]] = (),
        outcome: Outcome = Outcome.ACCEPTED,
        is_earlier: bool = False,
        **changes: Any,
    ) -> File:
        """A prepared file with those rows; lines count from 2. One that `is_earlier` was staged by
        a release that kept sentences alone."""
        self.made += 1
        file_id = f"file{self.made}"
        keys: tuple[str, ...] = ()
        if rows:
            keys = (f"staged/{file_id}.parquet",)
            self._write(keys[0], *self._rows(contract, rows, file_id))
        rejects_key = None
        if rejects:
            rejects_key = f"rejects/{file_id}.parquet"
            problem = {"line": 2, "column": "id", "value": "x", "rule": "type", "message": "no"}
            schema = pa.schema(
                [
                    ("member", pa.string()),
                    ("line", pa.int64()),
                    ("raw", pa.string()),
                    ("problems", pa.string()),
                    ("params", pa.string()),
                ]
            )
            lines: list[object] = [line for line, _ in rejects]
            raws: list[object] = [raw for _, raw in rejects]
            problems: list[object] = [json.dumps([problem])] * len(rejects)
            told = {"template": "{value} is not JSON", "values": {"value": '"x"'}}
            params: list[object] = [json.dumps([told])] * len(rejects)
            members: list[object] = [None] * len(rejects)
            columns = [members, lines, raws, problems, params]
            if is_earlier:
                columns, schema = columns[:-1], schema.remove(4)
            self._write(rejects_key, columns, schema)
        file = File(
            file_id=file_id,
            feed="orders",
            source="drop",
            item=Item(
                key=f"in/{file_id}.csv",
                version="v1",
                name=f"{file_id}'\"`\\.csv",
                sent_at=datetime(2026, 11, 3, tzinfo=UTC) + timedelta(minutes=self.made),
            ),
            status=Status.LOADING,
            outcome=outcome,
            attempt=1,
            sha256="00" * 32,
            staged_keys=keys,
            rejects_key=rejects_key,
            partitions=tuple(partitions),
            contract_version="1",
            counts=Counts(read=len(rows) + len(rejects), loaded=len(rows), rejected=len(rejects)),
        )
        return replace(file, **changes)

    def _rows(
        self, contract: Contract, rows: Sequence[Sequence[object]], file_id: str
    ) -> tuple[list[list[object]], pa.Schema]:
        schema = arrow_schema(contract.columns)
        schema = schema.append(pa.field("_etl_file", pa.string()))
        schema = schema.append(pa.field("_etl_row", pa.int64()))
        columns = [list(column) for column in zip(*rows, strict=True)]
        lines: list[object] = [*range(2, len(rows) + 2)]
        return [*columns, [file_id] * len(rows), lines], schema

    def _write(self, key: str, columns: Sequence[Sequence[object]], schema: pa.Schema) -> None:
        path = self.folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        arrays = [pa.array(each, kind) for each, kind in zip(columns, schema.types, strict=True)]
        pq.write_table(pa.table(arrays, schema=schema), path)

    def batch(self, contract: Contract, *files: File, attempt: int = 1) -> Batch:
        return Batch(
            batch_id=uuid.uuid4().hex[:16],
            feed="orders",
            table=self.warehouse.table_id(contract),
            files=files,
            attempt=attempt,
        )

    def load(self, contract: Contract, mode: WriteMode, *files: File) -> Committed:
        return self.warehouse.load(self.batch(contract, *files), contract, mode)

    def books_balance(self, contract: Contract) -> bool:
        """Whether rows loaded less rows removed are the rows that are there."""
        (there,) = [sum(each.rows for each in self.warehouse.partitions(contract))]
        ((by_file,),) = self.sql("SELECT IFNULL(SUM(rows_loaded), 0) FROM META.file_loads")
        ((by_batch,),) = self.sql("SELECT IFNULL(SUM(`rows`), 0) FROM META.batches")
        ((gone,),) = self.sql("SELECT IFNULL(SUM(`rows`), 0) FROM META.removals")
        return bool(there == by_file - gone == by_batch - gone)


@pytest.fixture
def world(bigquery_url: str, tmp_path: Path) -> World:
    name = f"t{uuid.uuid4().hex[:12]}"
    config = BigQueryConfig(
        project="demo",
        dataset=name,
        location="US",
        api_endpoint=bigquery_url,
        meta_dataset=f"{name}_meta",
        staging_dataset=f"{name}_staging",
        job_timeout=60,
    )
    client = client_of(bigquery_url)
    return World(BigQueryWarehouse(config, Folder(tmp_path)), client, config, tmp_path)


ID = Column(name="id", type=Type.STRING, required=True, description="Key.")
DAY = Column(name="day", type=Type.DATE)
AMOUNT = Column(name="amount", type=Type.NUMERIC, precision=10, scale=2)

ORDERS = Contract(
    name="orders",
    version="1",
    table="orders",
    description="Orders.",
    columns=(ID, DAY, AMOUNT),
    primary_key=("id",),
    partition=TimePartition(column="day", expiration_days=20_000),
    require_partition_filter=True,
    clustering=("id",),
    labels={"team": "sales"},
)

EVERY_TYPE = Contract(
    name="every",
    version="1",
    table="every",
    columns=tuple(Column(name=f"c_{each.lower()}", type=each) for each in Type),
)


def day(number: int) -> date:
    return date(2026, 11, number)


def order(key: str, number: int | None, amount: str) -> tuple[object, ...]:
    return key, day(number) if number else None, Decimal(amount)


def test_apply_creates_what_plan_lacks_and_then_plan_is_empty(world: World) -> None:
    view = View(
        dataset=None,
        name="daily",
        query=f"SELECT day, COUNT(*) AS n FROM `demo.{world.config.dataset}.orders`"
        " WHERE day >= '2000-01-01' GROUP BY day",
        description="Orders a day.",
    )
    planned = world.warehouse.plan([ORDERS, EVERY_TYPE], [view])
    assert all(change.safe for change in planned)
    assert {change.target.split(".", 1)[1] for change in planned} >= {
        world.config.dataset,
        f"{world.config.dataset}.orders",
        f"{world.config.dataset}.daily",
        f"{world.config.meta_dataset}.files",
        f"{world.config.meta_dataset}.loads",
        f"{world.config.meta_dataset}.feeds",
        f"{world.config.meta_dataset}.expected",
        f"{world.config.meta_dataset}.freshness",
    }
    assert not [
        row for row in world.client.list_datasets() if world.config.dataset in row.dataset_id
    ]
    assert world.warehouse.apply([ORDERS, EVERY_TYPE], [view]) == planned
    assert world.warehouse.plan([ORDERS, EVERY_TYPE], [view]) == []

    table = world.client.get_table(world.warehouse.table_id(ORDERS))
    assert [(each.name, each.mode) for each in table.schema] == [
        ("id", "REQUIRED"),
        ("day", "NULLABLE"),
        ("amount", "NULLABLE"),
        ("_etl_file", "REQUIRED"),
        ("_etl_row", "REQUIRED"),
        ("_etl_batch", "REQUIRED"),
        ("_etl_loaded_at", "REQUIRED"),
    ]
    assert table.schema[0].description == "Key."
    assert (table.schema[2].precision, table.schema[2].scale) == (10, 2)
    assert (table.time_partitioning.type_, table.time_partitioning.field) == ("DAY", "day")
    assert table.clustering_fields == ["id"]
    assert table.require_partition_filter
    assert table.labels == {"team": "sales"}
    assert table.to_api_repr()["tableConstraints"]["primaryKey"] == {"columns": ["id"]}
    world.load(
        ORDERS,
        WriteMode.APPEND,
        world.file(ORDERS, [order("a", 3, "1")], partitions=["2026-11-03"]),
    )
    assert world.sql("SELECT * FROM DATA.daily") == [(day(3), 1)]
    assert world.sql("SELECT `table`, batches, files, rows_kept FROM META.loads") == [
        (world.warehouse.table_id(ORDERS), 1, 1, 1)
    ]


def test_apply_makes_safe_changes_and_leaves_the_others_to_a_person(world: World) -> None:
    view = View(dataset=None, name="ones", query="SELECT 1 AS n")
    world.warehouse.apply([ORDERS], [view])
    changed = replace(
        ORDERS,
        columns=(
            replace(ID, description="Order number."),
            replace(AMOUNT, precision=12),
            Column(name="channel", type=Type.STRING, required=True),
        ),
        description="All orders.",
        partition=TimePartition(column="day", expiration_days=30_000),
        require_partition_filter=False,
        clustering=("amount",),
        labels={"team": "web"},
    )
    changes = world.warehouse.apply([changed], [replace(view, query="SELECT 2 AS n")])
    what = {change.what: change for change in changes}
    assert {text for text, change in what.items() if change.safe} == {
        "change the description",
        "set the labels team",
        "add column channel STRING",
        "change the description of column id",
        "keep partitions 30000 days",
        "no longer require a partition filter",
        "change the view's query",
    }
    assert {text for text, change in what.items() if not change.safe} == {
        "column day is not in the contract",
        "column amount is NUMERIC(10, 2), the contract says NUMERIC(12, 2)",
        "the table is clustered by id, the contract says amount",
    }
    assert all(change.todo for change in changes if not change.safe)
    assert what["add column channel STRING"].todo
    again = world.warehouse.plan([changed], [replace(view, query="SELECT 2 AS n")])
    assert [change.what for change in again if change.safe] == []
    assert "column channel is NULLABLE, the contract says REQUIRED" in {c.what for c in again}
    names = [each.name for each in world.client.get_table(world.warehouse.table_id(ORDERS)).schema]
    assert names[:3] == ["id", "day", "amount"]
    assert names[-1] == "channel"
    assert world.sql("SELECT n FROM DATA.ones") == [(2,)]


def test_every_type_arrives_as_it_was_staged(world: World) -> None:
    world.warehouse.apply([EVERY_TYPE], [])
    moment = datetime(2026, 11, 3, 14, 15, 16, 123456)
    values: dict[Type, object] = {
        Type.INT64: -(2**63),
        Type.FLOAT64: 0.1,
        Type.NUMERIC: Decimal("12345678901234567890123456789.123456789"),
        # The emulator keeps 18 digits after the point.
        Type.BIGNUMERIC: Decimal("12345678901234567890.123456789012345678"),
        Type.BOOL: True,
        Type.STRING: '007 "quoted", `ticked`\nsecond line é 😀',
        Type.DATE: moment.date(),
        Type.DATETIME: moment,
        Type.TIME: time(14, 15, 16, 123456),
        Type.TIMESTAMP: moment.replace(tzinfo=UTC),
        Type.JSON: '{"a": [1, null, "é"]}',
        Type.BYTES: "AP9h",
    }
    empty = [None] * len(Type)
    file = world.file(EVERY_TYPE, [[values[each] for each in Type], empty])
    batch = world.batch(EVERY_TYPE, file)
    assert world.warehouse.load(batch, EVERY_TYPE, WriteMode.APPEND) == Committed(rows=2)
    columns = ", ".join(f"c_{each.lower()}" for each in Type)
    first, second = world.sql(f"SELECT {columns} FROM DATA.every ORDER BY _etl_row")
    expected = values | {Type.JSON: {"a": [1, None, "é"]}, Type.BYTES: b"\x00\xffa"}
    assert dict(zip(Type, first, strict=True)) == expected
    assert list(second) == empty
    lineage = world.sql("SELECT _etl_file, _etl_row, _etl_batch FROM DATA.every ORDER BY _etl_row")
    assert lineage == [(file.file_id, 2, batch.batch_id), (file.file_id, 3, batch.batch_id)]


def test_a_batch_is_committed_once_with_its_books(world: World) -> None:
    world.warehouse.apply([ORDERS], [])
    good = world.file(
        ORDERS,
        [order("a", 3, "1.50"), order("b", 4, "2.50")],
        partitions=["2026-11-03", "2026-11-04"],
        rejects=[(4, "c,x,y'\"")],
        outcome=Outcome.PARTLY,
    )
    bad = world.file(
        ORDERS, rejects=[(2, "q")], outcome=Outcome.QUARANTINED, reason="it's all wrong"
    )
    batch = world.batch(ORDERS, good, bad)
    assert not world.warehouse.committed(batch.batch_id)
    first = world.warehouse.load(batch, ORDERS, WriteMode.APPEND)
    assert first == Committed(rows=2)
    assert world.warehouse.committed(batch.batch_id)
    assert world.warehouse.load(batch, ORDERS, WriteMode.APPEND) == first
    assert world.books_balance(ORDERS)
    assert world.sql(
        "SELECT file_id, name, outcome, rows_read, rows_loaded, rows_rejected, partitions, reason"
        " FROM META.files ORDER BY file_id"
    ) == [
        (good.file_id, good.item.name, "partly", 3, 2, 1, list(good.partitions), None),
        (bad.file_id, bad.item.name, "quarantined", 1, 0, 1, [], "it's all wrong"),
    ]
    assert world.sql("SELECT sent_at, batch_id FROM META.files ORDER BY file_id") == [
        (good.item.sent_at, batch.batch_id),
        (bad.item.sent_at, batch.batch_id),
    ]
    rejected = world.sql("SELECT file_id, line, raw, problems FROM META.rejected_rows ORDER BY 1")
    assert [row[:3] for row in rejected] == [
        (good.file_id, 4, "c,x,y'\""),
        (bad.file_id, 2, "q"),
    ]
    assert rejected[0][3][0]["rule"] == "type"
    told = world.sql("SELECT JSON_VALUE(params[0].`values`.value) FROM META.rejected_rows")
    assert told == [('"x"',), ('"x"',)]
    assert world.sql("SELECT batch_id, `table`, files, `rows` FROM META.batches") == [
        (batch.batch_id, batch.table, 2, 2)
    ]
    assert list(world.client.list_tables(world.config.staging_dataset)) == []


def test_rejected_rows_that_an_earlier_release_staged_are_written_too(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.warehouse.apply([ORDERS], [])
    for most in (100, 0):  # in the transaction itself, and by a staging table
        monkeypatch.setattr(rejects, "_MOST_ROWS", most)
        old, new = (
            world.file(
                ORDERS,
                rejects=[(2, "q")],
                outcome=Outcome.QUARANTINED,
                counts=Counts(read=1, rejected=1),
                is_earlier=is_earlier,
            )
            for is_earlier in (True, False)
        )
        batch = world.batch(ORDERS, old, new)
        world.warehouse.load(batch, ORDERS, WriteMode.APPEND)
        found = world.sql(
            "SELECT r.file_id, JSON_VALUE(r.problems[0].message),"
            " JSON_VALUE(r.params[0].template) FROM META.rejected_rows AS r"
            f" WHERE r.batch_id = '{batch.batch_id}' ORDER BY 1"
        )
        assert found == [(old.file_id, "no", None), (new.file_id, "no", "{value} is not JSON")]


def test_a_batch_of_rejected_files_only_leaves_its_books(world: World) -> None:
    world.warehouse.apply([ORDERS], [])
    bad = world.file(
        ORDERS,
        rejects=[(2, "q")],
        outcome=Outcome.QUARANTINED,
        counts=Counts(read=9, rejected=9),  # more than it has rejects to show
    )
    twin = world.file(ORDERS, outcome=Outcome.REPEATED, repeats="file1")
    assert world.load(ORDERS, WriteMode.MERGE, bad, twin) == Committed(rows=0)
    assert world.sql("SELECT outcome, repeats FROM META.files ORDER BY file_id") == [
        ("quarantined", None),
        ("repeated", "file1"),
    ]
    assert world.sql("SELECT COUNT(*) FROM META.rejected_rows") == [(1,)]


@pytest.mark.parametrize("keys", [("id",), ("id", "day")])
def test_merge_keeps_the_last_row_of_a_key(world: World, keys: tuple[str, ...]) -> None:
    contract = replace(ORDERS, primary_key=keys)
    world.warehouse.apply([contract], [])
    moved = 4 if keys == ("id",) else 3
    old = world.file(
        contract,
        [order("a", 3, "1"), order("b", 3, "1"), order("c", 9, "1"), order("n", None, "1")],
        partitions=["2026-11-03", "2026-11-09", "null"],
    )
    world.load(contract, WriteMode.MERGE, old)
    one = world.file(contract, [order("a", 3, "2"), order("a", 3, "3")], partitions=["2026-11-03"])
    two = world.file(
        contract,
        [order("a", 3, "4"), order("b", moved, "4"), order("d", 5, "4"), order("n", None, "4")],
        partitions=["2026-11-03", "2026-11-04", "2026-11-05", "null"],
    )
    done = world.load(contract, WriteMode.MERGE, one, two)
    kept = world.sql(
        "SELECT id, day, amount, _etl_file FROM DATA.orders"
        " WHERE day IS NULL OR day > '2000-01-01' ORDER BY id, amount"
    )
    expected = [
        ("a", day(3), Decimal(4), two.file_id),
        ("b", day(moved), Decimal(4), two.file_id),
        ("c", day(9), Decimal(1), old.file_id),
        ("d", day(5), Decimal(4), two.file_id),
        ("n", None, Decimal(4), two.file_id),
    ]
    replaced_old = 3
    if keys == ("id", "day"):  # a key with a NULL in it matches nothing
        expected.insert(4, ("n", None, Decimal(1), old.file_id))
        replaced_old = 2
    assert kept == expected
    removed = {each.file_id: each.rows for each in done.removals}
    assert removed == {old.file_id: replaced_old, one.file_id: 2}
    assert done.rows == 6
    assert world.books_balance(contract)


PARTITIONED: list[tuple[TimePartition | RangePartition, Type, list[object], list[str]]] = [
    (
        TimePartition(column="at", granularity=Granularity.HOUR),
        Type.TIMESTAMP,
        [
            datetime(2026, 11, 3, 14, 59, 59, 999999, tzinfo=UTC),
            datetime(2026, 11, 3, 15, 0, tzinfo=UTC),
            datetime(2026, 11, 3, 13, 0, tzinfo=UTC),
        ],
        ["2026-11-03T14:00:00", "2026-11-03T15:00:00", "2026-11-03T13:00:00"],
    ),
    (
        TimePartition(column="at", granularity=Granularity.YEAR),
        Type.DATETIME,
        [datetime(2026, 12, 31, 23, 59), datetime(2027, 1, 1), datetime(9999, 1, 1)],
        ["2026-01-01", "2027-01-01", "9999-01-01"],
    ),
    (
        TimePartition(column="at", granularity=Granularity.MONTH),
        Type.DATE,
        [date(2026, 12, 31), date(2027, 1, 1), None],
        ["2026-12-01", "2027-01-01", "null"],
    ),
    (
        RangePartition(column="at", start=-5, end=100, interval=10),
        Type.INT64,
        [4, 5, -1],
        ["-5", "5", "-5"],
    ),
]


@pytest.mark.parametrize(("partition", "kind", "values", "names"), PARTITIONED)
def test_replace_partition_replaces_only_the_partitions_of_its_files(
    world: World,
    partition: TimePartition | RangePartition,
    kind: Type,
    values: list[object],
    names: list[str],
) -> None:
    contract = Contract(
        name="stock",
        version="1",
        table="stock",
        columns=(Column(name="at", type=kind), Column(name="n", type=Type.INT64)),
        partition=partition,
        # The emulator looks for a filter on _PARTITIONTIME when partitions are ranges.
        require_partition_filter=isinstance(partition, TimePartition),
    )
    mode = WriteMode.REPLACE_PARTITION
    world.warehouse.apply([contract], [])
    assert world.warehouse.plan([contract], []) == []
    a, b, c = values
    same = names[2] == names[0]
    old = world.file(contract, [(a, 1), (b, 1), (c, 1)], partitions=sorted(set(names)))
    world.load(contract, mode, old)
    before = {each.partition: each.rows for each in world.warehouse.partitions(contract)}
    assert before == {name: names.count(name) for name in names}
    early = world.file(contract, [(a, 2), (a, 2), (c, 2)], partitions=sorted({names[0], names[2]}))
    late = world.file(contract, [(a, 3)], partitions=[names[0]])
    done = world.load(contract, mode, early, late)
    left = {3: 1, 1: 1} if same else {3: 1, 2: 1, 1: 1}
    counts: dict[object, int] = {}
    for each in world.warehouse.partitions(contract):
        counts[each.partition] = each.rows
    assert counts == dict.fromkeys(names, 1)
    query = "SELECT n, COUNT(*) FROM DATA.stock WHERE `at` IS NULL OR `at` > {} GROUP BY n"
    least = "-100" if kind is Type.INT64 else f"{kind} '2000-01-01'"
    assert dict(world.sql(query.format(least))) == left
    assert set(done.removals) == {
        Removal(file_id=old.file_id, rows=2),
        Removal(file_id=early.file_id, rows=3 if same else 2),
    }
    assert world.books_balance(contract)


def test_partitions_come_newest_first(world: World) -> None:
    world.warehouse.apply([ORDERS], [])
    rows = [order("a", 3, "1"), order("b", 5, "1"), order("c", None, "1"), order("d", 5, "1")]
    partitions = ["2026-11-03", "2026-11-05", "null"]
    world.load(ORDERS, WriteMode.APPEND, world.file(ORDERS, rows, partitions=partitions))
    counted = [(each.partition, each.rows) for each in world.warehouse.partitions(ORDERS)]
    assert counted == [("2026-11-05", 2), ("2026-11-03", 1), ("null", 1)]


def test_a_replayed_file_takes_the_place_of_its_own_rows(world: World) -> None:
    world.warehouse.apply([ORDERS], [])
    file = world.file(
        ORDERS, [order("a", 3, "1"), order("b", 4, "1")], partitions=["2026-11-03", "2026-11-04"]
    )
    world.load(ORDERS, WriteMode.APPEND, file)
    done = world.load(ORDERS, WriteMode.APPEND, replace(file, attempt=3, in_force=True))
    assert done == Committed(rows=2, removals=(Removal(file_id=file.file_id, rows=2),))
    assert world.books_balance(ORDERS)


def test_a_refused_row_leaves_nothing_behind(world: World) -> None:
    world.warehouse.apply([ORDERS], [])
    bad = world.file(ORDERS, [order("a", 3, "1"), (None, day(3), None)], partitions=["2026-11-03"])
    batch = world.batch(ORDERS, bad)
    with pytest.raises(DataError):
        world.warehouse.load(batch, ORDERS, WriteMode.MERGE)
    assert not world.warehouse.committed(batch.batch_id)
    assert sum(each.rows for each in world.warehouse.partitions(ORDERS)) == 0
    for table in ("files", "batches", "removals"):
        assert world.sql(f"SELECT COUNT(*) FROM META.{table}") == [(0,)]


def test_a_load_job_that_was_started_before_is_taken_up_again(world: World) -> None:
    world.warehouse.apply([ORDERS], [])
    file = world.file(ORDERS, [order("a", 3, "1")], partitions=["2026-11-03"])
    batch = world.batch(ORDERS, file)
    # The transaction fails for want of a table, after the load job has run.
    world.client.delete_table(f"{world.config.meta_dataset}.commits")
    with pytest.raises(FatalError) as failure:
        world.warehouse.load(batch, ORDERS, WriteMode.APPEND)
    assert "waybill apply" in (failure.value.hint or "")
    world.warehouse.apply([ORDERS], [])
    (world.folder / file.staged_keys[0]).unlink()
    assert world.warehouse.load(batch, ORDERS, WriteMode.APPEND) == Committed(rows=1)
    assert world.books_balance(ORDERS)


def test_a_large_batch_is_sent_in_pieces_and_only_once(world: World) -> None:
    world.warehouse.apply([ORDERS], [])
    rows = [order(os.urandom(250_000).hex(), 3, "1") for _ in range(40)]
    file = world.file(ORDERS, rows, partitions=["2026-11-03"])
    assert (world.folder / file.staged_keys[0]).stat().st_size > 16 * 1024 * 1024
    assert world.load(ORDERS, WriteMode.APPEND, file) == Committed(rows=40)
    assert {(key,) for key, *_ in rows} == set(
        world.sql(f"SELECT id FROM DATA.orders WHERE day = '{day(3)}'")
    )
    target = f"demo.{world.config.staging_dataset}.again"
    settings = bigquery.LoadJobConfig(source_format=bigquery.SourceFormat.PARQUET)
    sent = (world.client, world.config, world.folder / file.staged_keys[0], "one", target, settings)
    job = upload(*sent)
    job.result()
    assert job.output_rows == 40
    with pytest.raises(Conflict):
        upload(*sent)


def test_a_spent_attempt_asks_for_the_next_one(world: World) -> None:
    world.warehouse.apply([ORDERS], [])
    file = world.file(ORDERS, [order("a", 3, "1")], partitions=["2026-11-03"])
    batch = world.batch(ORDERS, file)
    world.client.delete_table(f"{world.config.meta_dataset}.commits")
    with pytest.raises(FatalError):
        world.warehouse.load(batch, ORDERS, WriteMode.APPEND)
    world.warehouse.apply([ORDERS], [])
    staging = f"{world.config.staging_dataset}.orders_{batch.batch_id}_1"
    world.sql(f"DELETE FROM `{staging}` WHERE TRUE")
    with pytest.raises(AttemptSpentError):
        world.warehouse.load(batch, ORDERS, WriteMode.APPEND)
    world.client.delete_table(staging)
    with pytest.raises(AttemptSpentError):
        world.warehouse.load(batch, ORDERS, WriteMode.APPEND)
    done = world.warehouse.load(replace(batch, attempt=2), ORDERS, WriteMode.APPEND)
    assert done == Committed(rows=1)
    assert world.books_balance(ORDERS)


def test_a_missing_table_names_the_remedy(world: World) -> None:
    file = world.file(ORDERS, [order("a", 3, "1")], partitions=["2026-11-03"])
    with pytest.raises(FatalError) as failure:
        world.load(ORDERS, WriteMode.APPEND, file)
    assert "waybill apply" in (failure.value.hint or "")


def test_a_mode_that_the_table_cannot_have_is_refused(world: World) -> None:
    plain = replace(ORDERS, primary_key=(), partition=None)
    with pytest.raises(ContractError):
        world.load(plain, WriteMode.MERGE, world.file(plain))
    with pytest.raises(ContractError):
        world.load(plain, WriteMode.REPLACE_PARTITION, world.file(plain))


def test_check_says_where(world: World) -> None:
    assert "demo" in world.warehouse.check()


def test_a_batch_travels_through_the_staging_bucket(world: World, gcs_url: str) -> None:
    bucket = f"stage-{uuid.uuid4().hex[:12]}"
    body = json.dumps({"name": bucket}).encode()
    request = urllib.request.Request(
        f"{gcs_url}/storage/v1/b", body, {"Content-Type": "application/json"}
    )
    urllib.request.urlopen(request).close()
    staging = StorageConfig(url=f"gs://{bucket}/batches", endpoint=gcs_url)
    config = world.config.model_copy(update={"staging_bucket": staging})
    warehouse = BigQueryWarehouse(config, Folder(world.folder))
    warehouse.apply([ORDERS], [])
    file = world.file(
        ORDERS,
        [("a", date(2026, 11, 1), Decimal("1.50")), ("b", date(2026, 11, 2), Decimal("2.00"))],
        partitions=["2026-11-01", "2026-11-02"],
        rejects=[(9, "c,x,1")],
    )
    done = warehouse.load(world.batch(ORDERS, file), ORDERS, WriteMode.MERGE)
    assert done == Committed(rows=2)
    found = world.sql("SELECT id FROM DATA.orders WHERE day > '2026-01-01' ORDER BY id")
    assert found == [("a",), ("b",)]
    assert world.sql("SELECT line FROM META.rejected_rows") == [(9,)]
    jobs = [job for job in world.client.list_jobs(max_results=20) if job.job_type == "load"]
    assert any(uri.startswith(f"gs://{bucket}/batches/") for uri in jobs[0].source_uris or ())
    assert list(ObjectStorage(staging).list("")) == []
    assert f"gs://{bucket}" in warehouse.check()


def test_a_staging_bucket_elsewhere_than_at_google_is_refused() -> None:
    with pytest.raises(ValidationError, match="gs://"):
        BigQueryConfig(project="demo", staging_bucket=StorageConfig(url="s3://bucket"))


def test_analysts_see_which_tables_are_late(world: World) -> None:
    world.warehouse.apply([ORDERS, EVERY_TYPE], [])
    now = datetime.now(UTC)
    hour = timedelta(hours=1)
    names = ("orders", "calendar", "never", "silent")
    table = world.warehouse.table_id(ORDERS)
    ages = {"orders": 2 * hour, "never": 24 * hour}
    watched = [
        FeedPromise(feed=name, table=table, since=now - 10 * hour, max_age=ages.get(name))
        for name in names
    ]
    at = now - 5 * hour
    expected = [
        ExpectedFile(
            feed="calendar",
            expected_at=at + day * 24 * hour,
            counts_from=at + (day * 24 - 12) * hour,
            late_at=at + (day * 24 + 1) * hour,
        )
        for day in range(3)
    ]
    ask = (
        "SELECT feed, `table`, latest_partition, last_load IS NOT NULL, last_sent, expected_at,"
        " late_at, late FROM META.freshness ORDER BY feed"
    )
    assert world.sql(ask) == []
    for _ in range(2):
        world.warehouse.publish(watched, expected)
    assert {feed: late for feed, *_, late in world.sql(ask)} == {
        "calendar": True, "never": False, "orders": True, "silent": None,
    }  # fmt: skip

    def sent(ago: timedelta, partition: str, **facts: Any) -> File:
        file = world.file(ORDERS, [order("a", 3, "1")], partitions=[partition], **facts)
        return replace(file, item=replace(file.item, sent_at=now - ago))

    newest, old = sent(hour, "2026-11-03"), sent(9 * hour, "2026-11-01")
    future = sent(-100 * hour, "null")
    world.load(ORDERS, WriteMode.APPEND, old, newest)
    world.load(ORDERS, WriteMode.APPEND, future)
    seen = {row[0]: row[1:] for row in world.sql(ask)}
    due = now + hour
    assert seen["orders"] == (table, "2026-11-03", True, now - hour, due, due, False)
    assert seen["silent"] == (table, None, False, None, None, None, None)
    assert seen["calendar"][4:] == (at, at + hour, True)
    # The newest file is taken out again: the one before it is too old.
    batch = replace(
        world.batch(ORDERS), files=(replace(newest, status=Status.UNLOADING),),
        kind=BatchKind.UNLOAD,
    )  # fmt: skip
    world.warehouse.load(batch, ORDERS, WriteMode.APPEND)
    seen = {row[0]: row[1:] for row in world.sql(ask)}
    assert seen["orders"][1] == "2026-11-01"
    assert seen["orders"][3:] == (now - 9 * hour, now - 7 * hour, now - 7 * hour, True)
