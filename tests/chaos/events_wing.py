"""The wing of events: a bucket is dropped into, and its queue told in every wrong way.

S3's messages come twice, late, in any order, wrapped or not, for objects that are gone, or not at
all; others are no messages. Whoever hears them dies again and again before or after the ledger
knows. In the end the ledger must hold every version that was told of or is there, once, what no
feed takes must be unmatched, the queue be empty, and its dead-letter queue hold the poison alone.
"""

from __future__ import annotations

import json
import logging
import random
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote_plus

import boto3
from rich.console import Console

from bare_service import BareService, bare_service
from pipelines.discover.hinted import register_hinted
from pipelines.discover.step import discover
from pipelines.discover.unmatched import survey
from schemas.errors import AwayError
from schemas.item import Hint

ACCESS: Any = {
    "region_name": "us-east-1", "aws_access_key_id": "a", "aws_secret_access_key": "s",
}  # fmt: skip
HIDDEN_SECONDS, RECEIVES = 1, 6
FOLDERS = ("sales", "stock", "nobody")
NAMES = ("a.csv", "b c+d.csv", "é%2F&x.csv", "'; DROP TABLE files;--.csv", "..\\..\\x.csv",
         "a.csv.receipt.json", "t.tmp", "sub//y.csv", "\u202etxt.csv")  # fmt: skip
POISON = ("", "{", "[" * 3000, "null", '{"Records": [{"eventSource": "aws:s3"}]}', "[]", "7",
          '{"Type": "Notification", "Message": "x"}')  # fmt: skip


@dataclass
class Events:
    """The bucket and its queue, and what must come of them."""

    rng: random.Random
    s3: Any
    sqs: Any
    bucket: str
    queue: str
    dead: str
    service: BareService
    late: list[str] = field(default_factory=list)
    told: set[tuple[str, str]] = field(default_factory=set)
    removed: set[str] = field(default_factory=set)
    poison: int = 0

    def act(self) -> None:
        """Drop, overwrite, remove, or tell nonsense."""
        key = f"{self.rng.choice(FOLDERS)}/{self.rng.choice(NAMES)}"
        kind = self.rng.random()
        if kind < 0.1:
            self.removed.add(key)
            self.s3.delete_object(Bucket=self.bucket, Key=key)
        elif kind < 0.2:
            self.poison += 1
            self.send(self.rng.choice(POISON) or "\ufeff")
        else:
            body = f"id,day,amount\n{self.rng.random()},2026-11-03,1\n".encode()
            version = self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)["VersionId"]
            if self.rng.random() < 0.2:
                return
            self.told.add((key, version))
            messages = [self.message(key, version)] * self.rng.choice([1, 1, 2, 3])
            for each in messages:
                self.send(each) if self.rng.random() < 0.6 else self.late.append(each)

    def message(self, key: str, version: str) -> str:
        """What is told of an object, in one of the forms."""
        if self.rng.random() < 0.5:
            detail = {"key": key, "version-id": version}
            said: Any = {
                "source": "aws.s3", "detail-type": "Object Created",
                "detail": {"bucket": {"name": self.bucket}, "object": detail},
            }  # fmt: skip
        else:
            s3 = {"bucket": {"name": self.bucket},
                  "object": {"key": quote_plus(key), "versionId": version}}  # fmt: skip
            event = {"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": s3}
            said = {"Records": [event]}
        text = json.dumps(said)
        if self.rng.random() < 0.3:
            text = json.dumps({"Type": "Notification", "TopicArn": "t", "Message": text})
        return text

    def send(self, body: str) -> None:
        """Put a message into the queue."""
        self.sqs.send_message(QueueUrl=self.queue, MessageBody=body)

    def hear(self, *, dies: bool) -> None:
        """Take in what waits; perhaps die before the ledger has it, or before the queue knows."""
        source: Any = self.service.runtime.sources["drop"]
        heard: Sequence[Hint] = source._events.heard()
        if dies and self.rng.random() < 0.2:
            return
        heed = source.heed
        if dies and self.rng.random() < 0.3:
            source.heed = _dead
        try:
            register_hinted(self.service.runtime, "drop", heard)
        except AwayError:
            pass
        finally:
            source.heed = heed

    def waiting(self, queue: str) -> int:
        """How many messages a queue holds, hidden ones included."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
        return sum(int(found[name]) for name in names)


def _dead(hints: Sequence[Hint]) -> None:
    raise AwayError("killed before the queue knew")


def play(url: str, folder: Path, seed: int, acts: int = 60) -> None:
    """One history; raises AssertionError if anything is lost, twice, or stuck."""
    events = _world(url, folder, random.Random(seed))
    runtime = events.service.runtime
    for number in range(acts):
        events.act()
        if number % 12 == 5:
            events.hear(dies=True)
        if number % 20 == 19:
            discover(runtime, events.rng.choice(["sales", "stock"]))
    events.rng.shuffle(events.late)
    for each in events.late:
        events.send(each)
    deadline = time.monotonic() + 60
    while events.waiting(events.queue) and time.monotonic() < deadline:
        events.hear(dies=False)
    survey(runtime, "drop")
    faults = _faults(events)
    for feed in ("sales", "stock"):
        discover(runtime, feed)
    lost = sorted(_there(events, "sales", "stock") - _held(events))
    faults += [f"it lies there, and is not taken in: {each}" for each in lost]
    events.service.ledger.close()
    if faults:
        raise AssertionError(f"seed {seed}:\n" + "\n".join(faults))


def play_many(seed: int, count: int, console: Console) -> bool:
    """Play so many histories; whether one left a fault."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    is_faulty = False
    try:
        for each in range(seed, seed + count):
            with TemporaryDirectory(prefix="waybill-events-") as name:
                try:
                    play(f"http://{host}:{port}", Path(name), each)
                except AssertionError as error:
                    console.print(f"[red]events {error}[/]")
                    is_faulty = True
                else:
                    console.print(f"[green]events   seed {each}: all right[/]")
    finally:
        server.stop()
    return is_faulty


