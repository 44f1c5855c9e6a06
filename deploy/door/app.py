"""The door: tells Waybill of new objects, lets partners upload, and looks whether it keeps up."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from chalice.app import BadRequestError, Chalice, CloudWatchEvent, Rate, UnauthorizedError
from chalicelib.passing import hint_of
from chalicelib.uploads import Refused, feeds_of, key_for

app = Chalice(app_name="waybill-door")
app.debug = False

BUCKET = os.environ["BUCKET"]
_KEYS_SECONDS = 60.0
_kept: dict[str, Any] = {}


@app.on_cw_event(
    {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {"bucket": {"name": [BUCKET]}},
    }
)
def pass_on(event: CloudWatchEvent) -> dict[str, bool]:
    """Send the hint about a new object to the queue, unless it is nobody's. What raises here,
    EventBridge tries again."""
    apart = tuple(each for each in os.environ.get("APART", "").split(",") if each)
    hint = hint_of(event.detail, apart)
    if hint is not None:
        _client("sqs").send_message(QueueUrl=os.environ["QUEUE_URL"], MessageBody=hint)
    return {"passed": hint is not None}


@app.route("/uploads", methods=["POST"])
def uploads() -> dict[str, Any]:
    """A form by which the bearer of a key may put one file into the drop bucket."""
    request = app.current_request
    feeds = feeds_of(_keys(), request.headers.get("authorization", ""), datetime.now(UTC))
    if feeds is None:
        raise UnauthorizedError("send a valid key: Authorization: Bearer wb_…")
    try:
        key = key_for(feeds, request.json_body)
    except Refused as error:
        raise BadRequestError(str(error)) from error
    seconds, most = int(os.environ["UPLOAD_SECONDS"]), int(os.environ["UPLOAD_BYTES"])
    form: dict[str, Any] = _client("s3").generate_presigned_post(
        BUCKET, key, Conditions=[["content-length-range", 1, most]], ExpiresIn=seconds
    )
    return {**form, "key": key, "max_bytes": most, "seconds": seconds}


@app.schedule(Rate(5, unit=Rate.MINUTES))
def look(event: CloudWatchEvent) -> dict[str, float]:
    """Tell the topic if the queue's oldest message is older than it should be: nobody reads it."""
    name = os.environ["QUEUE_URL"].rpartition("/")[2]
    now, most = datetime.now(UTC), float(os.environ["OLDEST_MINUTES"])
    found = _client("cloudwatch").get_metric_statistics(
        Namespace="AWS/SQS",
        MetricName="ApproximateAgeOfOldestMessage",
        Dimensions=[{"Name": "QueueName", "Value": name}],
        StartTime=now - timedelta(minutes=10),
        EndTime=now,
        Period=60,
        Statistics=["Maximum"],
    )
    latest = sorted(found["Datapoints"], key=lambda each: each["Timestamp"])[-1:]
    minutes = latest[0]["Maximum"] / 60 if latest else 0.0
    if minutes > most:
        _client("sns").publish(
            TopicArn=os.environ["TOPIC_ARN"],
            Subject="Waybill does not read its queue",
            Message=f"The oldest message of {name} is {minutes:.0f} minutes old"
            f" (more than {most:.0f}). Does `waybill watch` run?",
        )
    return {"minutes": minutes}


def _keys() -> dict[str, Any]:
    """The keys that `waybill keys export --for door` has written, read anew every minute."""
    now = datetime.now(UTC).timestamp()
    if now - _kept.get("at", 0.0) > _KEYS_SECONDS:
        secret = _client("secretsmanager").get_secret_value(SecretId=os.environ["KEYS_SECRET"])
        _kept.update(at=now, keys=json.loads(secret["SecretString"])["keys"])
    keys: dict[str, Any] = _kept["keys"]
    return keys


@cache
def _client(service: str) -> Any:
    if service == "s3":
        return boto3.client("s3", config=Config(signature_version="s3v4"))
    return boto3.client(service)
