"""Profile: where one file's seconds go, module by module, with no broker in between.

A module's share is the time between a call from another module and its return, so what it calls
elsewhere counts for it as well: the shares of one level add up, those of different levels overlap.
"""

from __future__ import annotations

import cProfile
import json
import os
import pstats
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.servers import Shared, emulator
from bench.setting import write_setting
from bench.shapes import Made

ROOT = Path(__file__).resolve().parents[1]
_ROOMS = ("pipelines", "connectors")
_SEEN = 0.005


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the way: its seconds of wall clock and CPU, and each module's share of the wall
    clock in seconds."""

    name: str
    wall: float
    cpu: float
    shares: dict[str, float]


def profile(made: Made, warm: Made, servers: Shared, folder: Path, spy: bool) -> list[Step]:
    """Take the shape's one file along in a fresh process; `spy` also writes a flame graph."""
    folder.mkdir(parents=True)
    with emulator(folder / "bigquery") as warehouse:
        config = write_setting(folder, made.shape, warm.shape, servers, warehouse.url)
        command = [
            sys.executable, "-m", "bench.profile", str(config), warm.shape.name, made.shape.name,
        ]  # fmt: skip
        if spy:
            chart = folder.parent / "profile.svg"
            spying = Path(sys.executable).with_name("py-spy")
            command = [
                str(spying), "record", "--native", "--rate", "200", "--output", str(chart), "--",
                *command, "--plain",
            ]  # fmt: skip
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    last = done.stdout.strip().splitlines()[-1]
    return [Step(**each) for each in json.loads(last)]


def shares_of(stats: pstats.Stats, root: Path) -> dict[str, float]:
    """Seconds in each of our modules, from calls that came from another file."""
    seconds: dict[str, float] = defaultdict(float)
    table: dict[Any, Any] = stats.stats  # type: ignore[attr-defined]
    for (file, _, _), (_, _, _, _, callers) in table.items():
        path = Path(file)
        if not path.is_relative_to(root) or path.relative_to(root).parts[0] not in _ROOMS:
            continue
        name = str(path.relative_to(root).with_suffix(""))
        for (caller, _, _), (_, _, _, total) in callers.items():
            if caller != file:
                seconds[name] += total
    kept = {name: total for name, total in seconds.items() if total >= _SEEN}
    return dict(sorted(kept.items(), key=lambda each: -each[1]))


def _profiled(name: str, work: Callable[[], list[Any]], plain: bool) -> tuple[Step, list[Any]]:
    profiler = cProfile.Profile()
    cpu, started = time.process_time(), time.perf_counter()
    if not plain:
        profiler.enable()
    following = work()
    profiler.disable()
    wall = time.perf_counter() - started
    shares = {} if plain else shares_of(pstats.Stats(profiler), ROOT)
    shares.pop(f"pipelines/{name}", None)  # the step itself is the whole
    return Step(name, wall, time.process_time() - cpu, shares), following


def main(arguments: Sequence[str]) -> None:
    """Run the warm-up feed and then the measured one, step by step; print the steps as JSON."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    from entrypoints.config.assembly import build_runtime
    from entrypoints.config.settings import read_settings
    from pipelines.operations.run import run
    from pipelines.runtime import Work
    from pipelines.steps import STEPS

    config, warm, feed = arguments[:3]
    runtime = build_runtime(read_settings(Path(config)))
    runtime.ledger.migrate()
    runtime.warehouse.apply(runtime.tables(), runtime.views)
    run(runtime, [warm])
    made: list[Step] = []
    work = [Work("discover", feed)]
    while work:
        each = work.pop(0)
        step, following = _profiled(
            each.step,
            lambda each=each: STEPS[each.step](runtime, each.target),  # type: ignore[misc]
            "--plain" in arguments,
        )
        made.append(step)
        work += following
    print(json.dumps([asdict(step) for step in made]))


if __name__ == "__main__":
    main(sys.argv[1:])
