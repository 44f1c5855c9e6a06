"""One suite that every source of dropped files passes, and what is particular to each."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

import boto3
import pytest

from connectors.folder import FolderConfig, FolderSource
from connectors.folder_files import remove_same
from connectors.protocols import FetchesMany, FinishesMany, Source, Withdraws
from connectors.s3.client import S3Config
from connectors.s3.source import S3Source
from connectors.s3.spans import SPAN_BYTES
from entrypoints.demo.servers import S3Endpoint
from schemas.errors import (
    AccessDeniedError,
    ConfigError,
    ItemChangedError,
    RetryableError,
    WaybillError,
)
from schemas.file import Counts, Outcome
from schemas.item import Item
from schemas.left_document import LeftDocument
from schemas.receipt import Answer, Document, Receipt


@dataclass(frozen=True)
class Drop:
    """A place where a sender drops files, seen from both sides."""

    source: Source
    write: Callable[[str, bytes], object]
    read: Callable[[str], bytes]
    remove: Callable[[str], object]
    keeps_versions: bool = False


@dataclass(frozen=True)
class Bucket:
    """A new bucket, and the configuration that reaches it."""

    client: Any
    config: S3Config

    def source(self, **changes: object) -> S3Source:
        return S3Source(S3Config.model_validate({**self.config.model_dump(), **changes}))

    def write(self, key: str, content: bytes) -> None:
        self.client.put_object(Bucket=self.config.bucket, Key=key, Body=content)

    def read(self, key: str) -> bytes:
        reply = self.client.get_object(Bucket=self.config.bucket, Key=key)
        return bytes(reply["Body"].read())

    def keys(self) -> set[str]:
        listed = self.client.list_objects_v2(Bucket=self.config.bucket)
        return {each["Key"] for each in listed.get("Contents", [])}

    def drop(self, keeps_versions: bool = False) -> Drop:
        return Drop(
            self.source(),
            self.write,
            self.read,
            lambda key: self.client.delete_object(Bucket=self.config.bucket, Key=key),
            keeps_versions,
        )


def make_bucket(endpoint: S3Endpoint, *, versioned: bool = False) -> Bucket:
    config = S3Config.model_validate(
        {
            "bucket": f"drop-{uuid.uuid4().hex[:12]}",
            "endpoint": endpoint.url,
            "region": endpoint.region,
            "access_key": endpoint.access_key,
            "secret_key": endpoint.secret_key,
        }
    )
    client = boto3.client(
        "s3",
        endpoint_url=endpoint.url,
        region_name=endpoint.region,
        aws_access_key_id=endpoint.access_key,
        aws_secret_access_key=endpoint.secret_key,
    )
    client.create_bucket(Bucket=config.bucket)
    if versioned:
        client.put_bucket_versioning(
            Bucket=config.bucket, VersioningConfiguration={"Status": "Enabled"}
        )
    return Bucket(client, config)


def make_folder(path: Path) -> Drop:
    def write(key: str, content: bytes) -> None:
        (path / key).parent.mkdir(parents=True, exist_ok=True)
        (path / key).write_bytes(content)

    return Drop(
        folder_source(path),
        write,
        lambda key: (path / key).read_bytes(),
        lambda key: (path / key).unlink(),
    )


def folder_source(path: Path, **more: Any) -> FolderSource:
    return FolderSource(FolderConfig(**{"path": path, "settle_seconds": 0, **more}))


@pytest.fixture
def moto(moto_url: str) -> S3Endpoint:
    return S3Endpoint(moto_url, "test", "test")


@pytest.fixture(params=["s3-moto", "s3-moto-versioned", "s3-seaweed", "folder"])
def drop(request: pytest.FixtureRequest, tmp_path: Path) -> Drop:
    match request.param:
        case "s3-moto":
            return make_bucket(request.getfixturevalue("moto")).drop()
        case "s3-moto-versioned":
            bucket = make_bucket(request.getfixturevalue("moto"), versioned=True)
            return bucket.drop(keeps_versions=True)
        case "s3-seaweed":
            return make_bucket(request.getfixturevalue("s3_endpoint")).drop()
    return make_folder(tmp_path)


def nobody() -> str:
    """An address at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def drain(stream: BinaryIO) -> bytes:
    return b"".join(iter(lambda: stream.read(100_000), b""))


def listed(source: Source, match: str = "**") -> dict[str, Item]:
    return {item.key: item for page in source.list(match, None) for item in page.items}


