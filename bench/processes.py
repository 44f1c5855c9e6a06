"""Processes: what a tree of them uses of processors and memory while it is watched."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

_EVERY_SECONDS = 0.2
_GONE = (psutil.Error, OSError)


@dataclass(slots=True)
class Usage:
    """Of the processes watched: CPU seconds of all, and bytes of the largest one at its peak.

    `peak_rss` counts pages that a fork shares in each process, `peak_pss` splits them. It is
    sampled; the resident peak is the kernel's own.
    """

    cpu: float = 0.0
    peak_rss: int = 0
    peak_pss: int = 0


@contextmanager
def watched(root: psutil.Process) -> Iterator[Usage]:
    """Watch a process and its children, which must outlive the block; filled in at its end."""
    usage = Usage()
    family = [root, *root.children(recursive=True)]
    for each in family:
        _forget_peak(each.pid)
    before = _cpu_seconds(family)
    stop = threading.Event()

    def sample() -> None:
        while not stop.wait(_EVERY_SECONDS):
            for each in family:
                usage.peak_pss = max(usage.peak_pss, _pss(each.pid))

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    try:
        yield usage
    finally:
        stop.set()
        thread.join()
        usage.cpu = _cpu_seconds(family) - before
        usage.peak_rss = max(_peak_rss(each.pid) for each in family)


def cpu_of_others(*but: int) -> float:
    """CPU seconds so far of the processes below this one, but for those and all below them."""
    left = []
    for each in psutil.Process().children():
        if each.pid not in but:
            with suppress(*_GONE):
                left += [each, *each.children(recursive=True)]
    return _cpu_seconds(left)


def _cpu_seconds(family: list[psutil.Process]) -> float:
    total = 0.0
    for each in family:
        with suppress(*_GONE):
            times = each.cpu_times()
            total += times.user + times.system
    return total


def _forget_peak(pid: int) -> None:
    """Start the kernel's record of the process's peak anew (see proc(5), clear_refs)."""
    with suppress(OSError):
        Path(f"/proc/{pid}/clear_refs").write_text("5")


def _peak_rss(pid: int) -> int:
    return _kilobytes(Path(f"/proc/{pid}/status"), "VmHWM:")


def _pss(pid: int) -> int:
    return _kilobytes(Path(f"/proc/{pid}/smaps_rollup"), "Pss:")


def _kilobytes(path: Path, name: str) -> int:
    """The bytes that a line of a /proc file gives in kB; 0 when the process is gone."""
    with suppress(OSError):
        for line in path.read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1]) * 1024
    return 0
