"""Load counts: what each file asks of the ledger, the broker and the warehouse, by counting.

A real worker takes small files from a bucket to the last receipt, with a ledger in PostgreSQL
behind a relay that counts, and a broker that counts by itself.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import psycopg
import redis

from bench.processes import watched
from bench.servers import Shared
from bench.service import Service, service
from bench.shapes import Made
from bench.wire import Traffic, counted
from entrypoints.demo.postgres import postgres

_BOOKKEEPING = ("info", "hello", "client", "auth", "select", "ping", "command")
_STATS = """
SELECT (SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()),
       (SELECT wal_bytes FROM pg_stat_wal),
       (SELECT sum(writes) FROM pg_stat_io WHERE object = 'wal' AND context = 'normal'),
       pg_database_size(current_database())
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """What so many files took, all together: seconds of wall clock and of processors, calls and
    bytes. `transactions` are those of the ledger that were committed, also such as only read;
    `wal_writes` is how often its log was written, and would be synced; `disk` is by how much it
    grew."""

    files: int
    seconds: float
    cpu: float
    ledger_cpu: float
    statements: int
    round_trips: int
    ledger_sent: int
    ledger_received: int
    transactions: int
    wal: int
    wal_writes: int
    disk: int
    broker_cpu: float
    commands: int
    broker_in: int
    broker_out: int
    load_jobs: int
    batches: int


@dataclass(frozen=True, slots=True)
class _Before:
    """Counters at one moment."""

    traffic: Traffic
    ledger: tuple[int, ...]
    broker: tuple[int, int, int]
    ledger_cpu: float
    broker_cpu: float
    load_jobs: int


def count(made: Made, warm: Made, servers: Shared, folder: Path, concurrency: int) -> Counts:
    """Take a shape's files, which are in the bucket, through a fresh worker and count."""
    folder.mkdir(parents=True)
    folder.chmod(0o711)
    with postgres(folder / "postgres") as url:
        plain = urlsplit(url)
        with counted(str(plain.hostname), int(plain.port or 0)) as (port, traffic):

            def change(config: dict[str, Any], _: Path) -> None:
                through = url.replace(f":{plain.port}/", f":{port}/")
                config["ledger"] = {"type": "sql", "url": through, "direct": url}

            with service(
                folder / "run", made.shape, warm.shape, servers, change, concurrency
            ) as running:
                running.take(warm.shape.name, warm.shape.files)
                before = _now(running, traffic, servers, url)
                with watched(psutil.Process(running.process.pid)) as usage:
                    started = running.take(made.shape.name, made.shape.files)
                    seconds = time.time() - started
                after = _now(running, traffic, servers, url)
                with psycopg.connect(url.replace("+psycopg", "")) as connection:
                    asked = "SELECT count(*) FROM batches WHERE feed = %s"
                    row = connection.execute(asked, (made.shape.name,)).fetchone()
    return _between(made.shape.files, seconds, usage.cpu, before, after, int(row[0] if row else 0))


def _between(
    files: int, seconds: float, cpu: float, before: _Before, after: _Before, batches: int
) -> Counts:
    commits, wal, wal_writes, disk = (
        b - a for a, b in zip(before.ledger, after.ledger, strict=True)
    )
    commands, into, out = (b - a for a, b in zip(before.broker, after.broker, strict=True))
    return Counts(
        files=files,
        seconds=seconds,
        cpu=cpu,
        ledger_cpu=after.ledger_cpu - before.ledger_cpu,
        statements=after.traffic.statements - before.traffic.statements,
        round_trips=after.traffic.round_trips - before.traffic.round_trips,
        ledger_sent=after.traffic.sent - before.traffic.sent,
        ledger_received=after.traffic.received - before.traffic.received,
        transactions=commits,
        wal=wal,
        wal_writes=wal_writes,
        disk=disk,
        broker_cpu=after.broker_cpu - before.broker_cpu,
        commands=commands,
        broker_in=into,
        broker_out=out,
        load_jobs=after.load_jobs - before.load_jobs,
        batches=batches,
    )


def _more(before: Sequence[int], after: Sequence[int]) -> Iterator[int]:
    return (then - first for first, then in zip(before, after, strict=True))


def _now(running: Service, traffic: Traffic, servers: Shared, url: str) -> _Before:
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        # A backend tells of its own work only when it is idle for a while, or asked to.
        connection.execute("SELECT pg_stat_force_next_flush()")
        time.sleep(1.5)
        row = connection.execute(_STATS).fetchone()
    assert row is not None
    return _Before(
        traffic.now(),
        tuple(int(each) for each in row),
        _broker(servers.redis_url),
        _cpu("postgres"),
        _cpu("valkey"),
        running.warehouse.load_jobs(),
    )


def _broker(url: str) -> tuple[int, int, int]:
    """Commands that the broker was given, but for greetings, and bytes in and out."""
    with redis.Redis.from_url(url) as client:
        stats: dict[str, Any] = client.info("stats")  # type: ignore[assignment]
        by_command: dict[str, Any] = client.info("commandstats")  # type: ignore[assignment]
    calls = sum(
        int(each["calls"])
        for name, each in by_command.items()
        if name.removeprefix("cmdstat_").partition("|")[0] not in _BOOKKEEPING
    )
    return calls, int(stats["total_net_input_bytes"]), int(stats["total_net_output_bytes"])


def _cpu(name: str) -> float:
    """CPU seconds of this process's children of that name, and of what they had started."""
    total = 0.0
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            if name in child.name():
                times = child.cpu_times()
                total += times.user + times.system
                total += times.children_user + times.children_system
    return total
