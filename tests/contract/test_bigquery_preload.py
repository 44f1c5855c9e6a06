"""Parts of a large file that are loaded while it is prepared: whatever becomes of them, a batch
brings exactly the file's rows, once."""

from __future__ import annotations

import json
import time
import urllib.request
import uuid
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from google.cloud import bigquery

from bigquery_world import BigQueryWorld, bigquery_world
from connectors.bigquery import session
from connectors.bigquery.loader import Loader
from connectors.bigquery.preload import Preloads
from connectors.bigquery.warehouse import BigQueryWarehouse
from connectors.objects.storage import ObjectStorage
from connectors.objects.store import StorageConfig
from schemas import storage_keys
from schemas.batch import WriteMode
from schemas.errors import AttemptSpentError, RetryableError
from schemas.file import File
from strict_bigquery.control import StrictFront
from warehouse_world import ORDERS, Folder, order

_ROWS = 7
_KEYS = [(f"k{number}",) for number in range(_ROWS)]


@pytest.fixture
def world(bigquery_url: str, tmp_path: Path) -> BigQueryWorld:
    made = bigquery_world(bigquery_url, tmp_path)
    made.warehouse.apply([ORDERS], [])
    return made


def in_parts(world: BigQueryWorld, parts: int = 3) -> File:
    """A prepared file whose rows lie in several staged parts."""
    rows = [order(f"k{number}", 3, "1") for number in range(_ROWS)]
    file = world.file(ORDERS, rows, partitions=["2026-11-03"])
    file = replace(file, file_id=uuid.uuid4().hex[:16], owner=f"w/{uuid.uuid4().hex}")
    table = pq.read_table(world.folder / file.staged_keys[0])
    place = table.schema.get_field_index("_etl_file")
    table = table.set_column(place, "_etl_file", pa.array([file.file_id] * _ROWS, pa.string()))
    each, keys = -(-_ROWS // parts), []
    for number in range(parts):
        keys.append(storage_keys.of_part(file.staged_prefix, "rows", number, "0a"))
        path = world.folder / keys[-1]
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table.slice(number * each, each), path)
    return replace(file, staged_keys=tuple(keys))


def preload(world: BigQueryWorld, file: File, *groups: tuple[int, int]) -> None:
    """Load those parts of the file ahead, from one to another."""
    for start, end in groups:
        keys = file.staged_keys[start:end]
        rows = sum(pq.read_metadata(world.folder / key).num_rows for key in keys)
        assert warehouse(world).preload(file, ORDERS, keys, rows)


def warehouse(world: BigQueryWorld) -> BigQueryWarehouse:
    assert isinstance(world.warehouse, BigQueryWarehouse)
    return world.warehouse


def jobs(world: BigQueryWorld) -> list[str]:
    """The ids of all load jobs of this world."""
    return [
        job.job_id
        for job in world.client.list_jobs(max_results=200)
        if isinstance(job, bigquery.LoadJob)
        and job.destination.dataset_id == world.config.staging_dataset
    ]


def tables(world: BigQueryWorld) -> list[str]:
    return [each.table_id for each in world.client.list_tables(world.config.staging_dataset)]


def is_loaded_once(world: BigQueryWorld) -> None:
    found = world.sql("SELECT id FROM DATA.orders WHERE day > '2000-01-01' ORDER BY id")
    assert found == _KEYS
    assert world.books_balance(ORDERS)
    assert world.views_balance()
    assert tables(world) == []


@pytest.mark.parametrize("mode", list(WriteMode))
def test_the_batch_takes_the_rows_that_are_there_already(
    world: BigQueryWorld, mode: WriteMode
) -> None:
    file = in_parts(world)
    preload(world, file, (1, 3), (0, 1), (1, 3))
    assert len(jobs(world)) == 2
    assert warehouse(world).preloaded() == {tables(world)[0]: (file.file_id, 1)}
    assert world.load(ORDERS, mode, file).rows == _ROWS
    assert len(jobs(world)) == 2
    is_loaded_once(world)


def test_a_file_that_is_there_in_part_is_loaded_as_any_other(world: BigQueryWorld) -> None:
    file = in_parts(world)
    preload(world, file, (1, 3))
    assert world.load(ORDERS, WriteMode.MERGE, file).rows == _ROWS
    assert len(jobs(world)) == 2
    is_loaded_once(world)


def test_a_job_that_has_failed_counts_for_nothing(world: BigQueryWorld) -> None:
    file = in_parts(world)
    path = world.folder / file.staged_keys[1]
    good = pq.read_table(path)
    raw = pa.array([b"\xff\xfe\xff"] * good.num_rows, pa.binary()).view(pa.string())
    pq.write_table(good.set_column(0, pa.field("id", pa.string()), raw), path)
    preload(world, file, (0, 1), (1, 2), (2, 3))
    pq.write_table(good, path)
    assert world.load(ORDERS, WriteMode.MERGE, file).rows == _ROWS
    assert len(jobs(world)) == 4
    is_loaded_once(world)


@pytest.mark.parametrize("is_gone", [True, False])
def test_a_table_that_does_not_last_is_not_taken(world: BigQueryWorld, is_gone: bool) -> None:
    file = in_parts(world)
    preload(world, file, (0, 3))
    if is_gone:
        world.client.delete_table(_table(world))
    else:
        table = world.client.get_table(_table(world))
        table.expires = datetime.now(UTC) + timedelta(seconds=100)
        world.client.update_table(table, ["expires"])
    assert world.load(ORDERS, WriteMode.MERGE, file).rows == _ROWS
    assert len(jobs(world)) == 2
    is_loaded_once(world)


