"""The door's functions, called as Lambda calls them, against moto's queue, bucket and topic."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

os.environ |= json.loads((Path(__file__).parents[1] / ".chalice" / "config.json").read_text())[
    "environment_variables"
] | {
    "AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s",
}  # fmt: skip

import app as door
import boto3
import pytest
import requests
from chalice.test import Client
from moto import mock_aws
from moto.cloudwatch.models import cloudwatch_backends
from moto.core import DEFAULT_ACCOUNT_ID

SECRET = "x" * 43
NOWHERE = str(Path(__file__).parent)
"""Without a configuration there, the client leaves the environment alone."""
KEY = f"wb_{'a' * 12}_{SECRET}"


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with mock_aws():
        door._client.cache_clear()
        door._kept.clear()
        sqs = boto3.client("sqs")
        boto3.client("s3").create_bucket(Bucket=door.BUCKET)
        queue = sqs.create_queue(QueueName="waybill-drop")["QueueUrl"]
        topic = boto3.client("sns").create_topic(Name="waybill-door")["TopicArn"]
        arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
        boto3.client("sns").subscribe(
            TopicArn=topic, Protocol="sqs", Endpoint=arn["Attributes"]["QueueArn"]
        )
        monkeypatch.setenv("QUEUE_URL", queue)
        monkeypatch.setenv("TOPIC_ARN", topic)
        past = (datetime.now(UTC) - timedelta(days=1)).isoformat()
        mine = {"sha256": hashlib.sha256(SECRET.encode()).hexdigest(), "expires_at": None,
                "feeds": {"orders": "orders/"}}  # fmt: skip
        keys = {"a" * 12: mine, "b" * 12: {**mine, "expires_at": past}}
        boto3.client("secretsmanager").create_secret(
            Name=os.environ["KEYS_SECRET"], SecretString=json.dumps({"version": 1, "keys": keys})
        )
        yield sqs, queue


def told(world: Any) -> list[Any]:
    sqs, queue = world
    found = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
    return [json.loads(each["Body"]) for each in found.get("Messages", [])]


def created(client: Client, key: str, **more: Any) -> Any:
    event = client.events.generate_cw_event(
        source="aws.s3", detail_type="Object Created",
        detail={"bucket": {"name": door.BUCKET}, "object": {"key": key, "size": 3, **more}},
        resources=[], region="us-east-1",
    )  # fmt: skip
    return client.lambda_.invoke("pass_on", event).payload


def test_new_objects_are_passed_on_but_not_our_own_or_litter(world: Any) -> None:
    with Client(door.app, project_dir=NOWHERE) as client:
        for key in ("orders/a.csv.receipt.json", "orders/", "orders/~$a.xlsx", "a/__MACOSX/b.csv"):
            assert created(client, key) == {"passed": False}
        assert created(client, "orders/a b.csv", **{"version-id": "v"}) == {"passed": True}
    [message] = told(world)
    assert message["source"] == "waybill.door"
    assert message["detail"]["object"] == {"key": "orders/a b.csv", "version-id": "v"}


def asked(client: Client, key: str, body: Any) -> Any:
    return client.http.post(
        "/uploads", body=json.dumps(body).encode(),
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {key}"},
    )  # fmt: skip


def test_a_form_puts_one_file_where_the_key_says(world: Any) -> None:
    with Client(door.app, project_dir=NOWHERE) as client:
        answer = asked(client, KEY, {"feed": "orders", "name": "a.csv"})
    assert answer.status_code == 200
    form = answer.json_body
    policy = json.dumps(form["fields"])
    assert form["key"] == form["fields"]["key"] == "orders/a.csv"
    assert form["seconds"] == 900
    assert "policy" in policy
    sent = requests.post(form["url"], data=form["fields"], files={"file": b"one"}, timeout=10)
    assert sent.status_code == 204
    stored = boto3.client("s3").get_object(Bucket=door.BUCKET, Key="orders/a.csv")
    assert stored["Body"].read() == b"one"


def test_the_form_binds_key_size_and_time(world: Any) -> None:
    import base64

    with Client(door.app, project_dir=NOWHERE) as client:
        form = asked(client, KEY, {"feed": "orders", "name": "a.csv"}).json_body
    policy = json.loads(base64.b64decode(form["fields"]["policy"]))
    assert ["content-length-range", 1, 1073741824] in policy["conditions"]
    assert {"key": "orders/a.csv"} in policy["conditions"]
    assert {"bucket": door.BUCKET} in policy["conditions"]
    left = datetime.fromisoformat(policy["expiration"]) - datetime.now(UTC)
    assert timedelta(minutes=14) < left <= timedelta(minutes=15)


@pytest.mark.parametrize(
    "key",
    ["", "wb_", f"wb_{'a' * 12}_{'y' * 43}", f"wb_{'b' * 12}_{SECRET}", f"wb_{'c' * 12}_{SECRET}"],
)
def test_nobody_else_is_let_in(world: Any, key: str) -> None:
    with Client(door.app, project_dir=NOWHERE) as client:
        assert asked(client, key, {"feed": "orders", "name": "a.csv"}).status_code == 401


@pytest.mark.parametrize(
    "body",
    [[], None, {}, {"feed": "stock", "name": "a.csv"}, {"feed": "orders", "name": "../a.csv"},
     {"feed": "orders", "name": "a\n.csv"}, {"feed": "orders", "name": ""},
     {"feed": "orders", "name": "x" * 201}, {"feed": ["orders"], "name": "a"}],
)  # fmt: skip
def test_other_requests_are_refused_with_a_reason(world: Any, body: Any) -> None:
    with Client(door.app, project_dir=NOWHERE) as client:
        answer = asked(client, KEY, body)
    assert answer.status_code == 400
    assert answer.json_body["Message"]


@pytest.mark.parametrize(("seconds", "messages"), [(60, 0), (3600, 1)])
def test_a_queue_that_nobody_reads_is_told_of(world: Any, seconds: int, messages: int) -> None:
    cloudwatch_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].put_metric_data(
        "AWS/SQS",
        [{"MetricName": "ApproximateAgeOfOldestMessage", "Value": seconds,
          "Dimensions": [{"Name": "QueueName", "Value": "waybill-drop"}],
          "Timestamp": datetime.now(UTC).replace(tzinfo=None) - timedelta(seconds=90)}],
    )  # fmt: skip
    with Client(door.app, project_dir=NOWHERE) as client:
        event = client.events.generate_cw_event("aws.events", "Scheduled Event", {}, [])
        assert client.lambda_.invoke("look", event).payload == {"minutes": seconds / 60}
    assert len(told(world)) == messages
