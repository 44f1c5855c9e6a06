"""What only BigQuery's warehouse promises: its tables, jobs, views and staging bucket."""

from __future__ import annotations

import json
import os
import urllib.request
import uuid
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from google.api_core.exceptions import Conflict
from google.cloud import bigquery
from pydantic import ValidationError

from bigquery_world import BigQueryWorld, bigquery_world
from connectors.bigquery import BigQueryConfig, BigQueryWarehouse, rejects
from connectors.bigquery.upload import upload
from connectors.objects.storage import ObjectStorage
from connectors.objects.store import StorageConfig
from schemas.batch import BatchKind, Committed, WriteMode
from schemas.contract import (
    Column,
    TimePartition,
    Type,
    View,
)
from schemas.errors import AttemptSpentError, FatalError
from schemas.file import Counts, File, Outcome, Status
from schemas.sla import ExpectedFile, FeedPromise
from warehouse_world import AMOUNT, EVERY_TYPE, ID, ORDERS, Folder, day, order


@pytest.fixture
def world(bigquery_url: str, tmp_path: Path) -> BigQueryWorld:
    return bigquery_world(bigquery_url, tmp_path)


def test_apply_makes_tables_views_and_logs(world: BigQueryWorld) -> None:
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


def test_safe_changes_are_named_and_made(world: BigQueryWorld) -> None:
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


def test_the_views_tell_of_a_batch(world: BigQueryWorld) -> None:
    batch, good, bad = world.partly_rejected()
    assert not world.warehouse.committed(batch.batch_id)
    first = world.warehouse.load(batch, ORDERS, WriteMode.APPEND)
    assert first == Committed(rows=2)
    assert world.warehouse.committed(batch.batch_id)
    assert world.warehouse.load(batch, ORDERS, WriteMode.APPEND) == first
    assert world.books_balance(ORDERS)
    assert world.views_balance()
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
    world: BigQueryWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.warehouse.apply([ORDERS], [])
    for most in (100, 0):  # in the transaction itself, and by a staging table
        monkeypatch.setattr(rejects, "_MAX_ROWS", most)
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


def test_the_views_tell_of_rejected_files(world: BigQueryWorld) -> None:
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


def test_a_load_job_that_was_started_before_is_taken_up_again(world: BigQueryWorld) -> None:
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
    assert world.views_balance()


def test_a_large_batch_is_sent_in_pieces_and_only_once(world: BigQueryWorld) -> None:
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


def test_a_spent_attempt_asks_for_the_next_one(world: BigQueryWorld) -> None:
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
    assert world.views_balance()


def test_a_batch_travels_through_the_staging_bucket(world: BigQueryWorld, gcs_url: str) -> None:
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


def test_analysts_see_which_tables_are_late(world: BigQueryWorld) -> None:
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
