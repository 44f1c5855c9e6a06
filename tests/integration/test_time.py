"""Put-backs, touches, restores and retention: what time does to files that are loaded already."""

from __future__ import annotations

import os
import shutil
import sqlite3
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import boto3
import pytest

from connectors.s3.source import S3Config, S3Source
from entrypoints.demo.servers import S3Endpoint
from one_feed import Row, World, a_world
from pipelines.operations.reconcile import disagreement, reconcile
from pipelines.operations.retention import clean
from pipelines.operations.run import run
from schemas.batch import WriteMode
from schemas.errors import FatalError
from schemas.file import Outcome, Status, file_id_of
from schemas.limits import Retention

START = datetime(2026, 11, 1, tzinfo=UTC)
DAY = date(2026, 11, 3)


def rows(*numbers: int) -> list[Row]:
    return [(f"k{number}", DAY, number) for number in numbers]


def numbers(world: World) -> list[int]:
    return sorted(n for _, _, n, *_ in world.table())


@pytest.fixture
def world(bigquery_url: str, request: pytest.FixtureRequest) -> Iterator[World]:
    mode = getattr(request, "param", WriteMode.APPEND)
    with a_world(bigquery_url, mode) as made:
        yield made


class Bucket:
    """A bucket without versions, and a world that reads it."""

    def __init__(self, endpoint: S3Endpoint) -> None:
        self.name = f"drop-{uuid.uuid4().hex[:10]}"
        keys = {"access_key": endpoint.access_key, "secret_key": endpoint.secret_key}
        self.config = S3Config.model_validate(
            {"bucket": self.name, "endpoint": endpoint.url, "region": endpoint.region, **keys}
        )
        self.client = boto3.client(
            "s3",
            endpoint_url=endpoint.url,
            region_name=endpoint.region,
            aws_access_key_id=endpoint.access_key,
            aws_secret_access_key=endpoint.secret_key,
        )
        self.client.create_bucket(Bucket=self.name)
        self.seconds = set[str]()

    def put(self, key: str, lines: list[Row]) -> None:
        """Put an object, in another second than the one before."""
        text = "\n".join(["k,day,n", *(f"{k},{day},{n}" for k, day, n in lines)]) + "\n"
        while True:
            self.client.put_object(Bucket=self.name, Key=key, Body=text.encode())
            at = str(self.client.head_object(Bucket=self.name, Key=key)["LastModified"])
            if at not in self.seconds:
                self.seconds.add(at)
                return

    def touch(self, key: str) -> None:
        """Copy an object over itself, as re-encryption or a lifecycle rule does."""
        body = self.client.get_object(Bucket=self.name, Key=key)["Body"].read()
        before = self.client.head_object(Bucket=self.name, Key=key)["LastModified"]
        while self.client.head_object(Bucket=self.name, Key=key)["LastModified"] == before:
            self.client.put_object(Bucket=self.name, Key=key, Body=body)

    def listed(self) -> set[str]:
        listed = self.client.list_objects_v2(Bucket=self.name)
        return {each["Key"] for each in listed.get("Contents", [])}


@pytest.fixture
def bucket(s3_endpoint: S3Endpoint) -> Bucket:
    return Bucket(s3_endpoint)


def test_an_object_put_back_replaces_what_came_between(bigquery_url: str, bucket: Bucket) -> None:
    with a_world(bigquery_url, WriteMode.APPEND, source=S3Source(bucket.config)) as world:
        for lines, expected in ((rows(1, 2), [1, 2]), (rows(3), [3]), (rows(1, 2), [1, 2])):
            bucket.put("a.csv", lines)
            world.run()
            assert numbers(world) == expected
        outcomes = [file.outcome for file in world.ledger.files.versions("stock", ["a.csv"])]
        assert outcomes == [Outcome.ACCEPTED] * 3
        receipts = world.ledger.timelines.of(world.newest("a.csv").file_id)
        assert receipts[-1].outcome == "told"


