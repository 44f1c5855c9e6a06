"""Uploads: by how much one of 100 MB raises the memory of the web process that takes it.

`python -m bench.uploads` sends it to a real `waybill web`, once with storage in a folder and once
on S3, after a small one that loads what is loaded late.
"""

from __future__ import annotations

import http.client
import json
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import psutil

from bench.api_reads import waiting_web
from bench.processes import watched
from bench.servers import client
from bench.setting import dump
from entrypoints.cli.options import open_runtime
from entrypoints.demo.process import HOST, free_ports
from entrypoints.demo.servers import S3Endpoint, seaweed, valkey
from pipelines.operations.keys import create_key
from schemas.key import Role

_BUCKET, _FEED, _MB = "uploads", "sales", 1_000_000
_CONTRACT = {
    "apiVersion": "v3.1.0", "kind": "DataContract", "id": _FEED, "name": _FEED,
    "version": "1.0.0", "status": "active",
    "schema": [{
        "name": _FEED, "physicalType": "table",
        "properties": [{"name": "id", "logicalType": "string", "physicalType": "STRING"}],
    }],
}  # fmt: skip
_FEED_FILE = f"""
from pipelines import Feed

feed = Feed(name="{_FEED}", source="uploads", match="**", contract="{_FEED}")
"""


@click.command()
@click.option("--megabytes", default=100, show_default=True)
def main(megabytes: int) -> None:
    """Measure the memory of an upload."""
    with TemporaryDirectory(prefix="waybill-uploads-") as name:
        folder = Path(name)
        with valkey(folder / "valkey") as redis_url, seaweed(folder / "s3") as s3:
            client(s3).create_bucket(Bucket=_BUCKET)
            for kind in ("folder", "s3"):
                here = folder / f"on-{kind}"
                here.mkdir()
                _measure(here, redis_url, s3 if kind == "s3" else None, megabytes)


def _measure(folder: Path, redis_url: str, s3: S3Endpoint | None, megabytes: int) -> None:
    [port] = free_ports(1)
    config = _write(folder, redis_url, s3, port)
    runtime = open_runtime(config)
    runtime.ledger.migrate()
    token = create_key(runtime, "bench", Role.OPERATOR, ["*"]).token
    with waiting_web(config, port) as pid:
        process = psutil.Process(pid)
        _put(port, token, "warm.csv", 1)
        before = process.memory_info().rss
        began = time.perf_counter()
        with watched(process) as usage:
            _put(port, token, "large.csv", megabytes)
        seconds = time.perf_counter() - began
    more = (usage.peak_rss - before) / _MB
    where = "S3" if s3 is not None else "a folder"
    click.echo(
        f"{megabytes} MB into {where}: {seconds:.1f} s, memory {before / _MB:.0f} MB"
        f" and at most {more:.1f} MB more"
    )


def _write(folder: Path, redis_url: str, s3: S3Endpoint | None, port: int) -> Path:
    for name in ("contracts", "feeds", "work"):
        (folder / name).mkdir()
    dump(_CONTRACT, folder / "contracts" / f"{_FEED}.odcs.yaml")
    (folder / "feeds" / f"{_FEED}.py").write_text(_FEED_FILE)
    storage = {"type": "objects", "url": str(folder / "storage")}
    if s3 is not None:
        secret = folder / "s3_secret"
        secret.write_text(s3.secret_key)
        secret.chmod(0o600)
        storage |= {
            "url": f"s3://{_BUCKET}/waybill", "endpoint": s3.url, "region": s3.region,
            "access_key": s3.access_key, "secret_key_file": str(secret),
        }  # fmt: skip
    config = folder / "config.yaml"
    dump(
        {
            "broker": {"url": redis_url},
            "ledger": {"type": "sql", "url": f"sqlite:///{folder}/ledger.db"},
            "storage": storage,
            "warehouse": {"type": "bigquery", "project": "demo", "api_endpoint": "http://[::1]:9"},
            "sources": {},
            "folders": {name: str(folder / name) for name in ("contracts", "feeds", "work")},
            "web": {"port": port},
        },
        config,
    )
    return config


def _put(port: int, token: str, name: str, megabytes: int) -> None:
    """Send so many megabytes in chunks."""
    connection = http.client.HTTPConnection(HOST, port, timeout=600)
    block = b"0123456789abcdef" * (_MB // 16)
    headers = {"Authorization": f"Bearer {token}"}
    path = f"/api/v1/feeds/{_FEED}/uploads/{name}"
    connection.request("PUT", path, (block for _ in range(megabytes)), headers)
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != 201 or json.loads(body)["size"] != megabytes * _MB:
        raise RuntimeError(f"{answer.status} {body[:300]!r}")


if __name__ == "__main__":
    main()
