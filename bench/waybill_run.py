"""Waybill: a real worker takes a shape from the bucket to committed rows and answered senders.

The clock starts as `discover` is put into the broker. It stops, by the times in the ledger, when
the last batch is committed; and once more when the last receipt is written.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from celery import Celery

from bench.measurement import Measurement
from bench.processes import cpu_of_others, watched
from bench.servers import Emulator, Shared, emulator
from bench.setting import PROJECT, write_setting
from bench.shapes import Made

ENDS_SECONDS = 1800.0


class RunError(Exception):
    """Waybill did not bring every row, or did not say of a bad cell that it is bad."""


def measure(made: Made, warm: Made, servers: Shared, folder: Path, concurrency: int) -> Measurement:
    """Run a fresh worker once on a shape whose files are in the bucket, and check what it did."""
    folder.mkdir(parents=True)
    with emulator(folder / "bigquery") as warehouse:
        config = write_setting(folder, made.shape, warm.shape, servers, warehouse.url)
        apply(config)
        ledger = folder / "ledger.db"
        app = Celery("bench", broker=servers.redis_url)
        with worker(config, concurrency) as process:
            discover(app, "warm")
            await_told(ledger, "warm", warm.shape.files, process)
            jobs, server = warehouse.load_jobs(), warehouse.cpu_seconds()
            others = cpu_of_others(process.pid, warehouse.process.pid)
            with watched(psutil.Process(process.pid)) as usage:
                started = discover(app, made.shape.name)
                await_told(ledger, made.shape.name, made.shape.files, process)
            server = warehouse.cpu_seconds() - server
            others = cpu_of_others(process.pid, warehouse.process.pid) - others
            jobs = warehouse.load_jobs() - jobs
            batches = ask(ledger, "SELECT COUNT(*) FROM batches WHERE feed = ?", made.shape.name)
        _check(made, warehouse)
        phases = _phases(ledger, made.shape.name, started)
    return Measurement(
        wall=phases["committed"],
        cpu=usage.cpu,
        server_cpu=server,
        peak_rss=usage.peak_rss,
        peak_pss=usage.peak_pss,
        load_jobs=jobs,
        batches=int(batches[0][0]),
        others_cpu=others,
        phases=phases,
    )


@contextmanager
def worker(config: Path, concurrency: int) -> Iterator[subprocess.Popen[bytes]]:
    """A `waybill worker` process, once it is ready; ended with TERM."""
    log = config.with_name("worker.log")
    command = [
        *_waybill(config), "worker", "--concurrency", str(concurrency), "--log-level", "info",
    ]  # fmt: skip
    with log.open("wb") as sink:
        process = subprocess.Popen(command, stdout=sink, stderr=sink, start_new_session=True)
    try:
        until(lambda: b" ready." in log.read_bytes(), process, 120, every=0.02)
        yield process
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def until(
    true: Callable[[], bool], process: subprocess.Popen[bytes], seconds: float, every: float
) -> None:
    """Wait for something that the process brings about; raises RunError if it never does."""
    deadline = time.monotonic() + seconds
    while not true():
        if process.poll() is not None:
            raise RunError(f"the worker ended with status {process.returncode}")
        if time.monotonic() > deadline:
            raise RunError(f"the worker was not done after {seconds:.0f} s")
        time.sleep(every)


def _waybill(config: Path) -> list[str]:
    return [sys.executable, "-m", "entrypoints.cli", "--config", str(config)]


def apply(config: Path) -> None:
    """Make the tables and the ledger of a setting."""
    """Make the ledger and the tables as the configuration says."""
    subprocess.run([*_waybill(config), "apply"], check=True, stdout=subprocess.DEVNULL)


def discover(app: Celery, feed: str) -> float:
    """Ask for a feed's files to be discovered; when that was."""
    with app.connection_for_write() as connection:
        connection.ensure_connection()
        now = time.time()
        app.send_task("waybill.discover", args=(feed,), queue="discover", connection=connection)
    return now


def await_told(ledger: Path, feed: str, files: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until so many files of a feed are done; raises RunError if one fails."""

    def told() -> bool:
        ended = ask(
            ledger,
            "SELECT status, COUNT(*) FROM files WHERE feed = ? GROUP BY status",
            feed,
        )
        counts = dict(ended)
        if counts.get("failed"):
            ((reason,),) = ask(
                ledger,
                "SELECT reason FROM files WHERE feed = ? AND status = 'failed' LIMIT 1",
                feed,
            )
            raise RunError(f"a file failed: {reason}")
        return int(counts.get("done", 0)) >= files

    until(told, process, ENDS_SECONDS, every=0.1)


def ask(ledger: Path, sql: str, *values: str) -> list[tuple[Any, ...]]:
    """Rows of the ledger, read without disturbing its writers."""
    connection = sqlite3.connect(f"file:{ledger}?mode=ro", uri=True, timeout=30)
    try:
        return connection.execute(sql, values).fetchall()
    finally:
        connection.close()


def _phases(ledger: Path, feed: str, started: float) -> dict[str, float]:
    """Where the wall clock went, by the timelines: seconds from the start to `committed` and
    `acknowledged`, the span of all preparing, the wait before the load, all loads, and the span
    of the answers."""
    events = ask(
        ledger,
        "SELECT e.step, e.outcome, e.at, e.seconds FROM events e JOIN files f USING (file_id)"
        " WHERE f.feed = ?",
        feed,
    )
    ends: dict[str, list[tuple[float, float]]] = {}
    for step, _, at, seconds in events:
        end = datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp()
        ends.setdefault(step, []).append((end - (seconds or 0.0), end))
    prepared, loaded, told = (ends[step] for step in ("prepare", "load", "acknowledge"))
    # A batch's load is told of each of its files.
    loads = {seconds for step, _, _, seconds in events if step == "load" and seconds}
    first_load = min(start for start, _ in loaded)
    last_prepared = max(end for _, end in prepared)
    return {
        "committed": max(end for _, end in loaded) - started,
        "acknowledged": max(end for _, end in told) - started,
        "until prepare": min(start for start, _ in prepared) - started,
        "prepare": last_prepared - min(start for start, _ in prepared),
        "wait for load": max(0.0, first_load - last_prepared),
        "load": sum(loads),
        "acknowledge": max(end for _, end in told) - min(start for start, _ in told),
    }


def _check(made: Made, warehouse: Emulator) -> None:
    """Every row is in its table or among the rejected ones, and every bad cell is named."""
    bad_lines = {line for line, _ in made.bad_cells}
    loaded, wanted = warehouse.count(made.shape.name), made.shape.rows - len(bad_lines)
    if loaded != wanted:
        raise RunError(f"{loaded:,} rows are in the table where {wanted:,} should be")
    if not made.bad_cells:
        return
    sql = (
        "SELECT line, JSON_VALUE(p, '$.column') FROM"
        f" `{PROJECT}.etl_meta.rejected_rows`, UNNEST(JSON_QUERY_ARRAY(problems)) AS p"
    )
    named = {tuple(row.values()) for row in warehouse.client.query_and_wait(sql)}
    missing = made.bad_cells - named
    if missing:
        raise RunError(f"{len(missing):,} bad cells are not named, such as {min(missing)}")
