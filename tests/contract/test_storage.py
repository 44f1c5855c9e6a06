"""One suite that every object storage passes: a local folder, S3 on two servers, Google's."""

from __future__ import annotations

import errno
import multiprocessing
import os
import socket
import urllib.request
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pytest

from connectors.objects.storage import ObjectStorage
from connectors.objects.store import StorageConfig
from entrypoints.demo.servers import S3Endpoint
from schemas.errors import AccessDeniedError, ConfigError, FatalError, RetryableError

LARGE = 9 * 1024 * 1024


def tell(url: str, body: bytes, method: str = "POST") -> None:
    request = urllib.request.Request(
        url, data=body, headers={"Content-Type": "application/json"}, method=method
    )
    with urllib.request.urlopen(request) as reply:
        assert reply.status == 200


def s3_config(endpoint: S3Endpoint, bucket: str) -> dict[str, Any]:
    return {
        "url": f"s3://{bucket}/way/bill",
        "endpoint": endpoint.url,
        "region": endpoint.region,
        "access_key": endpoint.access_key,
        "secret_key": endpoint.secret_key,
    }


def make_s3(endpoint: S3Endpoint) -> dict[str, Any]:
    config = s3_config(endpoint, f"stage-{uuid.uuid4().hex[:12]}")
    boto3.client(
        "s3",
        endpoint_url=endpoint.url,
        region_name=endpoint.region,
        aws_access_key_id=endpoint.access_key,
        aws_secret_access_key=endpoint.secret_key,
    ).create_bucket(Bucket=config["url"].split("/")[2])
    return config


def make_gcs(url: str) -> dict[str, Any]:
    bucket = f"stage-{uuid.uuid4().hex[:12]}"
    tell(f"{url}/storage/v1/b", b'{"name": "%s"}' % bucket.encode())
    return {"url": f"gs://{bucket}/way/bill", "endpoint": url}


