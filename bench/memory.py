"""Memory: a gz file of many gigabytes through the preparing stages, in a process that is watched.

A gz file may have many members, so the shape's rows are packed once and written as often as it
takes. The file is removed afterwards.
"""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.processes import watched
from bench.setting import contract_of, dump
from bench.shapes import Made


@dataclass(frozen=True, slots=True)
class Streamed:
    """What became of a stream: its unpacked bytes and rows, seconds, and peak memory in bytes."""

    bytes: int
    rows: int
    seconds: float
    peak_rss: int


def stream(made: Made, gigabytes: float, folder: Path) -> Streamed:
    """Prepare a gz stream of at least that size (unpacked) in a fresh process."""
    folder.mkdir(parents=True)
    dump(contract_of(made.shape), folder / f"{made.shape.name}.odcs.yaml")
    header, body = _parts(made)
    times = max(1, round(gigabytes * 1e9 / len(body)))
    packed = folder / "stream.csv.gz"
    member = gzip.compress(body, 6)
    with packed.open("wb") as out:
        out.write(gzip.compress(header))
        for _ in range(times):
            out.write(member)
    command = [sys.executable, "-m", "bench.memory", str(folder), made.shape.name, str(packed)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdout.readline()
    started = time.perf_counter()
    with watched(psutil.Process(process.pid)) as usage:
        process.stdin.write("go\n")
        process.stdin.flush()
        rows = json.loads(process.stdout.readline())["rows"]
    seconds = time.perf_counter() - started
    process.communicate("end\n")
    shutil.rmtree(folder)
    if rows != times * made.shape.rows:
        raise ValueError(f"{rows:,} of {times * made.shape.rows:,} rows were staged")
    return Streamed(times * len(body), rows, seconds, usage.peak_rss)


def _parts(made: Made) -> tuple[bytes, bytes]:
    """The header line and the rows of the shape's one plain file."""
    text = made.paths[0].read_bytes()
    end = text.index(b"\n") + 1
    return text[:end], text[end:]


def main(folder: Path, contract_name: str, packed: Path) -> None:
    """The measured process: stage the stream's rows, and say how many they were."""
    from pipelines.feed import Feed
    from pipelines.prepare.stage_file import Terms, stage_file
    from pipelines.validate.great_expectations import import_gx
    from schemas.limits import Limits
    from schemas.odcs.texts import read_contracts

    contracts, _ = read_contracts(folder)
    feed = Feed(name="stream", source="drop", match="*", contract=contract_name)
    import_gx()
    print("ready", flush=True)
    sys.stdin.readline()
    terms = Terms.of("0" * 16, feed, contracts[contract_name], Limits())
    staged = stage_file(packed, terms, folder)
    print(json.dumps({"rows": staged.counts.loaded}), flush=True)
    sys.stdin.readline()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