def _faults(events: Events) -> list[str]:
    found = []
    if left := events.waiting(events.queue):
        found.append(f"{left} messages are still in the queue")
    if (dead := events.waiting(events.dead)) != events.poison:
        found.append(f"{dead} dead letters for {events.poison} that are no messages")
    # What was gone when it was heard of need not have been taken in.
    owed = {each for each in events.told if each[0] not in events.removed and _is_file(each[0])}
    lost = sorted(owed - _held(events))
    found += [f"told of, and not taken in: {each}" for each in lost]
    groups = events.service.runtime.ledger.unmatched.latest("drop")
    unmatched = {item.key for group in groups for item in group.items}
    wanted = {key for key, _ in _there(events, "nobody")}
    if unmatched != wanted:
        found.append(f"unmatched are {sorted(unmatched)}, and not {sorted(wanted)}")
    return found


def _held(events: Events) -> set[tuple[str, str]]:
    files = events.service.runtime.ledger.files.latest(limit=10_000)
    held = {(file.item.key, file.item.version) for file in files}
    assert len(held) == len(files), "a version is there twice"
    return held


def _is_file(key: str, folders: Sequence[str] = ("sales", "stock")) -> bool:
    return key.split("/")[0] in folders and not key.endswith((".receipt.json", ".tmp"))


def _there(events: Events, *folders: str) -> set[tuple[str, str]]:
    """The latest versions of what is a file in those folders."""
    listed = events.s3.list_object_versions(Bucket=events.bucket).get("Versions", [])
    return {
        (each["Key"], each["VersionId"])
        for each in listed
        if each["IsLatest"] and _is_file(each["Key"], folders)
    }


def _world(url: str, folder: Path, rng: random.Random) -> Events:
    s3 = boto3.client("s3", endpoint_url=url, **ACCESS)
    sqs = boto3.client("sqs", endpoint_url=url, **ACCESS)
    bucket = f"events-{uuid.uuid4().hex[:8]}"
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    dead = sqs.create_queue(QueueName=f"{bucket}-dead")["QueueUrl"]
    found = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]
    policy = {"deadLetterTargetArn": found["QueueArn"], "maxReceiveCount": str(RECEIVES)}
    redrive: Any = {"RedrivePolicy": json.dumps(policy)}
    queue = sqs.create_queue(QueueName=bucket, Attributes=redrive)["QueueUrl"]
    secret = folder / "key"
    secret.touch(mode=0o600)
    secret.write_text("s")
    told = {"type": "sqs", "queue_url": queue, "wait_seconds": 1, "hidden_seconds": HIDDEN_SECONDS}
    drop = {
        "type": "s3", "bucket": bucket, "endpoint": url, "region": "us-east-1",
        "access_key": "a", "secret_key_file": str(secret), "events": told,
    }  # fmt: skip
    service = bare_service(folder, "sales", "stock", sources={"drop": drop})
    return Events(rng, s3, sqs, bucket, queue, dead, service)
