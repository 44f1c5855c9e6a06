"""What tests ask of a front: open one, see its jobs, hold some, move its clock."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from entrypoints.demo.process import HOST, free_ports, running

_HERE = Path(__file__).parent.parent
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class StrictFront:
    """A front that stands before one emulator at `url`."""

    control: str
    url: str

    def jobs(self, **labels: str) -> list[dict[str, Any]]:
        """The jobs that were sent, oldest first; only those that carry the labels."""
        found = _ask(self.control, "/jobs", {"url": self.url})["jobs"]
        return [
            each
            for each in found
            if labels.items() <= (each["configuration"].get("labels") or {}).items()
        ]

    def hold(self, pattern: str) -> None:
        """Let jobs whose id matches neither run nor end, whatever they are told."""
        _ask(self.control, "/hold", {"url": self.url, "pattern": pattern})

    def let_go(self) -> int:
        """Run those that were held; how many they were."""
        return int(_ask(self.control, "/let-go", {"url": self.url})["jobs"])

    def crashed(self, project: str = "demo", location: str = "US") -> int:
        """End what the emulator ran when it was killed, now that it is there again; how many jobs
        they were."""
        wanted = {"url": self.url, "project": project, "location": location}
        return int(_ask(self.control, "/crashed", wanted)["jobs"])

    def move_clock(self, seconds: float) -> None:
        """Let quotas see a later time."""
        _ask(self.control, "/ahead", {"url": self.url, "seconds": seconds})


def open_front(control: str, target: str) -> StrictFront:
    """A front before the emulator at `target`."""
    return StrictFront(control, _ask(control, "/open", {"target": target})["url"])


@contextmanager
def front_process(folder: Path) -> Iterator[str]:
    """A process of fronts until the block ends; its control address."""
    (port,) = free_ports(1)
    control = f"http://{HOST}:{port}"
    with running(
        "strict",
        [sys.executable, "-m", "strict_bigquery", str(port)],
        folder,
        lambda: _ask(control, "/ready", {}) == {},
        environment=_environment(),
    ):
        yield control


def shared_process(folder: Path, owner: int) -> str:
    """The control address of the one process of a test run: whoever asks first starts it, and it
    ends with its owner."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        address = folder / "address"
        if address.exists():
            return address.read_text()
        (port,) = free_ports(1)
        with (folder / "log").open("ab") as log:
            subprocess.Popen(
                [sys.executable, "-m", "strict_bigquery", str(port), str(owner)],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                env={**os.environ, **_environment()}, start_new_session=True,
            )  # fmt: skip
        control = f"http://{HOST}:{port}"
        _await(control)
        address.write_text(control)
        return control


def _environment() -> dict[str, str]:
    return {"PYTHONPATH": os.pathsep.join([str(_HERE), str(_HERE.parent)])}


def _await(control: str) -> None:
    limit = time.monotonic() + _SECONDS
    while time.monotonic() < limit:
        with suppress(OSError):
            _ask(control, "/ready", {})
            return
        time.sleep(0.1)
    raise TimeoutError("the strict front does not answer")


def _ask(control: str, path: str, wanted: dict[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(
        control + path, json.dumps(wanted).encode(), {"Content-Type": "application/json"}
    )
    with _DIRECT.open(request, timeout=_SECONDS) as reply:
        told: dict[str, Any] = json.load(reply)
    return told
