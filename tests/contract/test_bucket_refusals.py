"""Buckets that refuse an object, want to be paid, or keep objects in an archive."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import boto3
import pytest
from pydantic import SecretStr, ValidationError

from connectors.s3.client import S3Config
from connectors.s3.source import S3Source
from http_front import http_front
from mailbox_server import answer
from schemas.errors import AccessDeniedError, AwayError, DataError, ItemDeniedError
from schemas.item import Item
from schemas.left_document import LeftDocument
from schemas.receipt import Answer, Document

DENIED = b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>"
NOT_IMPLEMENTED = b"<Error><Code>NotImplemented</Code><Message>If-Match</Message></Error>"
KMS = b"<Error><Code>KMS.DisabledException</Code><Message>key</Message></Error>"


class Bucket:
    def __init__(self, url: str) -> None:
        self.name, self.url = f"b-{uuid.uuid4().hex[:12]}", url
        self.client: Any = boto3.client(
            "s3", endpoint_url=url, region_name="us-east-1", aws_access_key_id="key",
            aws_secret_access_key="secret",
        )  # fmt: skip
        self.client.create_bucket(Bucket=self.name)

    def source(self, url: str | None = None, **more: object) -> S3Source:
        config = {
            "bucket": self.name, "endpoint": url or self.url, "region": "us-east-1",
            "access_key": "key", "secret_key": SecretStr("secret"), **more,
        }  # fmt: skip
        return S3Source(S3Config.model_validate(config))

    def put(self, key: str, **more: object) -> None:
        self.client.put_object(Bucket=self.name, Key=key, Body=b"k,v\n", **more)

    def held(self, bucket: str | None = None) -> list[str]:
        found = self.client.list_objects_v2(Bucket=bucket or self.name)
        return [each["Key"] for each in found.get("Contents", [])]


@pytest.fixture
def bucket(moto_url: str) -> Bucket:
    return Bucket(moto_url)


def items(source: S3Source) -> dict[str, Item]:
    return {item.key: item for page in source.list("**", None) for item in page.items}


def read(source: S3Source, item: Item) -> bytes:
    with source.open(item) as stream:
        return stream.read()


def documents(item: Item, tmp_path: Path) -> Answer:
    path = tmp_path / "receipt.json"
    path.write_text("{}")
    given = answer(item)
    document = Document(suffix=".receipt.json", content_type="application/json", path=path)
    return Answer(receipt=given.receipt, text="fine", documents=(document,))


@pytest.mark.parametrize(("status", "body"), [(403, DENIED), (400, KMS)])
def test_one_object_that_is_refused_fails_by_its_name(
    bucket: Bucket, status: int, body: bytes
) -> None:
    bucket.put("a.csv")
    bucket.put("b.csv")

    def refuse(method: str, path: str) -> tuple[int, bytes] | None:
        return (status, body) if method in ("GET", "HEAD") and "/b.csv" in path else None

    with http_front(bucket.url, refuse) as (url, _):
        source = bucket.source(url)
        found = items(source)
        assert read(source, found["a.csv"]) == b"k,v\n"
        with pytest.raises(ItemDeniedError, match=r"b\.csv"):
            read(source, found["b.csv"])

    def refuse_all(method: str, path: str) -> tuple[int, bytes] | None:
        return 403, DENIED

    with http_front(bucket.url, refuse_all) as (url, _), pytest.raises(AccessDeniedError):
        items(bucket.source(url))


@pytest.fixture
def other(moto_url: str) -> str:
    return Bucket(moto_url).name


@pytest.mark.parametrize("to", ["beside", "none", "prefix", "bucket", "mail"])
def test_receipts_go_where_the_source_says(
    bucket: Bucket, other: str, tmp_path: Path, to: str
) -> None:
    bucket.put("in/a.csv")
    given = {
        "beside": {}, "none": {}, "prefix": {"prefix": "out"},
        "bucket": {"bucket": other, "prefix": "from-us"}, "mail": {"address": "ops@example.com"},
    }[to]  # fmt: skip
    source = bucket.source(receipts={"to": to, **given})
    item = items(source)["in/a.csv"]
    assert item.detail.get("receipts_to") == ("ops@example.com" if to == "mail" else None)
    source.acknowledge(item, documents(item, tmp_path))
    expected = {
        "beside": ["in/a.csv", "in/a.csv.receipt.json"],
        "prefix": ["in/a.csv", "out/in/a.csv.receipt.json"],
    }.get(to, ["in/a.csv"])  # fmt: skip
    assert bucket.held() == expected
    assert bucket.held(other) == (["from-us/in/a.csv.receipt.json"] if to == "bucket" else [])
    assert list(items(source)) == ["in/a.csv"]
    assert source.forget(item) == (1 if to in ("beside", "prefix", "bucket") else 0)
    assert (bucket.held(), bucket.held(other)) == (["in/a.csv"], [])


def test_receipts_are_said_once_and_whole(bucket: Bucket) -> None:
    for wrong in (
        {"receipts": {"to": "prefix"}},
        {"receipts": {"to": "mail"}},
        {"receipts": {"to": "none"}, "receipts_prefix": "out"},
    ):
        with pytest.raises(ValidationError, match="receipts"):
            bucket.source(**wrong)


def test_a_long_key_shortens_the_name_of_its_receipt(bucket: Bucket, tmp_path: Path) -> None:
    keys = ["x" * 1018 + each + ".csv" for each in ("a", "b")]
    for key in keys:
        bucket.put(key)
    source = bucket.source()
    for item in items(source).values():
        source.acknowledge(item, documents(item, tmp_path))
    receipts = [key for key in bucket.held() if key.endswith(".receipt.json")]
    assert len(receipts) == 2
    assert {len(each) for each in receipts} == {1024}
    assert sorted(items(source)) == keys


def test_whoever_asks_may_have_to_pay(bucket: Bucket) -> None:
    bucket.put("a.csv")
    with http_front(bucket.url, lambda method, path: None) as (url, headers):
        source = bucket.source(url, requester_pays=True)
        assert read(source, items(source)["a.csv"]) == b"k,v\n"
    assert headers
    assert all(each.get("x-amz-request-payer") == "requester" for each in headers)


def test_an_archived_object_waits_until_it_is_restored(bucket: Bucket) -> None:
    bucket.put("a.csv", StorageClass="GLACIER")
    source = bucket.source()
    item = items(source)["a.csv"]
    with pytest.raises(AwayError, match=r"a\.csv is archived") as caught:
        read(source, item)
    assert caught.value.wait == 3600
    with pytest.raises(DataError, match="archived"):
        read(bucket.source(archived="refuse"), item)
    bucket.client.restore_object(Bucket=bucket.name, Key="a.csv", RestoreRequest={"Days": 1})
    assert read(source, item) == b"k,v\n"


def test_where_nothing_may_be_removed_a_stale_answer_is_written_over(
    bucket: Bucket, tmp_path: Path
) -> None:
    bucket.put("a.csv")
    (tmp_path / "r").write_bytes(b"k,v\n")
    left = LeftDocument.of(".rejected.csv", tmp_path / "r")
    bucket.put("a.csv.rejected.csv")

    def refusing(method: str, path: str) -> tuple[int, bytes] | None:
        return (403, DENIED) if method == "DELETE" else None

    with http_front(bucket.url, refusing) as (url, _):
        source = bucket.source(url)
        item = items(bucket.source())["a.csv"]
        assert source.withdraw(item, left, b"nothing is to be corrected here")
        assert not source.withdraw(item, left, b"nothing is to be corrected here")
    reply = bucket.client.get_object(Bucket=bucket.name, Key="a.csv.rejected.csv")
    assert reply["Body"].read() == b"nothing is to be corrected here"
    bucket.put("a.csv.rejected.csv")
    # Whoever may only write answers goes on as before.
    with http_front(bucket.url, lambda method, path: (403, DENIED)) as (url, _):
        assert not bucket.source(url).withdraw(item, left, b"nothing")


@pytest.mark.parametrize(
    ("refused", "refusal", "then"),
    [
        # Written over on a condition, which more servers know.
        (("DELETE",), (501, NOT_IMPLEMENTED), b"nothing"),
        (("DELETE", "PUT"), (501, NOT_IMPLEMENTED), b"k,v\n"),
        (("GET",), (400, KMS), b"k,v\n"),
    ],
)
def test_a_server_that_cannot_remove_on_a_condition_writes_over_a_stale_answer_or_keeps_it(
    bucket: Bucket,
    tmp_path: Path,
    refused: tuple[str, ...],
    refusal: tuple[int, bytes],
    then: bytes,
) -> None:
    """Its newer version is done all the same: no repeat would change what the server knows."""
    bucket.put("a.csv")
    (tmp_path / "r").write_bytes(b"k,v\n")
    bucket.client.put_object(Bucket=bucket.name, Key="a.csv.rejected.csv", Body=b"k,v\n")
    left = LeftDocument.of(".rejected.csv", tmp_path / "r")
    item = items(bucket.source())["a.csv"]
    with http_front(bucket.url, lambda did, path: refusal if did in refused else None) as (url, _):
        assert bucket.source(url).withdraw(item, left, b"nothing") == (then == b"nothing")
    found = bucket.client.get_object(Bucket=bucket.name, Key="a.csv.rejected.csv")
    assert found["Body"].read() == then
