"""What becomes of a file that is sent again: same bytes, other bytes, too late, overwritten."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import boto3
import pytest

from connectors.s3.client import S3Config
from connectors.s3.source import S3Source
from entrypoints.demo.servers import S3Endpoint
from one_feed import STOCK, Row, World, a_world
from pipelines.discover.step import discover
from pipelines.operations.run import drain
from pipelines.prepare.step import prepare
from schemas.batch import WriteMode
from schemas.contract import Expectation
from schemas.file import Outcome, Status
from taking_in import found

START = datetime(2026, 11, 1, tzinfo=UTC)
DAY = date(2026, 11, 3)


def at(minute: int) -> datetime:
    return START + timedelta(minutes=minute)


def rows(*numbers: int) -> list[Row]:
    return [(f"k{number}", DAY, number) for number in numbers]


def numbers(world: World) -> list[int]:
    return sorted(n for _, _, n, *_ in world.table())


def removals(world: World) -> list[tuple[Any, ...]]:
    return world.sql("SELECT file_id, `rows`, reason FROM META.removals ORDER BY `at`, file_id")


@pytest.fixture
def world(bigquery_url: str, request: pytest.FixtureRequest) -> Iterator[World]:
    with a_world(bigquery_url, WriteMode.APPEND, **getattr(request, "param", {})) as made:
        yield made


def test_a_new_version_replaces_the_old_one_and_a_late_one_does_nothing(world: World) -> None:
    first = world.put("a.csv", at(1), rows(1, 2))
    copy = world.put("copy.csv", at(2), rows(1, 2))
    world.run()
    assert world.ledger.files.get(copy).repeats == first
    assert numbers(world) == [1, 2]
    second = world.put("a.csv", at(3), rows(2, 3))
    world.run()
    # The copy is current under its own name, and its bytes are not in the table any more.
    assert world.ledger.files.get(copy).outcome is Outcome.ACCEPTED
    assert numbers(world) == [1, 2, 2, 3]
    assert removals(world) == [(first, 2, "superseded")]
    assert world.ledger.files.get(first).superseded_by == second
    late = world.put("a.csv", at(2), rows(9))
    world.run()
    file = world.ledger.files.get(late)
    assert (file.status, file.outcome) == (Status.DONE, Outcome.SUPERSEDED)
    assert (file.counts.read, file.counts.loaded, file.counts.dropped) == (1, 0, 1)
    assert numbers(world) == [1, 2, 2, 3]
    receipts = {
        path.name: json.loads(path.read_text()) for path in world.drop.glob("a.csv*.receipt.json")
    }
    assert receipts["a.csv.receipt.json"]["file_id"] == second
    told = receipts[f"a.csv.{late[:8]}.receipt.json"]
    assert told["outcome"] == "superseded"
    assert "is newer and is loaded already" in told["reason"]
    # The same bytes as the superseded first version: they are loaded, for they are not there.
    third = world.put("a.csv", at(4), rows(1, 5))
    world.run()
    world.put("a.csv", at(5), rows(2, 3))
    world.run()
    assert world.newest("a.csv").outcome is Outcome.ACCEPTED
    assert world.ledger.files.get(third).superseded_by == world.newest("a.csv").file_id
    assert numbers(world) == [1, 2, 2, 3]
    world.books_balance()


def test_bytes_of_an_unloaded_file_may_come_again(world: World) -> None:
    first = world.put("a.csv", at(1), rows(1, 2))
    world.run()
    world.unload(first)
    assert numbers(world) == []
    again = world.put("b.csv", at(2), rows(1, 2))
    world.run()
    assert world.ledger.files.get(again).outcome is Outcome.ACCEPTED
    assert numbers(world) == [1, 2]
    assert removals(world) == [(first, 2, "unloaded")]
    world.unload(again)
    assert world.sql("SELECT SUM(rows_loaded), SUM(rows_kept) FROM META.loads") == [(4, 0)]


def test_a_quarantined_version_leaves_the_old_rows(world: World) -> None:
    world.put("a.csv", at(1), rows(1, 2))
    world.run()
    (world.drop / "a.csv").write_text("nothing,of,ours\n1,2,3\n")
    world.run()
    refused = world.newest("a.csv")
    assert refused.outcome is Outcome.QUARANTINED
    assert "The rows of the version sent 1 Nov 2026, 00:01:00 UTC stay in the table" in str(
        refused.reason
    )
    assert numbers(world) == [1, 2]


@pytest.mark.parametrize("world", [{"on_new_version": "refuse"}], indirect=True)
def test_a_feed_may_refuse_new_versions(world: World) -> None:
    world.put("a.csv", at(1), rows(1, 2))
    world.run()
    second = world.put("a.csv", at(2), rows(3))
    world.run()
    file = world.ledger.files.get(second)
    assert file.outcome is Outcome.QUARANTINED
    assert "the feed takes only one" in str(file.reason)
    assert numbers(world) == [1, 2]


@pytest.mark.parametrize("world", [{"on_new_version": "append"}], indirect=True)
def test_a_feed_may_keep_all_versions(world: World) -> None:
    for minute in (1, 2):
        world.put("a.csv", at(minute), rows(minute))
        world.run()
    assert numbers(world) == [1, 2]
    assert removals(world) == []


def test_a_file_overwritten_or_removed_before_it_was_read(world: World) -> None:
    first = world.put("a.csv", at(1), rows(1))
    gone = world.put("gone.csv", at(1), rows(7))
    discover(world.runtime, "stock")
    second = world.put("a.csv", at(2), rows(2))
    (world.drop / "gone.csv").unlink()
    # The newer version is not known yet: the older one waits.
    prepare(world.runtime, first)
    assert world.ledger.files.get(first).status is Status.DISCOVERED
    discover(world.runtime, "stock")
    while world.ledger.files.waiting("stock"):
        drain(world.runtime, ["stock"], ())
    drain(world.runtime, ["stock"], ())
    file = world.ledger.files.get(first)
    assert (file.status, file.outcome) == (Status.DONE, Outcome.SUPERSEDED)
    assert file.superseded_by == second
    lost = world.ledger.files.get(gone)
    assert (lost.status, lost.outcome) == (Status.DONE, Outcome.QUARANTINED)
    assert "removed or overwritten before it could be read" in str(lost.reason)
    assert numbers(world) == [2]


def test_an_object_overwritten_before_it_was_read(
    bigquery_url: str, s3_endpoint: S3Endpoint
) -> None:
    bucket = f"b{uuid.uuid4().hex[:12]}"
    client = boto3.client(
        "s3", endpoint_url=s3_endpoint.url, region_name=s3_endpoint.region,
        aws_access_key_id=s3_endpoint.access_key, aws_secret_access_key=s3_endpoint.secret_key,
    )  # fmt: skip
    client.create_bucket(Bucket=bucket)
    source = S3Source(
        S3Config.model_validate(
            {
                "bucket": bucket,
                "endpoint": s3_endpoint.url,
                "region": s3_endpoint.region,
                "access_key": s3_endpoint.access_key,
                "secret_key": s3_endpoint.secret_key,
            }
        )
    )
    with a_world(bigquery_url, WriteMode.MERGE, source=source) as world:
        client.put_object(Bucket=bucket, Key="a.csv", Body=b"k,day,n\nx,2026-11-03,1\n")
        (first,) = found(world.runtime, "stock")
        client.put_object(Bucket=bucket, Key="a.csv", Body=b"k,day,n\ny,2026-11-03,2\n")
        prepare(world.runtime, first)
        assert world.ledger.files.get(first).status is Status.DISCOVERED
        world.run()
        while world.ledger.files.waiting("stock"):
            drain(world.runtime, ["stock"], ())
        drain(world.runtime, ["stock"], ())
        file = world.ledger.files.get(first)
        assert (file.status, file.outcome) == (Status.DONE, Outcome.SUPERSEDED)
        assert numbers(world) == [2]
        receipt = client.get_object(Bucket=bucket, Key="a.csv.receipt.json")["Body"].read()
        assert json.loads(receipt)["file_id"] == file.superseded_by


def test_stale_rejected_rows_go_once_a_clean_version_has_come(world: World) -> None:
    """What somebody has begun to correct there stays, and so do rows of what is still in force."""
    world.runtime = replace(
        world.runtime, contracts={"stock": replace(STOCK, reject_threshold=0.5)}
    )
    bad: list[Any] = [*rows(1, 2), ("k9", DAY, "many")]
    names = ("stale.csv", "edited.csv", "still.csv")
    for name in names:
        world.put(name, at(1), [(f"{name} {k}", day, n) for k, day, n in bad])
    world.run()
    lying = {name: world.drop / f"{name}.rejected.csv" for name in names}
    lying["edited.csv"].write_text(lying["edited.csv"].read_text().replace("many", "9"))
    kept = {name: path.read_bytes() for name, path in lying.items()}
    for name in names[:2]:
        world.put(name, at(2), [(f"{name} {k}", day, n) for k, day, n in rows(1, 3)])
    # Nothing of this version is loaded: the rows of the one before still count.
    (world.drop / "still.csv").write_text("another,header\n1,2\n")
    world.run()
    assert world.newest("stale.csv").outcome is Outcome.ACCEPTED
    assert not lying["stale.csv"].exists()
    for name in names[1:]:
        assert lying[name].read_bytes() == kept[name]


def test_rejected_rows_go_once_a_changed_contract_takes_them(world: World) -> None:
    """Sent on its way again, nothing of the file is rejected any more; what was left beside it is
    told by its bytes, in whatever form today's contract would write it."""
    allowing = replace(STOCK, reject_threshold=0.9)
    only_k1 = Expectation(
        type="expect_column_values_to_be_in_set",
        kwargs={"column": "k", "value_set": ["k1"]},
        column="k",
    )
    strict = replace(allowing, expectations=(only_k1,))
    names = ("clean.csv", "edited.csv", "fewer.csv")
    world.runtime = replace(world.runtime, contracts={"stock": strict})
    for name in names:
        world.put(name, at(1), [("k1", DAY, len(name)), ("k1", DAY, 1), ("k2", DAY, 2)])
    with (world.drop / "fewer.csv").open("a") as more:
        more.write(f"k1,{DAY},many\n")
    world.run()
    lying = {name: world.drop / f"{name}.rejected.csv" for name in names}
    assert all(path.exists() for path in lying.values())
    lying["edited.csv"].write_text(edited := lying["edited.csv"].read_text().replace("k2", "k1"))
    other = replace(allowing, version="2", dialect=replace(allowing.dialect, quote="'"))
    world.runtime = replace(world.runtime, contracts={"stock": other})
    for name in names:
        world.ledger.files.retry(world.newest(name).file_id)
    world.run()
    assert world.newest("clean.csv").outcome is Outcome.ACCEPTED
    assert not lying["clean.csv"].exists()
    assert lying["edited.csv"].read_text() == edited
    assert [line.split(",")[2] for line in lying["fewer.csv"].read_text().splitlines()] == [
        "n", "many",
    ]  # fmt: skip
