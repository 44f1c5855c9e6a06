"""Scale: what many files a day need, by what a few took, and where the next wall is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.load_counts import Counts
from schemas.limits import Limits, Quotas

BUSY = 0.7
"""How busy a processor should be at most, over a while."""
DISK_WRITES = 3_000
"""Writes a second that are on the disk when they are told so: what cloud disks come with."""
TABLES = (300, 3_000, 50_000)
_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Demand:
    """How many files come, in a second of the busiest hour and in a day."""

    name: str
    a_second: float
    a_day: int


DEMANDS = (
    Demand("50,000 an hour, all day", 50_000 / 3600, 1_200_000),
    Demand("1 million a day, evenly", 1_000_000 / _DAY, 1_000_000),
    Demand("1 million a day, a tenth in one hour", 100_000 / 3600, 1_000_000),
)


@dataclass(frozen=True, slots=True)
class Wall:
    """How many files a second a part bears, and why not more."""

    part: str
    a_second: float
    why: str


def walls(counts: Counts) -> Sequence[Wall]:
    """What bounds the files a second, the lowest first; workers are not among them, for there may
    be as many as one likes."""
    quotas, limits = Quotas(), Limits()
    jobs = quotas.project_load_jobs * quotas.share / _DAY
    commits = quotas.commits_a_second * quotas.share
    most = limits.batch_files
    found = [
        Wall(
            "the ledger's disk",
            DISK_WRITES / _each(counts.wal_writes, counts),
            f"{DISK_WRITES:,} synced writes a second; commits of one moment share one",
        ),
        Wall(
            "the ledger's processors",
            4 * BUSY / _each(counts.ledger_cpu, counts),
            f"4 cores, {BUSY:.0%} busy",
        ),
        Wall(
            "Redis",
            BUSY / _each(counts.broker_cpu, counts),
            f"its one core, {BUSY:.0%} busy",
        ),
        Wall(
            "BigQuery's load jobs",
            jobs / _jobs_a_batch(counts) * most,
            f"{jobs * _DAY:,.0f} a day, if every batch has {most:,} files",
        ),
        Wall(
            "BigQuery's transactions",
            commits * most,
            f"{commits:.3g} a second, if every batch has {most:,} files",
        ),
    ]
    return sorted(found, key=lambda each: each.a_second)


def page(counts: Counts) -> Iterator[str]:
    """The lines of docs/scale.md."""
    yield from _INTRODUCTION.format(files=counts.files).splitlines()
    yield from ("", "## A file", "", "| | each |", "| --- | ---: |")
    yield from (f"| {name} | {figure} |" for name, figure in _of_a_file(counts))
    yield from ("", "## What many files need", "")
    yield f"| | {' | '.join(each.name for each in DEMANDS)} |"
    yield "| --- |" + " ---: |" * len(DEMANDS)
    needs = [_needs(counts, each) for each in DEMANDS]
    for name in needs[0]:
        yield f"| {name} | {' | '.join(each[name] for each in needs)} |"
    yield from ("", "## The next bottleneck", "", "| part | files a second | because |")
    yield "| --- | ---: | --- |"
    yield from (f"| {each.part} | {each.a_second:,.0f} | {each.why} |" for each in walls(counts))
    yield from _conclusion(counts)


def write(counts: Counts, path: Path) -> None:
    """Write the page."""
    path.write_text("\n".join(page(counts)) + "\n", encoding="utf-8")


def _each(total: float, counts: Counts) -> float:
    """Of one file; as good as nothing where nothing was counted."""
    return max(total / counts.files, 1e-9)


def _jobs_a_batch(counts: Counts) -> float:
    return max(counts.load_jobs / max(counts.batches, 1), 1.0)


def _of_a_file(counts: Counts) -> Iterator[tuple[str, str]]:
    def each(total: float, unit: str = "", by: float = 1.0) -> str:
        return f"{_each(total, counts) * by:,.3g} {unit}".strip()

    yield "processors of the workers", each(counts.cpu, "ms", 1000)
    yield "ledger: statements", each(counts.statements)
    yield "ledger: round trips", each(counts.round_trips)
    yield "ledger: transactions, also such as only read", each(counts.transactions)
    yield "ledger: synced writes of its log", each(counts.wal_writes)
    yield (
        "ledger: bytes to it and from it",
        (f"{each(counts.ledger_sent, 'kB', 1e-3)}, {each(counts.ledger_received, 'kB', 1e-3)}"),
    )
    yield "ledger: write-ahead log", each(counts.wal, "kB", 1e-3)
    yield "ledger: on disk, with its indexes", each(counts.disk, "kB", 1e-3)
    yield "ledger: processors", each(counts.ledger_cpu, "ms", 1000)
    yield "Redis: commands", each(counts.commands)
    yield (
        "Redis: bytes to it and from it",
        (f"{each(counts.broker_in, 'kB', 1e-3)}, {each(counts.broker_out, 'kB', 1e-3)}"),
    )
    yield "Redis: processors", each(counts.broker_cpu, "ms", 1000)
    yield "BigQuery: load jobs a batch", f"{_jobs_a_batch(counts):.3g}"
    yield "files a batch, in this run", f"{counts.files / max(counts.batches, 1):,.0f}"


def _needs(counts: Counts, demand: Demand) -> dict[str, str]:
    def a_second(total: float) -> float:
        return _each(total, counts) * demand.a_second

    quotas = Quotas()
    jobs = quotas.project_load_jobs * quotas.share
    at_least = demand.a_day * _jobs_a_batch(counts) / jobs
    needs = {
        "files a second": f"{demand.a_second:,.1f}",
        f"workers: cores, {BUSY:.0%} busy": f"{a_second(counts.cpu) / BUSY:,.1f}",
        "ledger: statements a second": f"{a_second(counts.statements):,.0f}",
        "ledger: round trips a second": f"{a_second(counts.round_trips):,.0f}",
        "ledger: synced writes a second": f"{a_second(counts.wal_writes):,.0f}",
        "ledger: write-ahead log a second": f"{a_second(counts.wal) / 1e6:,.2f} MB",
        f"ledger: cores, {BUSY:.0%} busy": f"{a_second(counts.ledger_cpu) / BUSY:,.2f}",
        "ledger: grows a day": f"{_each(counts.disk, counts) * demand.a_day / 1e9:,.1f} GB",
        "Redis: commands a second": f"{a_second(counts.commands):,.0f}",
        "Redis: bytes a second": f"{a_second(counts.broker_in + counts.broker_out) / 1e3:,.0f} kB",
        f"Redis: cores, {BUSY:.0%} busy": f"{a_second(counts.broker_cpu) / BUSY:,.3f}",
        "BigQuery: files a batch, on average at least": f"{at_least:,.1f}",
    }
    for tables in TABLES:
        wait = tables * _jobs_a_batch(counts) / jobs * _DAY
        needs[f"BigQuery: between two batches of each of {tables:,} busy tables"] = f"{wait:,.0f} s"
    return needs


def _conclusion(counts: Counts) -> Iterator[str]:
    first = walls(counts)[0]
    busiest = max(DEMANDS, key=lambda each: each.a_second)
    room = first.a_second / busiest.a_second
    yield ""
    yield (
        f"The next bottleneck is {first.part}, at {first.a_second:,.0f} files a second:"
        f" {room:,.1f} × what comes in the busiest hour of these ({busiest.name})."
        " Before that, the workers are the limit:"
        f" a core takes {BUSY / _each(counts.cpu, counts):,.0f} files a second."
    )
    yield from _TABLES.splitlines()


_INTRODUCTION = """# Scale

Written by `python -m bench scale`; do not edit it by hand.

{files:,} small files were taken from a bucket to the last acknowledgement, with a real worker, a
real broker and the ledger in PostgreSQL. Everything that they asked of ledger and broker was
counted:

- statements and round trips, by a relay before PostgreSQL
- transactions and the write-ahead log, by PostgreSQL itself
- commands and bytes, by Redis

What many files need is calculated from that. The ledger's own questions do not grow with
history: [the ledger's page](performance/ledger.md) has them with ten million files of 50,000
senders."""

_TABLES = """
BigQuery bounds the number of batches, not the number of files. Near its quotas batches are
larger and rarer, as [bigquery.md](bigquery.md#quotas) says. What it bounds is the number of
tables that are busy at once. If each of 50,000 senders has a table, each table is loaded once or
twice a day. One table for all of them is loaded as often as you like. A second project for some
of the tables has quotas of its own.

`python -m bench scale` counts again and writes this page."""