def _table(world: BigQueryWorld) -> str:
    (name,) = tables(world)
    return f"{world.config.staging_dataset}.{name}"


def test_parts_travel_through_the_staging_bucket(world: BigQueryWorld, gcs_url: str) -> None:
    bucket = f"stage-{uuid.uuid4().hex[:12]}"
    body = json.dumps({"name": bucket}).encode()
    request = urllib.request.Request(
        f"{gcs_url}/storage/v1/b", body, {"Content-Type": "application/json"}
    )
    urllib.request.urlopen(request).close()
    staging = StorageConfig(url=f"gs://{bucket}/batches", endpoint=gcs_url)
    config = world.config.model_copy(update={"staging_bucket": staging})
    world.warehouse = BigQueryWarehouse(config, Folder(world.folder))
    file = in_parts(world)
    preload(world, file, (0, 1), (1, 3))
    # The table, and an object for each job.
    assert set(warehouse(world).preloaded().values()) == {(file.file_id, 1)}
    assert len(warehouse(world).preloaded()) == 3
    assert world.load(ORDERS, WriteMode.MERGE, file).rows == _ROWS
    assert len(jobs(world)) == 2
    is_loaded_once(world)
    assert list(ObjectStorage(staging).list("")) == []


def test_a_batch_of_several_files_is_loaded_as_any_other(world: BigQueryWorld) -> None:
    file = in_parts(world)
    preload(world, file, (0, 3))
    other = world.file(ORDERS, [order("other", 3, "1")], partitions=["2026-11-03"])
    assert world.load(ORDERS, WriteMode.APPEND, file, other).rows == _ROWS + 1
    assert len(jobs(world)) == 2
    assert tables(world) == []


def test_another_attempt_at_the_file_knows_nothing_of_it(world: BigQueryWorld) -> None:
    """Nor does one of the same number, by another lease, after the ledger was restored."""
    file = in_parts(world)
    preload(world, file, (0, 3))
    folder = storage_keys.staged_by(file.feed, file.file_id, 1, "another")
    keys = []
    for key in file.staged_keys:
        keys.append(f"{folder}/{key.rpartition('/')[2]}")
        path = world.folder / keys[-1]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((world.folder / key).read_bytes())
    again = replace(file, owner="another", staged_keys=tuple(keys))
    assert world.load(ORDERS, WriteMode.MERGE, again).rows == _ROWS
    assert len(jobs(world)) == 2
    warehouse(world).forget_preloaded(file, ORDERS)
    is_loaded_once(world)


def test_rows_that_are_lost_from_the_table_are_noticed(world: BigQueryWorld) -> None:
    file = in_parts(world)
    preload(world, file, (0, 3))
    world.sql(f"DELETE FROM `{_table(world)}` WHERE id = 'k1'")
    batch = world.batch(ORDERS, file)
    with pytest.raises(AttemptSpentError):
        world.warehouse.load(batch, ORDERS, WriteMode.MERGE)
    done = world.warehouse.load(replace(batch, attempt=2), ORDERS, WriteMode.MERGE)
    assert done.rows == _ROWS
    is_loaded_once(world)


def test_what_is_not_wanted_is_taken_back(world: BigQueryWorld) -> None:
    file = in_parts(world)
    warehouse(world).forget_preloaded(file, ORDERS)
    preload(world, file, (0, 1), (1, 3))
    warehouse(world).forget_preloaded(file, ORDERS)
    assert tables(world) == []
    assert not warehouse(world).preload(file, ORDERS, ["staged/no/such/1-a/rows.parquet"], 1)


@pytest.mark.parametrize("first_adopts", [True, False])
def test_two_tries_of_a_batch_that_decide_differently_commit_once(
    world: BigQueryWorld,
    strict_front: StrictFront,
    monkeypatch: pytest.MonkeyPatch,
    first_adopts: bool,
) -> None:
    """The first try's transaction does not end, is given up as lost, and goes on at last."""
    monkeypatch.setattr(session, "STOP_SECONDS", 0.2)
    # The tables stay, so that only what the transactions do keeps them apart.
    monkeypatch.setattr(Loader, "drop", lambda *_: None)
    file = in_parts(world)
    preload(world, file, (0, 2), (2, 3))
    batch = world.batch(ORDERS, file)
    adopted = Preloads.adopted
    strict_front.hold(f"{batch.batch_id}_commit_1$")

    def tried(adopts: bool, **limits: float) -> int:
        monkeypatch.setattr(Preloads, "adopted", adopted if adopts else lambda *_: None)
        config = world.config.model_copy(update=limits)
        return (
            BigQueryWarehouse(config, Folder(world.folder))
            .load(batch, ORDERS, WriteMode.APPEND)
            .rows
        )

    with pytest.raises(RetryableError):
        tried(first_adopts, job_timeout=2, lost_seconds=600)
    for _ in range(20):
        with suppress(RetryableError):
            assert tried(not first_adopts, job_timeout=3, lost_seconds=0) == _ROWS
            break
    assert strict_front.let_go() == 1
    time.sleep(2)
    for name in tables(world):
        world.client.delete_table(f"{world.config.staging_dataset}.{name}")
    is_loaded_once(world)
