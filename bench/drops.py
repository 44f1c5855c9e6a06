"""Drops: how long an idle service takes from looking, or from the drop, to the receipt, file by
file."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles
from typing import Any
from urllib.parse import quote_plus

import boto3
from celery import Celery
from ruamel.yaml import YAML

from bench.servers import Shared, client, emulator
from bench.setting import BUCKET, dump, write_setting
from bench.shapes import Made
from bench.waybill_run import apply, ask, await_told, discover, until, worker

_ENDS_SECONDS = 60.0
_DONE = "SELECT COUNT(*) FROM files WHERE feed = ? AND status = 'done'"


def measure_drops(made: Made, warm: Made, servers: Shared, folder: Path) -> list[float]:
    """Drop a shape's files one after the other, each once the one before is answered; the seconds
    from `discover` to the receipt of each."""
    folder.mkdir(parents=True)
    bucket, name = client(servers.s3), made.shape.name
    with emulator(folder / "bigquery") as warehouse:
        config = write_setting(folder, made.shape, warm.shape, servers, warehouse.url)
        apply(config)
        ledger, app = folder / "ledger.db", Celery("bench", broker=servers.redis_url)
        with worker(config, 2) as process:
            discover(app, "warm")
            await_told(ledger, "warm", warm.shape.files, process)
            found = []
            for number, path in enumerate(made.paths, start=1):
                bucket.put_object(Bucket=BUCKET, Key=f"{name}/{path.name}", Body=path.read_bytes())
                begun = discover(app, name)
                until(
                    lambda number=number: ask(ledger, _DONE, name)[0][0] >= number,  # type: ignore[misc]
                    process,
                    _ENDS_SECONDS,
                    every=0.02,
                )
                ((at,),) = ask(ledger, "SELECT MAX(done_at) FROM files WHERE feed = ?", name)
                told = datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp()
                found.append(told - begun)
                # The service is idle again before the next one comes.
                time.sleep(0.1)
    return found


def measure_events(made: Made, warm: Made, servers: Shared, folder: Path) -> list[float]:
    """Drop a shape's files one after the other and have S3's message about each put into a queue;
    the seconds from the end of each drop to its receipt. How long S3 takes to send its message is
    not in it: Amazon says that it is seconds at most as a rule."""
    folder.mkdir(parents=True)
    bucket, name = client(servers.s3), made.shape.name
    with emulator(folder / "bigquery") as warehouse, _queue() as (sqs, queue_url):
        config = write_setting(folder, made.shape, warm.shape, servers, warehouse.url)
        said = YAML(typ="safe", pure=True).load(config.read_text("utf-8"))
        said["sources"]["drop"]["events"] = {"type": "sqs", "queue_url": queue_url}
        dump(said, config)
        apply(config)
        ledger, app = folder / "ledger.db", Celery("bench", broker=servers.redis_url)
        with worker(config, 2) as process, _watch(config):
            discover(app, "warm")
            await_told(ledger, "warm", warm.shape.files, process)
            found = []
            for number, path in enumerate(made.paths, start=1):
                key = f"{name}/{path.name}"
                bucket.put_object(Bucket=BUCKET, Key=key, Body=path.read_bytes())
                begun = time.time()
                sqs.send_message(QueueUrl=queue_url, MessageBody=_message(key))
                until(
                    lambda number=number: ask(ledger, _DONE, name)[0][0] >= number,  # type: ignore[misc]
                    process,
                    _ENDS_SECONDS,
                    every=0.02,
                )
                ((at,),) = ask(ledger, "SELECT MAX(done_at) FROM files WHERE feed = ?", name)
                found.append(datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp() - begun)
                time.sleep(0.1)
    return found


def _message(key: str) -> str:
    told = {"bucket": {"name": BUCKET}, "object": {"key": quote_plus(key)}}
    event = {"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": told}
    return json.dumps({"Records": [event]})


@contextmanager
def _queue() -> Iterator[tuple[Any, str]]:
    """A client of a queue server, and a queue's address."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    sqs = boto3.client(
        "sqs", endpoint_url=f"http://{host}:{port}", region_name="us-east-1",
        aws_access_key_id="a", aws_secret_access_key="s",
    )  # fmt: skip
    try:
        yield sqs, sqs.create_queue(QueueName="drops")["QueueUrl"]
    finally:
        server.stop()


@contextmanager
def _watch(config: Path) -> Iterator[None]:
    """A `waybill watch` process, once it listens."""
    log = config.with_name("watch.log")
    command = [
        sys.executable, "-m", "entrypoints.cli", "--config", str(config),
        "watch", "--log-level", "info",
    ]  # fmt: skip
    with log.open("wb") as sink:
        process = subprocess.Popen(command, stdout=sink, stderr=sink)
    try:
        until(lambda: b"told by queue" in log.read_bytes(), process, 60, every=0.05)
        yield
    finally:
        process.terminate()
        process.wait(timeout=60)


def figures(seconds: list[float]) -> dict[str, float]:
    """The median, and what 95 of 100 stay below."""
    cuts = quantiles(seconds, n=100)
    return {"drop_p50": cuts[49], "drop_p95": cuts[94]}
