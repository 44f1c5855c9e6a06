"""What a bucket's queue tells is taken in exactly, and forgotten once the ledger has it."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from ruamel.yaml import YAML

from bare_service import BareService, bare_service
from connectors.s3.client import S3Config
from connectors.s3.event_messages import Told, objects_in
from entrypoints.config.settings import read_settings
from pipelines.discover.hinted import register_hinted
from pipelines.discover.look import look
from pipelines.discover.step import discover
from schemas.errors import ConfigError, DataError
from schemas.item import Hint
from schemas.receipt import DOCUMENTS

ACCESS: Any = {"region_name": "us-east-1", "aws_access_key_id": "a", "aws_secret_access_key": "s"}


VERSIONED = pytest.mark.parametrize("is_versioned", [False, True], ids=["plain", "versioned"])


@dataclass
class World:
    """A bucket whose news go to a queue, and a service that reads both."""

    s3: Any
    sqs: Any
    bucket: str
    queue_url: str
    dead_url: str
    service: BareService

    @property
    def source(self) -> Any:
        return self.service.runtime.sources["drop"]

    def keep_versions(self) -> None:
        status = {"Status": "Enabled"}
        self.s3.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration=status)

    def put(self, key: str, body: bytes = b"id,day,amount\n1,2026-11-03,1\n") -> Any:
        return self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)

    def tell(self, body: object) -> None:
        text = body if isinstance(body, str) else json.dumps(body)
        self.sqs.send_message(QueueUrl=self.queue_url, MessageBody=text)

    def tell_of(self, key: str, version: str | None = None) -> None:
        """As EventBridge says it."""
        told = {"key": key} | ({"version-id": version} if version else {})
        detail = {"bucket": {"name": self.bucket}, "object": told}
        self.tell({"source": "aws.s3", "detail-type": "Object Created", "detail": detail})

    def hear(self) -> None:
        """Take in what waits in the queue, until it gives nothing any more."""
        while self.left(self.queue_url):
            register_hinted(self.service.runtime, "drop", self.source._events.heard())

    def left(self, queue_url: str, *, hidden: bool = False) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)
        return int(found["Attributes"][names[hidden]])

    def files(self) -> list[tuple[str, str]]:
        found = self.service.runtime.ledger.files.latest(limit=1000)
        return sorted((file.feed, file.item.key) for file in found)

    def unmatched(self) -> list[str]:
        groups = self.service.runtime.ledger.unmatched.latest("drop")
        return sorted(item.key for group in groups for item in group.items)


@pytest.fixture
def world(moto_url: str, tmp_path: Path) -> Iterator[World]:
    s3 = boto3.client("s3", endpoint_url=moto_url, **ACCESS)
    sqs = boto3.client("sqs", endpoint_url=moto_url, **ACCESS)
    bucket = f"drop-{uuid.uuid4().hex[:8]}"
    s3.create_bucket(Bucket=bucket)
    dead = sqs.create_queue(QueueName=f"{bucket}-dead")["QueueUrl"]
    found = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])
    arn = found["Attributes"]["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": "2"})
    queue = sqs.create_queue(QueueName=bucket, Attributes={"RedrivePolicy": policy})["QueueUrl"]
    secret = tmp_path / "key"
    secret.touch(mode=0o600)
    secret.write_text("s")
    service = bare_service(
        tmp_path, "sales", "stock",
        sources={"drop": {
            "type": "s3", "bucket": bucket, "endpoint": moto_url, "region": "us-east-1",
            "access_key": "a", "secret_key_file": str(secret),
            "events": {"type": "sqs", "queue_url": queue, "wait_seconds": 1, "hidden_seconds": 1},
        }},
    )  # fmt: skip
    yield World(s3, sqs, bucket, queue, dead, service)
    service.ledger.close()


@VERSIONED
def test_what_s3_tells_is_taken_in_and_our_own_passed_over(
    world: World, is_versioned: bool
) -> None:
    if is_versioned:
        world.keep_versions()
    arn = world.sqs.get_queue_attributes(QueueUrl=world.queue_url, AttributeNames=["QueueArn"])
    queue = {"QueueArn": arn["Attributes"]["QueueArn"], "Events": ["s3:ObjectCreated:*"]}
    world.s3.put_bucket_notification_configuration(
        Bucket=world.bucket, NotificationConfiguration={"QueueConfigurations": [queue]}
    )
    names = ["sales/a b+c é%41.csv", "stock/1.csv", "sales/sub//x.csv"]
    for name in names:
        world.put(name)
    # Receipts first, as we leave them; the rejected rows of somebody else are a file.
    for suffix in DOCUMENTS:
        world.put(f"stock/1.csv{suffix}")
    world.put("stock/bank.rejected.csv")
    world.put("unknown/report.csv")
    world.put("sales/folder/", b"")
    world.put("sales/~$a.xlsx")
    world.put("sales/gone.csv")
    world.s3.delete_object(Bucket=world.bucket, Key="sales/gone.csv")
    world.hear()
    wanted = [("sales", names[0]), ("sales", names[2]), ("stock", names[1])]
    assert world.files() == sorted([*wanted, ("stock", "stock/bank.rejected.csv")])
    assert world.unmatched() == ["unknown/report.csv"]
    assert world.left(world.queue_url, hidden=True) == 0
    # The listing knows all of it by the same versions.
    assert discover(world.service.runtime, "sales") == []
    assert discover(world.service.runtime, "stock") == []


@VERSIONED
def test_every_overwritten_version_is_taken_in_where_it_has_its_place(
    world: World, is_versioned: bool
) -> None:
    if is_versioned:
        world.keep_versions()
    first = world.put("sales/a.csv", b"one").get("VersionId")
    second = world.put("sales/a.csv", b"two").get("VersionId")
    for version in (second, first, second, first):
        world.tell_of("sales/a.csv", version)
        world.hear()
    files = world.service.runtime.ledger.files.versions("sales", ["sales/a.csv"])
    kept = [first, second] if first else [files[-1].item.version]
    assert [file.item.version for file in files] == kept
    assert discover(world.service.runtime, "sales") == []


def test_nothing_is_forgotten_before_the_ledger_has_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.put("sales/a.csv")
    world.tell_of("sales/a.csv")
    heard = world.source._events.heard()
    with monkeypatch.context() as patched:
        patched.setattr(type(world.service.runtime.ledger.files), "register", _away)
        with pytest.raises(DataError):
            register_hinted(world.service.runtime, "drop", heard)
    assert world.left(world.queue_url, hidden=True) == 1
    threading.Event().wait(1.1)
    world.hear()
    assert world.files() == [("sales", "sales/a.csv")]


def _away(*_: object, **__: object) -> None:
    raise DataError("away")


def test_what_is_not_understood_goes_to_the_dead_letters(world: World) -> None:
    said = {"source": "aws.s3", "detail-type": "Object Created"}
    other = {"bucket": {"name": "another"}, "object": {"key": "sales/a.csv"}}
    bad = [
        "no JSON", "[" * 5000, [], {}, {"Records": [{}]}, {"Records": 7},
        {**said, "detail": other}, {**said, "detail": {"bucket": 1}},
    ]  # fmt: skip
    for each in bad:
        world.tell(each)
    for _ in range(2):
        world.source._events.heard()
        threading.Event().wait(1.1)
    world.source._events.heard()
    assert world.left(world.dead_url) == len(bad)
    assert world.left(world.queue_url) + world.left(world.queue_url, hidden=True) == 0


def test_a_stopped_feed_is_listed_again_once_it_goes_on(world: World) -> None:
    runtime = world.service.runtime
    register_hinted(runtime, "drop", [])
    look(runtime, "sales")
    runtime.ledger.feeds.stop("sales", "a person said so")
    world.put("sales/a.csv")
    world.tell_of("sales/a.csv")
    world.hear()
    assert world.files() == []
    assert world.left(world.queue_url, hidden=True) == 0
    runtime.ledger.feeds.resume("sales")
    look(runtime, "sales")
    assert world.files() == [("sales", "sales/a.csv")]


def test_looks_list_rarely_while_somebody_listens_and_say_what_was_missed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = world.service.runtime
    listings: list[datetime] = []
    whole = type(world.source._listing).whole

    def counted(*given: Any) -> Any:
        listings.append(datetime.now(UTC))
        return whole(*given)

    monkeypatch.setattr(type(world.source._listing), "whole", counted)
    look(runtime, "sales")
    look(runtime, "sales")
    assert len(listings) == 2, "nobody listens"
    assert "nobody listens" in (runtime.ledger.services.get("watch drop").error or "")
    register_hinted(runtime, "drop", [])
    look(runtime, "sales")
    assert len(listings) == 2
    # An object that no event told of, found after more than the hour.
    world.put("sales/missed.csv")
    later = datetime.now(UTC) + timedelta(hours=2)
    runtime.ledger.feeds.note_listed("sales", datetime.now(UTC) - timedelta(hours=3))
    monkeypatch.setattr("pipelines.discover.look._LATE", timedelta(seconds=-5))
    look(runtime, "sales")
    assert len(listings) == 3
    assert "1 that no event told of" in (
        runtime.ledger.services.get("events drop for sales").error or ""
    )
    assert later > listings[-1]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"}, []),
        ({"Records": [{"eventSource": "aws:s3", "eventName": "ObjectRemoved:Delete",
                       "s3": {"bucket": {"name": "b"}, "object": {"key": "k"}}}]}, []),
        ({"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
                       "s3": {"bucket": {"name": "b"},
                              "object": {"key": "a+b%2Bc%C3%A9.csv", "versionId": "v"}}}]},
         [Told("b", "a b+cé.csv", "v")]),
        ({"source": "aws.s3", "detail-type": "Object Created", "detail":
          {"bucket": {"name": "b"}, "object": {"key": "a+b%2B.csv", "version-id": "v"}}},
         [Told("b", "a+b%2B.csv", "v")]),
        ({"source": "aws.s3", "detail-type": "Object Deleted", "detail":
          {"bucket": {"name": "b"}, "object": {"key": "a"}}}, []),
    ],
)  # fmt: skip
def test_each_form_of_message_is_read(body: Any, told: list[Told]) -> None:
    assert objects_in(json.dumps(body)) == told
    wrapped = {"Type": "Notification", "TopicArn": "t", "Message": json.dumps(body)}
    assert objects_in(json.dumps(wrapped)) == told


@pytest.mark.parametrize("key", ["%ff", "", "k" * 1025, 7, None])
def test_keys_that_s3_cannot_have_are_refused(key: object) -> None:
    event = {"eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
             "s3": {"bucket": {"name": "b"}, "object": {"key": key}}}  # fmt: skip
    with pytest.raises(DataError):
        objects_in(json.dumps({"Records": [event]}))


def test_a_queue_that_is_not_there_is_said(moto_url: str) -> None:
    from connectors.s3.source import S3Source

    config = S3Config.model_validate({
        "bucket": "b", "region": "us-east-1", "access_key": "a", "secret_key": "s",
        "events": {"type": "sqs", "queue_url": f"{moto_url}/123456789012/not-there"},
    })  # fmt: skip
    [news] = S3Source(config).watches(threading.Event())
    for _ in range(2):
        with pytest.raises(ConfigError, match="there is no queue"):
            next(news)


def test_two_sources_may_not_read_one_queue(world: World, tmp_path: Path) -> None:
    yaml = YAML(typ="safe", pure=True)
    said = yaml.load(world.service.config.read_text())
    said["sources"]["other"] = json.loads(json.dumps(said["sources"]["drop"]))
    path = tmp_path / "other.yaml"
    with path.open("w") as out:
        yaml.dump(said, out)
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="two sources read one queue"):
        read_settings(path)


def test_hints_are_told_apart_by_their_message() -> None:
    assert Hint("k", None, "one") != Hint("k", None, "two")
