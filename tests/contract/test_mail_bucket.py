"""Messages that a mail service stores in a bucket: read as those of a mailbox are."""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import pytest
from pydantic import SecretStr

from connectors.mailbox.bucket import MailBucketConfig, MailBucketSource
from mailbox_server import answer, matching
from schemas.errors import ItemChangedError

CORPUS = Path(__file__).parents[1] / "data" / "mail"
EXPECTED = json.loads((CORPUS / "expected.json").read_text("utf-8"))
MAIL = b"""From: Partner <partner@example.org>
Message-ID: <%d@example.org>
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/csv; name=a.csv

a%d
--b
Content-Type: text/csv; name=b.csv

b
--b--
"""


class Box:
    """A bucket, as a mail service and a person see it."""

    def __init__(self, url: str) -> None:
        self.name = f"mail-{uuid.uuid4().hex[:12]}"
        self.client: Any = boto3.client(
            "s3",
            endpoint_url=url,
            region_name="us-east-1",
            aws_access_key_id="key",
            aws_secret_access_key="secret",
        )
        self.client.create_bucket(Bucket=self.name)
        self._url = url

    def source(self, **more: object) -> MailBucketSource:
        return MailBucketSource(
            MailBucketConfig.model_validate(
                {"bucket": self.name, "prefix": "in/", "endpoint": self._url,
                 "region": "us-east-1", "access_key": "key",
                 "secret_key": SecretStr("secret"), **more}
            )
        )  # fmt: skip

    def put(self, key: str, raw: bytes) -> None:
        self.client.put_object(Bucket=self.name, Key=key, Body=raw)

    def held(self) -> list[str]:
        return [each["Key"] for each in self.client.list_objects_v2(Bucket=self.name)["Contents"]]


@pytest.fixture
def box(moto_url: str) -> Box:
    return Box(moto_url)


listed = partial(matching, "**.csv")


def test_stored_messages_are_listed_read_and_moved(box: Box) -> None:
    box.put("in/x1", MAIL % (1, 1))
    box.put("in/x2", MAIL.replace(b"Content-Type: multipart", b"Auto-Submitted: auto-replied\n"
                                  b"Content-Type: multipart") % (2, 2))  # fmt: skip
    box.put("elsewhere/x3", MAIL % (3, 3))
    source = box.source(move_to="done")
    items, cursor = listed(source)
    assert [item.name for item in items] == ["a.csv", "b.csv"]
    assert {item.sender for item in items} == {"partner@example.org"}
    assert cursor is not None
    with source.open(items[0]) as stream:
        assert stream.read().strip() == b"a1"
    again, _ = listed(source, cursor)
    assert [(item.key, item.version) for item in again] == [
        (item.key, item.version) for item in items
    ]
    source.acknowledge(items[0], answer(items[0], last=False))
    assert "in/x1" in box.held()
    source.acknowledge(items[1], answer(items[1], last=True))
    source.acknowledge(items[1], answer(items[1], last=True))
    assert box.held() == ["done/in/x1", "elsewhere/x3", "in/x2"]
    assert listed(source, cursor)[0] == []
    with pytest.raises(ItemChangedError), source.open(items[0]):
        pass


def test_what_was_looked_at_long_ago_is_not_read_again(box: Box) -> None:
    box.put("in/x1", MAIL % (1, 1))
    source = box.source()
    later = datetime.fromtimestamp(time.time() + 3600, UTC).isoformat()
    assert listed(source, later)[0] == []


def test_a_forged_copy_hides_nothing(box: Box) -> None:
    results = b"Authentication-Results: mx.example.com; dkim=%s\nContent-Type: multipart"
    for key, result, number in (
        ("in/x1", b"fail", 2),
        ("in/x2", b"pass", 1),
        ("in/x3", b"pass", 1),
    ):
        raw = MAIL % (1, number)
        box.put(key, raw.replace(b"Content-Type: multipart", results % result, 1))
    source = box.source()
    forged, genuine, copy = [item for item in listed(source)[0] if item.name == "a.csv"]
    assert forged.key == genuine.key == copy.key
    assert forged.version != genuine.version == copy.version
    with source.open(genuine) as stream:
        assert stream.read().strip() == b"a1"


@pytest.mark.parametrize("name", [name for name in EXPECTED if name.endswith(".eml")])
def test_mails_that_others_wrote(box: Box, name: str) -> None:
    raw = (CORPUS / name).read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    box.put(f"in/{name}", raw)
    source = box.source()
    found = []
    for page in source.list("**", None):
        for item in page.items:
            with source.open(item) as stream:
                found.append([item.name, hashlib.sha256(stream.read()).hexdigest()])
    # Where a boundary is broken, the two readers see different parts.
    assert found == ([] if name == "cpython_msg_15.eml" else EXPECTED[name])