def answer(folder: Path, key: str, text: str = "{}") -> Answer:
    folder.mkdir(exist_ok=True)
    (folder / "receipt.json").write_text(text, encoding="utf-8")
    (folder / "rejected.csv").write_bytes(b"line,column\r\n2,price\r\n")
    receipt = Receipt(
        file_id="0" * 16,
        feed="orders",
        table="project.sales.orders",
        name=key.rpartition("/")[2],
        key=key,
        outcome=Outcome.PARTLY,
        counts=Counts(read=2, loaded=1, rejected=1),
        sent_at=datetime.now(UTC),
        loaded_at=datetime.now(UTC),
    )
    documents = (
        Document(suffix=".rejected.csv", content_type="text/csv", path=folder / "rejected.csv"),
        Document(
            suffix=".receipt.json", content_type="application/json", path=folder / "receipt.json"
        ),
    )
    return Answer(receipt=receipt, text="partly", documents=documents)


def test_lists_what_matches_and_nothing_of_our_own(drop: Drop) -> None:
    drop.write("orders/2026/a b+ü%.csv", b"id\n1\n")
    drop.write("orders/empty.csv", b"")
    drop.write("orders/orders.rejected.fixed.csv", b"id\n2\n")
    for other in (
        "orders/a.csv.receipt.json",
        "orders/a.csv.receipt.txt",
        "orders/a.csv.rejected.csv",
        "orders.csv",
        "orders-old/a.csv",
    ):
        drop.write(other, b"id\n3\n")
    found = listed(drop.source, "orders/**/*.*")
    assert set(found) == {
        "orders/2026/a b+ü%.csv",
        "orders/empty.csv",
        "orders/orders.rejected.fixed.csv",
    }
    item = found["orders/2026/a b+ü%.csv"]
    assert (item.name, item.size) == ("a b+ü%.csv", 5)
    assert item.sent_at.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - item.sent_at) < timedelta(hours=1)
    assert set(listed(drop.source, "orders/*.csv")) == set(found) - {item.key}


def test_streams_exactly_the_bytes_that_were_listed(drop: Drop) -> None:
    content = os.urandom(3_000_001)
    drop.write("a.bin", content)
    with drop.source.open(listed(drop.source)["a.bin"]) as stream:
        parts = [stream.read(7), stream.read(1_000_000)]
        buffer = bytearray(10)
        assert stream.readinto(buffer) == 10  # type: ignore[attr-defined]
        parts += [bytes(buffer), stream.read()]
        assert stream.read(1) == b""
    assert b"".join(parts) == content


@pytest.mark.parametrize("change", ["overwritten", "removed"])
def test_never_streams_another_version(drop: Drop, change: str) -> None:
    drop.write("a.csv", b"id\n1\n")
    item = listed(drop.source)["a.csv"]
    if change == "overwritten":
        drop.write("a.csv", b"id\n22\n")
        assert listed(drop.source)["a.csv"].version != item.version
    else:
        drop.remove("a.csv")
        assert listed(drop.source) == {}
    if drop.keeps_versions:
        with drop.source.open(item) as stream:
            assert stream.read() == b"id\n1\n"
        return
    with pytest.raises(ItemChangedError):
        with drop.source.open(item):
            pass


def test_an_untouched_file_stays_the_same_item(drop: Drop) -> None:
    drop.write("a.csv", b"id\n1\n")
    assert listed(drop.source) == listed(drop.source)


def test_answers_appear_beside_the_drop_and_again_when_repeated(drop: Drop, tmp_path: Path) -> None:
    drop.write("in/a.csv", b"id\n1\n")
    before = listed(drop.source, "in/**")
    folder = tmp_path / "answer"
    drop.source.acknowledge(before["in/a.csv"], answer(folder, "in/a.csv", "{}"))
    drop.source.acknowledge(before["in/a.csv"], answer(folder, "in/a.csv", '{"n": 2}'))
    assert drop.read("in/a.csv.receipt.json") == b'{"n": 2}'
    assert drop.read("in/a.csv.rejected.csv") == b"line,column\r\n2,price\r\n"
    assert drop.read("in/a.csv") == b"id\n1\n"
    assert listed(drop.source, "in/**") == before