def test_a_touched_object_is_unchanged_moved_and_not_answered(
    bigquery_url: str, bucket: Bucket
) -> None:
    with a_world(bigquery_url, WriteMode.APPEND, source=S3Source(bucket.config)) as world:
        bucket.put("a.csv", rows(1, 2))
        world.run()
        told = {
            key: bucket.client.head_object(Bucket=bucket.name, Key=key)["LastModified"]
            for key in bucket.listed()
        }
        bucket.touch("a.csv")
        moving = S3Source(bucket.config.model_copy(update={"move_to": "done/"}))
        world.runtime = replace(world.runtime, sources={"drop": moving})
        world.run()
        file = world.newest("a.csv")
        assert (file.status, file.outcome) == (Status.DONE, Outcome.UNCHANGED)
        assert numbers(world) == [1, 2]
        assert "done/a.csv" in bucket.listed()
        assert "a.csv" not in bucket.listed()
        for key in told.keys() - {"a.csv"}:
            again = bucket.client.head_object(Bucket=bucket.name, Key=key)["LastModified"]
            assert again == told[key]


def known_by_etag(world: World, ids: set[str]) -> set[str]:
    """Turn the ledger to what it was while a version was the bare ETag; the files' ids then."""
    found = set()
    with sqlite3.connect(world.folder / "ledger.db") as ledger:
        for old in ids:
            query = "SELECT key, version FROM files WHERE file_id = ?"
            key, version = ledger.execute(query, (old,)).fetchone()
            etag = version.partition("@")[0]
            new = file_id_of("stock", key, etag)
            ledger.execute(
                "UPDATE files SET file_id = ?, version = ?, detail = '{}' WHERE file_id = ?",
                (new, etag, old),
            )
            for table in ("events", "contents"):
                ledger.execute(
                    f"UPDATE {table} SET file_id = ? WHERE file_id = ?",
                    (new, old),
                )
            ledger.execute("UPDATE files SET superseded_by = ? WHERE superseded_by = ?", (new, old))
            found.add(new)
    return found


def test_an_upgrade_reads_no_bucket_again(bigquery_url: str, bucket: Bucket) -> None:
    """Files known by their bare ETag keep their id; one put back since is news."""
    with a_world(bigquery_url, WriteMode.APPEND, source=S3Source(bucket.config)) as world:
        bucket.put("a.csv", rows(1))
        bucket.put("b.csv", rows(2))
        world.run()
        bucket.put("b.csv", rows(3))
        world.run()
        before = {file.file_id for file in world.ledger.files.latest()}
        before = known_by_etag(world, before)
        world.run()
        assert {file.file_id for file in world.ledger.files.latest()} == before
        versions = [world.newest(name).item.version for name in ("a.csv", "b.csv")]
        assert all("@" in each for each in versions), versions


def test_an_original_known_by_its_former_version_is_moved(
    bigquery_url: str, bucket: Bucket
) -> None:
    """Two feeds look at it, and both have seen it, whatever ids they know it by."""
    with a_world(bigquery_url, WriteMode.APPEND, source=S3Source(bucket.config)) as world:
        bucket.put("a.csv", rows(1))
        world.run()
        known_by_etag(world, {file.file_id for file in world.ledger.files.latest()})
        second = replace(world.runtime.feeds["stock"], name="second", on_new_version="append")
        feeds = {"stock": world.runtime.feeds["stock"], "second": second}
        moving = S3Source(bucket.config.model_copy(update={"move_to": "done/"}))
        world.runtime = replace(world.runtime, feeds=feeds, sources={"drop": moving})
        run(world.runtime, ["stock", "second"])
        assert "done/a.csv" in bucket.listed()


def test_an_upgrade_sees_what_was_put_back_before(bigquery_url: str, bucket: Bucket) -> None:
    with a_world(bigquery_url, WriteMode.APPEND, source=S3Source(bucket.config)) as world:
        for lines in (rows(2), rows(3)):
            bucket.put("b.csv", lines)
            world.run()
        with sqlite3.connect(world.folder / "ledger.db") as ledger:
            ledger.execute("UPDATE files SET version = substr(version, 1, instr(version, '@') - 1)")
        bucket.put("b.csv", rows(2))
        world.run()
        assert numbers(world) == [2]


def test_a_file_moved_back_into_a_folder_is_a_new_version(world: World) -> None:
    first = world.put("a.csv", START, rows(1, 2))
    world.run()
    kept = world.folder / "kept"
    shutil.copy2(world.drop / "a.csv", kept)
    world.put("a.csv", START + timedelta(minutes=1), rows(3))
    world.run()
    kept.rename(world.drop / "a.csv")
    world.run()
    assert numbers(world) == [1, 2]
    assert world.newest("a.csv").file_id != first


