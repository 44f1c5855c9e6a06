"""Messages about objects, as S3 itself, EventBridge and SNS put them into a queue.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html,
https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

from schemas.errors import DataError

_LONGEST_KEY = 1024
_NEWS = ("ObjectCreated:", "ObjectRestore:Completed")
_BRIDGED = ("Object Created", "Object Restore Completed")


class Told(NamedTuple):
    """That an object is there: its bucket, its key, and its version if the bucket keeps them."""

    bucket: str
    key: str
    version: str | None


def objects_in(body: str) -> list[Told]:
    """The objects that a message says are there now; none for S3's own test, or for what was
    removed. Raises DataError for what is no such message."""
    try:
        return [*_told(_parsed(body))]
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise DataError(f"not a message about objects: {type(error).__name__}: {error}") from error


def _parsed(text: str) -> Any:
    found = json.loads(text)
    if isinstance(found, dict) and found.get("Type") == "Notification" and "Message" in found:
        # SNS wraps what it was given, unless its subscription has raw delivery.
        return json.loads(found["Message"])
    return found


def _told(message: Any) -> Iterator[Told]:
    if message.get("Event") == "s3:TestEvent":
        return
    if "Records" in message:
        for record in message["Records"]:
            if record["eventSource"] != "aws:s3":
                raise ValueError(f"it comes from {record['eventSource']!r:.80}")
            if str(record["eventName"]).removeprefix("s3:").startswith(_NEWS):
                yield _object(record["s3"], "versionId", is_encoded=True)
        return
    if message["source"] not in ("aws.s3", "waybill.door"):
        raise ValueError(f"it comes from {message['source']!r:.80}")
    if message["detail-type"] in _BRIDGED:
        yield _object(message["detail"], "version-id", is_encoded=False)


def _object(detail: Mapping[str, Any], version_name: str, *, is_encoded: bool) -> Told:
    bucket, key = detail["bucket"]["name"], detail["object"]["key"]
    version = detail["object"].get(version_name) or None
    if not isinstance(bucket, str) or not isinstance(key, str):
        raise TypeError("bucket and key are not text")
    if version is not None and not isinstance(version, str):
        raise TypeError("the version is not text")
    if is_encoded:
        key = unquote_to_bytes(key.replace("+", " ")).decode("utf-8")
    # What cannot be a key of S3 raises here, not where it is asked for.
    if not 0 < len(key.encode("utf-8")) <= _LONGEST_KEY:
        raise ValueError("the key is empty or longer than S3 allows")
    return Told(bucket, key, None if version == "null" else version)