def test_an_answer_is_forgotten_and_the_original_stays(drop: Drop, tmp_path: Path) -> None:
    drop.write("in/a.csv", b"id\n1\n")
    item = listed(drop.source, "in/**")["in/a.csv"]
    assert drop.source.forget(item) == 0
    given = answer(tmp_path / "answer", "in/a.csv", "{}")
    drop.source.acknowledge(item, given)
    assert drop.source.forget(item) == len(given.documents)
    assert drop.source.forget(item) == 0
    assert drop.read("in/a.csv") == b"id\n1\n"


def test_only_what_we_have_left_is_taken_back(drop: Drop, tmp_path: Path) -> None:
    """Rejected rows that somebody is correcting in place are theirs, also of the same length."""
    assert isinstance(drop.source, Withdraws)
    drop.write("in/a.csv", b"id\n1\n")
    item = listed(drop.source, "in/**")["in/a.csv"]
    given = answer(tmp_path / "answer", "in/a.csv", "{}")
    [rejected] = [each for each in given.documents if each.suffix == ".rejected.csv"]
    left = LeftDocument.of(rejected.suffix, rejected.path)
    assert not drop.source.withdraw(item, left, b"nothing")
    drop.source.acknowledge(item, given)
    written = rejected.path.read_bytes()
    for other in (written.replace(b"2", b"3"), written + b"4,x\r\n", b""):
        drop.write("in/a.csv.rejected.csv", other)
        assert not drop.source.withdraw(item, left, b"nothing")
        assert drop.read("in/a.csv.rejected.csv") == other
    drop.source.acknowledge(item, given)
    assert drop.source.withdraw(item, left, b"nothing")
    assert not drop.source.withdraw(item, left, b"nothing")
    assert drop.read("in/a.csv.receipt.json") == b"{}"
    assert drop.source.forget(item) == len(given.documents) - 1


def test_a_stale_answer_that_goes_while_it_is_looked_at_is_gone(tmp_path: Path) -> None:
    """A missing file must not be taken for a missing folder, which would stop the feed."""
    (tmp_path / "written").write_bytes(b"k\n")
    left = LeftDocument.of(".rejected.csv", tmp_path / "written")
    assert not remove_same(tmp_path / "gone", left, b"nothing")


@pytest.mark.parametrize("size", [0, SPAN_BYTES, SPAN_BYTES + 1, 3 * SPAN_BYTES + 5])
def test_a_file_comes_whole_whatever_its_size(drop: Drop, size: int) -> None:
    content = os.urandom(size)
    drop.write("in/a.bin", content)
    item = listed(drop.source, "in/**")["in/a.bin"]
    for known in (item, replace(item, size=None)):
        with drop.source.open(known) as stream:
            assert drain(stream) == content


def test_a_long_listing_comes_in_pages(drop: Drop) -> None:
    keys = {f"in/{number:05}.csv" for number in range(1005)}
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda key: drop.write(key, b"1"), keys))
    pages = list(drop.source.list("in/*.csv", None))
    found = [item.key for page in pages for item in page.items]
    assert len(pages) == 2
    assert all(page.cursor is None for page in pages)
    assert len(found) == len(keys)
    assert set(found) == keys


def test_a_check_says_what_answered(drop: Drop) -> None:
    assert drop.source.check().startswith(("bucket ", "versioned bucket ", "folder "))


def test_many_come_as_each_would_alone(drop: Drop, tmp_path: Path) -> None:
    assert isinstance(drop.source, FetchesMany)
    bodies = {f"in/{number:02}.csv": os.urandom(number * 500) for number in range(40)}
    bodies["in/large.csv"] = os.urandom(SPAN_BYTES + 9)
    for key, content in bodies.items():
        drop.write(key, content)
    there = listed(drop.source, "in/**")
    items = [there[key] for key in bodies]
    drop.write("in/07.csv", b"overwritten")
    drop.remove("in/09.csv")
    items[5] = replace(items[5], size=None)
    folder = tmp_path / "fetched"
    folder.mkdir()
    found: dict[str, bytes | WaybillError] = {}
    for item, result in drop.source.fetch_many(items, folder):
        assert item.key not in found
        assert len(list(folder.iterdir())) <= 20
        found[item.key] = result.read_bytes() if isinstance(result, Path) else result
        if isinstance(result, Path):
            assert result.parent == folder
            result.unlink()
    assert list(folder.iterdir()) == []
    assert found.keys() == bodies.keys()
    for key in () if drop.keeps_versions else ("in/07.csv", "in/09.csv"):
        del bodies[key]
        assert isinstance(found.pop(key), ItemChangedError)
    assert found == bodies
    assert list(drop.source.fetch_many([], folder)) == []


