"""From the door to the table: its hint becomes a committed row. `make door` runs it: the door has
an environment of its own."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from pathlib import Path

import boto3
import pytest

from entrypoints.worker.watch import watchers
from pipelines.discover.hinted import register_hinted
from pipelines.operations.run import drain
from schemas.errors import WaybillError
from schemas.item import Hint
from small_service import csv, small_service

DOOR = Path(__file__).resolve().parents[2] / "deploy" / "door"
PYTHON = os.environ.get("DOOR_PYTHON", "")


@pytest.mark.skipif(not PYTHON, reason="make door runs it: it needs the door's environment")
def test_an_object_is_a_row_once_the_door_has_told_of_it(
    moto_url: str, bigquery_url: str, tmp_path: Path
) -> None:
    access = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s"}
    given = {"region_name": "us-east-1", "endpoint_url": moto_url,
             "aws_access_key_id": "a", "aws_secret_access_key": "s"}  # fmt: skip
    s3, sqs = boto3.client("s3", **given), boto3.client("sqs", **given)  # type: ignore[call-overload]
    s3.create_bucket(Bucket="door-drop")
    queue = sqs.create_queue(QueueName="door-drop")["QueueUrl"]
    secret = tmp_path / "secret"
    secret.touch(mode=0o600)
    secret.write_text("s")
    drop = {
        "type": "s3", "bucket": "door-drop", "endpoint": moto_url, "region": "us-east-1",
        "access_key": "a", "secret_key_file": str(secret),
        "events": {"type": "sqs", "queue_url": queue, "wait_seconds": 1},
    }  # fmt: skip
    service = small_service(tmp_path, bigquery_url, sources={"drop": drop})
    heard, stop = threading.Event(), threading.Event()

    class Listener:
        def look(self, source: str) -> None: ...

        def take_in(self, source: str, hints: list[Hint]) -> None:
            register_hinted(service.runtime, source, hints)
            if hints:
                heard.set()

        def fail(self, source: str, error: WaybillError) -> None:
            raise error

    threads = list(watchers(service.runtime, Listener(), stop).values())  # type: ignore[arg-type]
    s3.put_object(Bucket="door-drop", Key="sales.csv", Body=csv("A", "B").encode())
    subprocess.run(
        [PYTHON, "tests/pass_on.py", "sales.csv"], cwd=DOOR, check=True, timeout=60,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(DOOR), "AWS_ENDPOINT_URL": moto_url,
             "AWS_DEFAULT_REGION": "us-east-1", "BUCKET": "door-drop", "QUEUE_URL": queue,
             **access},
    )  # fmt: skip
    assert heard.wait(20)
    stop.set()
    for each in threads:
        each.join(10)
    drain(service.runtime, ["sales"], [])
    assert service.sql("SELECT id FROM DATA.sales ORDER BY id") == [("A",), ("B",)]
    keys = s3.list_objects_v2(Bucket="door-drop")["Contents"]
    assert any(each["Key"] == "sales.csv.receipt.json" for each in keys)
    deadline = time.monotonic() + 10
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    while time.monotonic() < deadline:
        left = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
        if not any(int(each) for each in left.values()):
            return
        time.sleep(0.2)
    raise AssertionError(f"the queue still has {left}")