@pytest.fixture(params=["folder", "s3-moto", "s3-seaweed", "gcs"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStorage:
    match request.param:
        case "folder":
            config = {"url": str(tmp_path / "a store")}
        case "s3-moto":
            config = make_s3(S3Endpoint(request.getfixturevalue("moto_url"), "test", "test"))
        case "gcs":
            config = make_gcs(request.getfixturevalue("gcs_url"))
        case _:
            config = make_s3(request.getfixturevalue("s3_endpoint"))
    return ObjectStorage(StorageConfig.model_validate(config))


def local(folder: Path, content: bytes) -> Path:
    path = folder / uuid.uuid4().hex
    path.write_bytes(content)
    return path


def read(storage: ObjectStorage, key: str) -> bytes:
    with storage.open(key) as stream:
        return stream.read()


def nobody() -> str:
    """An address at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


@pytest.mark.parametrize("size", [0, 1000, LARGE], ids=["empty", "small", "in-parts"])
def test_an_object_is_written_once_and_never_over(
    storage: ObjectStorage, tmp_path: Path, size: int
) -> None:
    first = os.urandom(size)
    assert not storage.exists("staged/orders/1.parquet")
    assert storage.put("staged/orders/1.parquet", local(tmp_path, first), spares_memory=True)
    assert not storage.put("staged/orders/1.parquet", local(tmp_path, os.urandom(size)))
    assert storage.exists("staged/orders/1.parquet")
    assert read(storage, "staged/orders/1.parquet") == first


@pytest.mark.parametrize("size", [0, LARGE], ids=["empty", "large"])
def test_a_final_file_stays_in_storage_when_its_own_name_is_removed(
    storage: ObjectStorage, tmp_path: Path, size: int
) -> None:
    key, content = "staged/day=2026-01-31/a_b,c@d+e-1.parquet", os.urandom(size)
    path, other = local(tmp_path, content), local(tmp_path, b"other")
    assert storage.put(key, path, is_final=True)
    assert not storage.put(key, path, is_final=True)
    assert not storage.put(key, other, is_final=True)
    path.unlink()
    assert read(storage, key) == content
    assert list(storage.list("staged")) == [key]
    storage.delete(key)
    assert other.read_bytes() == b"other"


def test_a_folder_on_another_disk_gets_a_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    storage = ObjectStorage(StorageConfig(url=str(tmp_path / "store")))
    path = local(tmp_path, b"rows")
    assert storage.put("a/b", path, is_final=True)
    path.write_bytes(b"else")
    assert read(storage, "a/b") == b"rows"


def test_of_two_who_write_a_small_object_at_once_one_is_told_so(
    storage: ObjectStorage, tmp_path: Path
) -> None:
    paths = [local(tmp_path, os.urandom(100)) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        written = list(pool.map(lambda path: storage.put("a/b", path), paths))
    assert written.count(True) == 1
    assert read(storage, "a/b") == paths[written.index(True)].read_bytes()


def test_streams_in_pieces_of_any_size(storage: ObjectStorage, tmp_path: Path) -> None:
    content = os.urandom(3_000_001)
    storage.put("a", local(tmp_path, content))
    with storage.open("a") as stream:
        parts = [stream.read(7), stream.read(2_000_000)]
        while part := stream.read(333_333):
            parts.append(part)
    assert b"".join(parts) == content


def test_lists_a_folder_and_not_its_namesakes(storage: ObjectStorage, tmp_path: Path) -> None:
    path = local(tmp_path, b"1")
    keys = {"staged/orders/1/a.parquet", "staged/orders/2/b.parquet"}
    for key in (*keys, "staged/orders_eu/1/a.parquet", "landing/ab/abcd"):
        storage.put(key, path)
    assert set(storage.list("staged/orders")) == keys
    assert set(storage.list("staged/orders/")) == keys
    assert len(set(storage.list(""))) == 4
    assert list(storage.list("nothing/here")) == []


def test_what_is_gone_is_gone_and_may_be_removed_again(
    storage: ObjectStorage, tmp_path: Path
) -> None:
    storage.put("a/b", local(tmp_path, b"1"))
    storage.delete("a/b")
    storage.delete("a/b")
    assert not storage.exists("a/b")
    with pytest.raises(FileNotFoundError), storage.open("a/b"):
        pass


@pytest.mark.parametrize(
    "key", ["", "/a", "a/", "a//b", "../a", "a/../b", "a/./b", ".hidden", "a\\b", "a\x00b", "a\n"]
)
def test_no_key_leads_out_of_the_storage(tmp_path: Path, key: str) -> None:
    storage = ObjectStorage(StorageConfig(url=str(tmp_path / "store")))
    path = local(tmp_path, b"1")
    with pytest.raises(ValueError, match="is not a storage key"):
        storage.put(key, path)
    with pytest.raises(ValueError, match="is not a storage key"), storage.open(key):
        pass
    with pytest.raises(ValueError, match="is not a storage key"):
        storage.delete(key)


def test_a_check_leaves_nothing_behind(storage: ObjectStorage) -> None:
    assert "writable" in storage.check()
    assert list(storage.list("")) == []


def test_addresses_are_whole(tmp_path: Path) -> None:
    def uri(url: str) -> str:
        return ObjectStorage(StorageConfig(url=url)).uri("a/b.parquet")

    assert uri("s3://bucket/prefix/") == "s3://bucket/prefix/a/b.parquet"
    assert uri("gs://bucket") == "gs://bucket/a/b.parquet"
    assert uri(str(tmp_path)) == f"{tmp_path.as_uri()}/a/b.parquet"
    assert uri(tmp_path.as_uri()) == f"{tmp_path.as_uri()}/a/b.parquet"


@pytest.mark.parametrize("url", ["", "s3://", "https://example.com/a", "file://host/a"])
def test_an_address_of_another_kind_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="url"):
        StorageConfig(url=url)


def test_wrong_keys_are_denied(s3_endpoint: S3Endpoint, tmp_path: Path) -> None:
    config = make_s3(s3_endpoint) | {"secret_key": "wrong"}
    storage = ObjectStorage(StorageConfig.model_validate(config))
    path = local(tmp_path, b"1")
    with pytest.raises(AccessDeniedError) as caught:
        storage.put("a", path)
    assert "wrong" not in caught.value.message
    with pytest.raises(AccessDeniedError):
        storage.exists("a")
    with pytest.raises(AccessDeniedError), storage.open("a"):
        pass
    with pytest.raises(AccessDeniedError):
        list(storage.list("a"))


def test_a_bucket_that_is_not_there_is_a_mistake_of_the_configuration(
    moto_url: str, s3_endpoint: S3Endpoint, gcs_url: str, tmp_path: Path
) -> None:
    for config in (
        s3_config(S3Endpoint(moto_url, "test", "test"), "not-there"),
        s3_config(s3_endpoint, "not-there"),
        {"url": "gs://not-there", "endpoint": gcs_url},
    ):
        storage = ObjectStorage(StorageConfig.model_validate(config))
        with pytest.raises(ConfigError):
            storage.put("a", local(tmp_path, b"1"))
        with pytest.raises(ConfigError):
            storage.put("a", local(tmp_path, bytes(LARGE)))


def test_a_server_that_is_away_is_asked_again_later(tmp_path: Path) -> None:
    config = s3_config(S3Endpoint(nobody(), "test", "test"), "bucket")
    storage = ObjectStorage(StorageConfig.model_validate(config))
    with pytest.raises(RetryableError):
        storage.put("a", local(tmp_path, b"1"))
    with pytest.raises(RetryableError):
        storage.exists("a")
    with pytest.raises(RetryableError), storage.open("a"):
        pass


def test_a_forked_child_is_refused_and_does_not_hang(tmp_path: Path) -> None:
    storage = ObjectStorage(StorageConfig(url=str(tmp_path)))
    storage.put("a", local(tmp_path.parent, b"1"))
    context = multiprocessing.get_context("fork")
    answers: Any = context.SimpleQueue()

    def child() -> None:
        try:
            answers.put(read(ObjectStorage(StorageConfig(url=str(tmp_path))), "a"))
        except FatalError as error:
            answers.put(error.message)

    process = context.Process(target=child)
    process.start()
    process.join(30)
    stuck = process.is_alive()
    process.kill()
    assert not stuck
    assert "forked" in answers.get()