# A bucket in particular


def test_what_is_wrong_with_a_bucket_is_told_of_every_item(
    moto: S3Endpoint, tmp_path: Path
) -> None:
    bucket = make_bucket(moto)
    for number in range(3):
        bucket.write(f"{number}.csv", b"1")
    items = list(listed(bucket.source()).values())
    for source, kind in (
        (bucket.source(endpoint=nobody()), RetryableError),
        (bucket.source(bucket="not-there"), ConfigError),
    ):
        found = [result for _, result in source.fetch_many(items, tmp_path)]
        assert [isinstance(each, kind) for each in found] == [True] * 3
    assert list(tmp_path.iterdir()) == []


def test_many_originals_move_but_never_a_newer_version(moto: S3Endpoint) -> None:
    bucket = make_bucket(moto)
    source = bucket.source(move_to="done")
    assert isinstance(source, FinishesMany)
    for number in range(20):
        bucket.write(f"in/{number:02}.csv", b"1")
    items = list(listed(source).values())
    bucket.write("in/03.csv", b"22")
    for _ in range(2):
        assert [error for _, error in source.finish_many(items)] == [None] * 20
    assert set(listed(source)) == {"in/03.csv"}
    assert len(bucket.keys()) == 20


def test_folder_marks_and_empty_markers_are_no_files(moto: S3Endpoint) -> None:
    bucket = make_bucket(moto)
    for key in ("in/", "in/_SUCCESS", "in/.keep", "in/a_$folder$", "in/empty.csv"):
        bucket.write(key, b"")
    bucket.write("in/.gitkeep", b"not empty")
    assert set(listed(bucket.source())) == {"in/empty.csv", "in/.gitkeep"}


def test_a_prefix_narrows_and_a_match_outside_it_is_refused(moto: S3Endpoint) -> None:
    bucket = make_bucket(moto)
    for key in ("eu/orders/a.csv", "eu/payouts/a.csv", "us/orders/a.csv"):
        bucket.write(key, b"1")
    source = bucket.source(prefix="eu/")
    assert set(listed(source, "**/*.csv")) == {"eu/orders/a.csv", "eu/payouts/a.csv"}
    assert set(listed(source, "eu/orders/*.csv")) == {"eu/orders/a.csv"}
    with pytest.raises(ConfigError):
        listed(source, "us/*.csv")


@pytest.mark.parametrize("versioned", [False, True])
def test_originals_move_but_never_a_newer_version(
    moto: S3Endpoint, tmp_path: Path, versioned: bool
) -> None:
    bucket = make_bucket(moto, versioned=versioned)
    source = bucket.source(move_to="done", receipts_prefix="/receipts/")
    for key in ("in/a.csv", "in/b.csv"):
        bucket.write(key, b"1")
    items = listed(source)
    bucket.write("in/b.csv", b"22")
    for _ in range(2):
        for key, item in items.items():
            source.acknowledge(item, answer(tmp_path, key))
    assert bucket.keys() == {
        "in/b.csv",
        "done/in/a.csv",
        "receipts/in/a.csv.receipt.json",
        "receipts/in/a.csv.rejected.csv",
        "receipts/in/b.csv.receipt.json",
        "receipts/in/b.csv.rejected.csv",
    }
    assert bucket.read("in/b.csv") == b"22"
    assert bucket.read("done/in/a.csv") == b"1"
    assert set(listed(source)) == {"in/b.csv"}
    # A mark over the key would hide a version that arrives at the same moment.
    versions = bucket.client.list_object_versions(Bucket=bucket.config.bucket)
    assert versions.get("DeleteMarkers", []) == []


def test_answers_carry_their_content_type(moto: S3Endpoint, tmp_path: Path) -> None:
    bucket = make_bucket(moto)
    bucket.write("a.csv", b"1")
    source = bucket.source()
    source.acknowledge(listed(source)["a.csv"], answer(tmp_path, "a.csv"))
    head = bucket.client.head_object(Bucket=bucket.config.bucket, Key="a.csv.receipt.json")
    assert head["ContentType"] == "application/json"


