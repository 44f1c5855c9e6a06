"""API reads: one file a request, and pages of lists, over a ledger with much history.

`python -m bench.api_reads --files 1000000` prints what a real `waybill web` answers on SQLite and
on PostgreSQL: reads of one file a second, and the 95th percentile of each kind of page.
"""

from __future__ import annotations

import http.client
import json
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory

import click
from pydantic import SecretStr

from bench.ledger_history import FEED, SOURCE, History, fill
from bench.setting import dump
from connectors.ledger import LedgerConfig, SqlLedger
from entrypoints.cli.options import open_runtime
from entrypoints.demo.postgres import postgres
from entrypoints.demo.process import HOST, free_ports
from entrypoints.demo.servers import valkey
from pipelines.operations.keys import create_key
from schemas.file_query import FileQuery
from schemas.key import Role

_CONTRACT = {
    "apiVersion": "v3.1.0", "kind": "DataContract", "id": FEED, "name": FEED, "version": "1.0.0",
    "status": "active",
    "schema": [{
        "name": FEED, "physicalType": "table",
        "properties": [{"name": "id", "logicalType": "string", "physicalType": "STRING"}],
    }],
}  # fmt: skip
_FEED = f"""
from pipelines import Feed

feed = Feed(name="{FEED}", source="{SOURCE}", match="**", contract="{FEED}")
"""
_SECONDS, _CLIENTS, _PAGES = 10.0, 2, 200

type Ask = Callable[[str], bytes]


@click.command()
@click.option("--files", default=1_000_000, show_default=True)
@click.option("--database", "databases", multiple=True, default=("sqlite", "postgres"))
def main(files: int, databases: tuple[str, ...]) -> None:
    """Measure reads by the API."""
    for database in databases:
        with TemporaryDirectory(prefix="waybill-api-") as name, ledger_of(database) as url:
            with valkey(Path(name) / "valkey") as redis_url:
                _measure(Path(name), database, url or sqlite_in(name), redis_url, files)


@contextmanager
def ledger_of(database: str) -> Iterator[str | None]:
    """The address of an empty PostgreSQL database; None for SQLite, which needs no server."""
    if database == "sqlite":
        yield None
        return
    with TemporaryDirectory(prefix="waybill-api-postgres-") as folder:
        with postgres(Path(folder)) as url:
            yield url


def sqlite_in(folder: str) -> str:
    """The address of a ledger in a folder."""
    return f"sqlite:///{folder}/ledger.db"


def _measure(folder: Path, database: str, ledger_url: str, redis_url: str, files: int) -> None:
    [port] = free_ports(1)
    config = write_config(folder, ledger_url, redis_url, port)
    ledger = SqlLedger(LedgerConfig(url=SecretStr(ledger_url)))
    ledger.migrate()
    fill(ledger, History(files, 1000))
    token = create_key(open_runtime(config), "bench", Role.VIEWER, ["*"]).token
    narrow = create_key(open_runtime(config), "bench", Role.VIEWER, [FEED]).token
    some, _ = ledger.file_pages.newest(FileQuery(), None, None, 200)
    ids = [file.file_id for file in some]
    with waiting_web(config, port):
        ask = _asking(port, token)
        rate = _rate(port, token, ids)
        click.echo(f"{database}: {files:,} files, {rate:,.0f} reads of one file a second")
        for name, paths in _lists(ask, files).items():
            for kind, key in (("all feeds", token), ("one feed", narrow)):
                p95 = _p95(_asking(port, key), paths)
                click.echo(f"  {name}, key for {kind}: p95 {1000 * p95:,.0f} ms")


def write_config(folder: Path, ledger_url: str, redis_url: str, port: int) -> Path:
    """A config.yaml of one feed in a folder."""
    for name in ("contracts", "feeds", "work", "drop"):
        (folder / name).mkdir()
    dump(_CONTRACT, folder / "contracts" / f"{FEED}.odcs.yaml")
    (folder / "feeds" / f"{FEED}.py").write_text(_FEED)
    secret = folder / "ledger_url"
    secret.write_text(ledger_url)
    secret.chmod(0o600)
    config = folder / "config.yaml"
    dump(
        {
            "broker": {"url": redis_url},
            "ledger": {"type": "sql", "url_file": str(secret)},
            "storage": {"type": "objects", "url": str(folder / "storage")},
            "warehouse": {"type": "bigquery", "project": "demo", "api_endpoint": "http://[::1]:9"},
            "sources": {SOURCE: {"type": "folder", "path": str(folder / "drop")}},
            "folders": {name: str(folder / name) for name in ("contracts", "feeds", "work")},
            "web": {"port": port, "processes": 2, "requests_a_minute": 10_000_000},
        },
        config,
    )
    return config


@contextmanager
def waiting_web(config: Path, port: int) -> Iterator[int]:
    """The process id of a `waybill web`, once it answers."""
    command = [sys.executable, "-m", "entrypoints.cli", "--config", str(config), "web"]
    with (config.parent / "web.log").open("wb") as sink:
        process = subprocess.Popen([*command, "--log-level", "warning"], stdout=sink, stderr=sink)
    try:
        _wait(port)
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _asking(port: int, token: str) -> Ask:
    """One connection that is kept."""
    connection = http.client.HTTPConnection(HOST, port, timeout=60)
    headers = {"Authorization": f"Bearer {token}"}

    def ask(path: str) -> bytes:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {body[:200]!r}")
        return body

    return ask


def _wait(port: int) -> None:
    until = time.monotonic() + 60
    while True:
        try:
            _asking(port, "")("/readyz")
            return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


def _rate(port: int, token: str, ids: list[str]) -> float:
    """Reads of one file a second, by several clients at once."""
    counts, stop = [0] * _CLIENTS, time.monotonic() + _SECONDS

    def read(number: int) -> None:
        ask = _asking(port, token)
        while time.monotonic() < stop:
            ask(f"/api/v1/files/{random.choice(ids)}")
            counts[number] += 1

    clients = [threading.Thread(target=read, args=(each,)) for each in range(_CLIENTS)]
    for each in clients:
        each.start()
    for each in clients:
        each.join()
    return sum(counts) / _SECONDS


def _lists(ask: Ask, files: int) -> dict[str, list[str]]:
    """Addresses of pages of each kind, some of them deep in the list."""
    deep, path = [], "/api/v1/files?limit=50"
    for _ in range(20):
        deep.append(path)
        path = json.loads(ask(path))["next"] or path
    names = [f"report-{number:07}" for number in random.sample(range(files), min(files, 20))]
    return {
        "newest": deep,
        "of one outcome": ["/api/v1/files?status=partly", "/api/v1/files?status=failed"],
        "by the start of a name": [f"/api/v1/files?starts={name}" for name in names],
        "by a start that all have": ["/api/v1/files?starts=report"],
        "by a start that none has": ["/api/v1/files?starts=zzz"],
        "by what a name contains": [
            f"/api/v1/files?feed={FEED}&contains={name[-4:]}" for name in names[:5]
        ],
        "of a sender": ["/api/v1/files?sender=nobody@example.com"],
    }


def _p95(ask: Ask, paths: list[str]) -> float:
    seconds = []
    for number in range(_PAGES):
        began = time.perf_counter()
        ask(paths[number % len(paths)])
        seconds.append(time.perf_counter() - began)
    return quantiles(seconds, n=20)[-1]


if __name__ == "__main__":
    main()