def test_other_rights_on_a_file_are_no_news(world: World) -> None:
    world.put("a.csv", START, rows(1))
    world.run()
    (world.drop / "a.csv").chmod(0o600)
    os.link(world.drop / "a.csv", world.folder / "backup")
    world.run()
    assert len(world.ledger.files.latest()) == 1
    os.utime(world.drop / "a.csv")
    world.run()
    assert world.newest("a.csv").outcome is Outcome.UNCHANGED


def test_bytes_put_back_before_the_version_between_is_loaded(world: World) -> None:
    world.put("a.csv", START, rows(1))
    world.run()
    world.put("a.csv", START + timedelta(minutes=1), rows(2))
    assert len(world.discover()) == 1
    world.put("a.csv", START + timedelta(minutes=2), rows(1))
    world.run()
    assert numbers(world) == [1]
    assert world.newest("a.csv").outcome is Outcome.ACCEPTED


@pytest.mark.parametrize("world", [WriteMode.MERGE, WriteMode.REPLACE_PARTITION], indirect=True)
def test_retention_leaves_what_may_come_back(world: World) -> None:
    """b.csv lies under a.csv: a new version of a.csv without its key brings the row back."""
    world.put("b.csv", START, [("k1", DAY, 1)])
    world.run()
    world.put("a.csv", START + timedelta(minutes=1), [("k1", DAY, 2)])
    world.run()
    everything = Retention(
        landing_days=1, staged_days=1, receipts_days=1, rejects_days=1, files_days=1
    )
    later = datetime.now(UTC) + timedelta(days=2)
    world.runtime = replace(world.runtime, retention=everything, now=lambda: later)
    while any(each.more for each in clean(world.runtime)):
        pass
    assert not list((world.folder / "storage" / "staged").rglob("*.parquet"))
    world.put("a.csv", START + timedelta(minutes=2), [("k2", date(2026, 11, 4), 3)])
    world.run()
    assert numbers(world) == [1, 3]


@pytest.mark.parametrize("world", [WriteMode.MERGE], indirect=True)
def test_a_load_refuses_where_rows_beneath_cannot_come_back(world: World) -> None:
    first = world.put("b.csv", START, [("k1", DAY, 1)])
    world.run()
    world.put("a.csv", START + timedelta(minutes=1), [("k1", DAY, 2)])
    world.run()
    shutil.rmtree(world.folder / "storage")
    world.put("a.csv", START + timedelta(minutes=2), [("k2", DAY, 3)])
    world.put("c.csv", START + timedelta(minutes=3), [("k3", DAY, 4)])
    world.run()
    assert numbers(world) == [2, 4]
    refused = world.newest("a.csv")
    assert refused.outcome is Outcome.QUARANTINED
    assert "b.csv" in (refused.reason or "")
    assert world.ledger.files.get(first).in_force
    world.ledger.files.retry(refused.file_id, may_lose=True)
    world.run()
    assert numbers(world) == [3, 4]


def test_bytes_are_remembered_longer_than_files(world: World) -> None:
    world.put("a.csv", START, rows(1))
    world.run()
    (world.drop / "a.csv").unlink()
    later = datetime.now(UTC) + timedelta(days=9)
    world.runtime = replace(world.runtime, retention=Retention(files_days=1), now=lambda: later)
    clean(world.runtime)
    world.put("other.csv", START + timedelta(minutes=1), rows(1))
    world.run()
    assert numbers(world) == [1]
    world.put("a.csv", START + timedelta(minutes=2), rows(2))
    world.run()
    # The copy under another name is current, too, and is loaded now that a.csv has other rows.
    assert numbers(world) == [1, 2]


def test_a_file_that_repeats_another_takes_its_own_old_rows_away(world: World) -> None:
    world.put("a.csv", START, rows(1))
    world.put("b.csv", START + timedelta(minutes=1), rows(2))
    world.run()
    world.put("b.csv", START + timedelta(minutes=2), rows(1))
    world.run()
    assert numbers(world) == [1]


@pytest.mark.parametrize("world", [WriteMode.MERGE], indirect=True)
def test_bytes_whose_rows_were_overwritten_since_are_loaded_again(world: World) -> None:
    world.put("tuesday.csv", START, [("k1", DAY, 1)])
    world.run()
    world.put("wednesday.csv", START + timedelta(minutes=1), [("k1", DAY, 2)])
    world.run()
    world.put("thursday.csv", START + timedelta(minutes=2), [("k1", DAY, 1)])
    world.run()
    assert numbers(world) == [1]
    assert world.newest("thursday.csv").outcome is Outcome.ACCEPTED
    world.put("friday.csv", START + timedelta(minutes=3), [("k1", DAY, 1)])
    world.run()
    assert world.newest("friday.csv").outcome is Outcome.REPEATED