def test_wrong_keys_are_denied(s3_endpoint: S3Endpoint, tmp_path: Path) -> None:
    bucket = make_bucket(s3_endpoint)
    bucket.write("a.csv", b"1")
    item = listed(bucket.source())["a.csv"]
    stranger = bucket.source(secret_key="wrong")
    with pytest.raises(AccessDeniedError) as caught:
        listed(stranger)
    assert "wrong" not in caught.value.message
    with pytest.raises(AccessDeniedError):
        stranger.check()
    with pytest.raises(AccessDeniedError), stranger.open(item):
        pass
    with pytest.raises(AccessDeniedError):
        stranger.acknowledge(item, answer(tmp_path, "a.csv"))


def test_a_bucket_that_is_not_there_is_a_mistake_of_the_configuration(
    moto: S3Endpoint, s3_endpoint: S3Endpoint
) -> None:
    for endpoint in (moto, s3_endpoint):
        source = make_bucket(endpoint).source(bucket="not-there")
        with pytest.raises(ConfigError):
            listed(source)
        with pytest.raises(ConfigError):
            source.check()


def test_a_server_that_is_away_is_asked_again_later(moto: S3Endpoint, tmp_path: Path) -> None:
    bucket = make_bucket(moto)
    bucket.write("a.csv", b"1")
    item = listed(bucket.source())["a.csv"]
    away = bucket.source(endpoint=nobody())
    with pytest.raises(RetryableError) as caught:
        away.check()
    assert not isinstance(caught.value, ItemChangedError)
    with pytest.raises(RetryableError), away.open(item):
        pass
    with pytest.raises(RetryableError):
        away.acknowledge(item, answer(tmp_path, "a.csv"))


