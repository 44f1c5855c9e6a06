"""A peer: a program that loads the same files in a process of its own, timed once it is warm.

The process gets its job as JSON, loads the warm-up files, says `ready`, waits for a line, loads
the shape's files, and says what that took. Imports and connections are thus in nobody's figures.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import psutil

from bench.measurement import Measurement
from bench.processes import watched
from bench.servers import emulator
from bench.shapes import SHAPES, Made, Shape, warm_up


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """The files to load into `table`; `folder` is for whatever the peer keeps on disk."""

    shape: str
    files: tuple[str, ...]
    endpoint: str
    table: str
    folder: str

    @property
    def like(self) -> Shape:
        """The shape whose columns and rules the files have."""
        return SHAPES.get(self.shape.partition("_")[0]) or warm_up()


type Load = Callable[[Job], None]


class PeerError(Exception):
    """A peer failed: its last words."""


def serve(load: Load) -> None:
    """The peer's own side: run `load` on the warm-up, then, when told, on the files."""
    warm, job = (Job(**{**each, "files": tuple(each["files"])}) for each in json.loads(sys.argv[1]))
    answers = sys.stdout
    # Whatever the peer's libraries print must not be taken for its answer.
    sys.stdout = sys.stderr
    load(warm)
    print("ready", file=answers, flush=True)
    sys.stdin.readline()
    cpu, started = _cpu_seconds(), time.perf_counter()
    load(job)
    wall = time.perf_counter() - started
    figures = {"wall": wall, "cpu": _cpu_seconds() - cpu}
    print(json.dumps(figures), file=answers, flush=True)
    # The parent looks at the peak memory before it lets the process end.
    sys.stdin.readline()


def _cpu_seconds() -> float:
    own, waited = (
        resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return own.ru_utime + own.ru_stime + waited.ru_utime + waited.ru_stime


def measure(module: str, arguments: tuple[str, ...], made: Made, warm: Made, folder: Path,
            checked: bool = True) -> Measurement:  # fmt: skip
    """Run a peer's module once on a shape. Raises PeerError, and ValueError for missing rows."""
    folder.mkdir(parents=True)
    with emulator(folder / "bigquery") as warehouse:
        job = Job(
            shape=made.shape.name,
            files=tuple(str(path) for path in made.paths),
            endpoint=warehouse.url,
            table="loaded",
            folder=str(folder / "work"),
        )
        first = replace(
            job,
            shape=warm.shape.name,
            files=tuple(str(path) for path in warm.paths),
            table="warm",
            folder=str(folder / "warm"),
        )
        command = [
            sys.executable, "-m", module, json.dumps([asdict(first), asdict(job)]), *arguments,
        ]  # fmt: skip
        with (folder / "peer.log").open("wb") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
            )
        try:
            _expect(process, "ready", folder)
            jobs, server = warehouse.load_jobs(), warehouse.cpu_seconds()
            with watched(psutil.Process(process.pid)) as usage:
                _say(process)
                figures: dict[str, Any] = json.loads(_expect(process, "{", folder))
            server = warehouse.cpu_seconds() - server
            jobs = warehouse.load_jobs() - jobs
            _say(process)
            process.wait(timeout=60)
        finally:
            process.kill()
            process.wait()
        if checked:
            found = warehouse.count("loaded")
            if found != made.shape.rows:
                raise ValueError(f"{module} brought {found:,} of {made.shape.rows:,} rows")
    return Measurement(
        wall=figures["wall"],
        cpu=figures["cpu"],
        server_cpu=server,
        peak_rss=usage.peak_rss,
        peak_pss=usage.peak_pss,
        load_jobs=jobs,
    )


def _expect(process: subprocess.Popen[str], start: str, folder: Path) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line.startswith(start):
        process.kill()
        words = (folder / "peer.log").read_text("utf-8", "replace").strip().splitlines()
        raise PeerError("\n".join(words[-5:]) or "the peer ended without a word")
    return line


def _say(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()