def copy_of(world: World, name: str) -> Path:
    target = world.folder / name
    with sqlite3.connect(world.folder / "ledger.db") as ledger:
        ledger.execute("VACUUM INTO ?", (str(target),))
    return target


def restore(world: World, copy: Path) -> None:
    world.ledger.database.engine.dispose()
    for suffix in ("", "-wal", "-shm"):
        (world.folder / f"ledger.db{suffix}").unlink(missing_ok=True)
    shutil.copy(copy, world.folder / "ledger.db")


def test_a_restored_ledger_loads_nothing_twice(world: World) -> None:
    world.put("a.csv", START, rows(1))
    world.run()
    copy = copy_of(world, "older.db")
    for minute in (1, 2, 3):
        world.put(f"b{minute}.csv", START + timedelta(minutes=minute), rows(10 + minute))
        world.run()
    world.put("a.csv", START + timedelta(minutes=4), rows(2))
    world.run()
    expected = world.table()
    restore(world, copy)
    assert disagreement(world.runtime, "stock") is not None
    with pytest.raises(FatalError, match="restored"):
        world.run()
    assert world.table() == expected
    assert world.ledger.feeds.state("stock").stopped_at is not None
    dry = reconcile(world.runtime, "stock", dry_run=True)
    done = reconcile(world.runtime, "stock")
    assert (done.new, done.corrected, done.again, done.lost) == (
        dry.new, dry.corrected, dry.again, dry.lost,
    )  # fmt: skip
    assert disagreement(world.runtime, "stock") is None
    assert reconcile(world.runtime, "stock").agreed
    world.ledger.feeds.resume("stock")
    world.put("c.csv", START + timedelta(minutes=5), rows(7))
    world.run()
    assert numbers(world) == [2, 7, 11, 12, 13]
    world.put("b1.csv", START + timedelta(minutes=6), rows(8))
    world.run()
    assert numbers(world) == [2, 7, 8, 12, 13]


def test_a_lost_ledger_is_rebuilt(world: World) -> None:
    world.put("a.csv", START, rows(1))
    world.run()
    world.put("a.csv", START + timedelta(minutes=1), rows(2))
    world.run()
    gone = world.put("b.csv", START + timedelta(minutes=2), rows(3))
    world.run()
    world.unload(gone)
    (world.drop / "b.csv").unlink()
    expected = world.table()
    restore(world, copy_of(world, "any.db"))
    with sqlite3.connect(world.folder / "ledger.db") as ledger:
        for table in ("events", "contents", "files", "batches", "generations"):
            ledger.execute(f"DELETE FROM {table}")
    with pytest.raises(FatalError):
        world.run()
    reconcile(world.runtime, "stock")
    world.ledger.feeds.resume("stock")
    world.run()
    assert world.table() == expected
    world.books_balance()


def test_a_restored_warehouse_gets_back_what_it_lost(world: World) -> None:
    world.put("a.csv", START, rows(1))
    world.run()
    world.snapshot()
    world.put("b.csv", START + timedelta(minutes=1), rows(2))
    world.put("a.csv", START + timedelta(minutes=2), rows(5))
    world.run()
    world.restore_snapshot()
    assert numbers(world) == [1]
    world.put("c.csv", START + timedelta(minutes=3), rows(3))
    with pytest.raises(FatalError, match="restored"):
        world.run()
    assert numbers(world) == [1]
    done = reconcile(world.runtime, "stock")
    assert len(done.again) == 2
    world.ledger.feeds.resume("stock")
    world.run()
    assert numbers(world) == [2, 3, 5]


def test_two_services_by_mistake_refuse_each_other(world: World) -> None:
    world.put("a.csv", START, rows(1))
    world.run()
    theirs = copy_of(world, "theirs.db")
    world.put("b.csv", START + timedelta(minutes=1), rows(2))
    world.run()
    ours = copy_of(world, "ours.db")
    restore(world, theirs)
    world.put("c.csv", START + timedelta(minutes=2), rows(3))
    with pytest.raises(FatalError):
        world.run()
    restore(world, ours)
    world.run()
    assert numbers(world) == [1, 2, 3]