@pytest.mark.parametrize("size", [200_000, 2_000_000])
def test_a_connection_cut_while_reading_is_never_an_end_of_file(
    moto: S3Endpoint, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr("connectors.s3.spans.SPAN_BYTES", 300_000)
    bucket = make_bucket(moto)
    content = os.urandom(size)
    bucket.write("a.bin", content)
    item = listed(bucket.source())["a.bin"]
    with cutting_relay(moto.url, after=100_000, times=2) as url:
        with bucket.source(endpoint=url).open(item) as stream:
            assert drain(stream) == content
    with cutting_relay(moto.url, after=100_000) as url:
        with pytest.raises(RetryableError), bucket.source(endpoint=url).open(item) as stream:
            drain(stream)


def test_an_object_overwritten_while_it_is_read_is_not_mixed_with_another(
    moto: S3Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.s3.spans.SPAN_BYTES", 1_000)
    for versioned in (False, True):
        bucket = make_bucket(moto, versioned=versioned)
        bucket.write("a.bin", b"1" * 50_000)
        item = listed(bucket.source())["a.bin"]
        with bucket.source().open(item) as stream:
            begun = stream.read(10)
            bucket.write("a.bin", b"2" * 50_000)
            if versioned:
                assert begun + drain(stream) == b"1" * 50_000
            else:
                with pytest.raises(ItemChangedError):
                    drain(stream)


def test_a_role_is_assumed_before_anything_is_asked(moto: S3Endpoint) -> None:
    bucket = make_bucket(moto)
    bucket.write("a.csv", b"1")
    role = "arn:aws:iam::123456789012:role/reader"
    assert set(listed(bucket.source(role_arn=role, sts_endpoint=moto.url))) == {"a.csv"}
    nowhere = nobody()
    with pytest.raises(RetryableError):
        listed(bucket.source(role_arn=role, sts_endpoint=nowhere))


@contextmanager
def cutting_relay(url: str, after: int, times: int = 1_000) -> Iterator[str]:
    """A relay to a server that hangs up once a reply is longer than `after` bytes, so many times;
    it takes one request by connection."""
    target = urlsplit(url)
    server = socket.create_server(("127.0.0.1", 0))
    cuts = iter(range(times))

    def relay(client: socket.socket) -> None:
        with client, socket.create_connection((target.hostname, target.port)) as upstream:
            request = client.recv(65536)
            upstream.sendall(request.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
            sent = 0
            while data := upstream.recv(65536):
                client.sendall(data)
                sent += len(data)
                if sent >= after and next(cuts, None) is not None:
                    return

    def accept() -> None:
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            pool.submit(relay, client)

    with ThreadPoolExecutor(8) as pool:
        accepting = pool.submit(accept)
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
        finally:
            server.shutdown(socket.SHUT_RDWR)
            server.close()
            accepting.result()


# A folder in particular


def test_hidden_and_half_written_files_wait(tmp_path: Path) -> None:
    drop = make_folder(tmp_path)
    for key in (".a.csv", "a.csv.tmp", "a.csv.part", "a.csv~", ".git/a.csv", "a.csv"):
        drop.write(key, b"1")
    assert set(listed(drop.source)) == {"a.csv"}
    os.utime(tmp_path / "a.csv", (0, 0))
    assert listed(folder_source(tmp_path, settle_seconds=3600)) == {}


def test_links_out_of_the_folder_and_tricky_keys_lead_nowhere(tmp_path: Path) -> None:
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    outside.mkdir()
    (outside / "secret.csv").write_bytes(b"secret")
    drop = make_folder(inside)
    drop.write("a.csv", b"1")
    (inside / "link.csv").symlink_to(outside / "secret.csv")
    (inside / "folder").symlink_to(outside)
    os.mkfifo(inside / "pipe.csv")
    found = listed(drop.source)
    assert set(found) == {"a.csv"}
    secret = (outside / "secret.csv").stat()
    version = f"{secret.st_mtime_ns}:{secret.st_size}"
    for key in (
        "../outside/secret.csv",
        "link.csv",
        "folder/secret.csv",
        str(outside / "secret.csv"),
    ):
        item = Item(key=key, version=version, name="a", sent_at=datetime.now(UTC))
        with pytest.raises(ItemChangedError), drop.source.open(item):
            pass
        if key != "link.csv":
            with pytest.raises(ItemChangedError):
                drop.source.acknowledge(item, answer(tmp_path / "answer", key))
    assert sorted(path.name for path in outside.iterdir()) == ["secret.csv"]


def test_an_answer_replaces_a_link_and_does_not_write_through_it(tmp_path: Path) -> None:
    drop = make_folder(tmp_path / "in")
    drop.write("a.csv", b"1")
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    (tmp_path / "in" / "a.csv.receipt.json").symlink_to(victim)
    drop.source.acknowledge(listed(drop.source)["a.csv"], answer(tmp_path / "answer", "a.csv"))
    assert victim.read_bytes() == b"mine"
    assert drop.read("a.csv.receipt.json") == b"{}"
    assert not list((tmp_path / "in").glob(".*"))


def test_a_file_changed_while_it_is_read_is_refused(tmp_path: Path) -> None:
    drop = make_folder(tmp_path)
    drop.write("a.csv", bytes(3_000_000))
    item = listed(drop.source)["a.csv"]
    stack = ExitStack()
    stream = stack.enter_context(drop.source.open(item))
    stream.read(10)
    with (tmp_path / "a.csv").open("ab") as more:
        more.write(b"more")
    drain(stream)
    with pytest.raises(ItemChangedError):
        stack.close()


def test_a_fault_of_the_reader_is_not_taken_for_one_of_the_source(tmp_path: Path) -> None:
    drop = make_folder(tmp_path)
    drop.write("a.csv", b"1")
    item = listed(drop.source)["a.csv"]
    with pytest.raises(FileNotFoundError), drop.source.open(item):
        (tmp_path / "nowhere" / "copy").open("wb")


def test_answers_and_folders_go_where_the_configuration_says(tmp_path: Path) -> None:
    place = tmp_path / "drop"
    drop = make_folder(place)
    drop.write("in/a.csv", b"1")
    drop.write("b.csv", b"1")
    assert set(listed(folder_source(place, recursive=False))) == {"b.csv"}
    apart = folder_source(place, receipts_folder=place / "receipts")
    apart.acknowledge(listed(apart)["in/a.csv"], answer(tmp_path / "answer", "in/a.csv"))
    drop.write("receipts/no-drop.csv", b"1")
    assert drop.read("receipts/in/a.csv.receipt.json") == b"{}"
    assert not (place / "in" / "a.csv.receipt.json").exists()
    assert set(listed(apart)) == {"in/a.csv", "b.csv"}


def test_a_name_that_is_not_text_is_left_out_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    drop = make_folder(tmp_path)
    drop.write("a.csv", b"1")
    (tmp_path / os.fsdecode(b"\xff.csv")).write_bytes(b"1")
    assert set(listed(drop.source)) == {"a.csv"}
    assert "not UTF-8" in caplog.text


def test_a_folder_that_is_not_there_is_a_mistake_of_the_configuration(tmp_path: Path) -> None:
    source = folder_source(tmp_path / "nowhere")
    with pytest.raises(ConfigError):
        source.check()
    with pytest.raises(ConfigError):
        listed(source)
