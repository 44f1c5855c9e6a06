"""Holders: which process holds the write lock of a SQLite file, as Linux tells it.

A process that was stopped (SIGSTOP, a debugger, a frozen container) while it wrote keeps the lock
for as long as it is stopped: SQLite knows no lease. https://www.sqlite.org/wal.html#concurrency
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

_STATES = {"T": "stopped", "t": "being debugged", "D": "waiting for the disk", "Z": "dead"}


def write_lock_holders(file: Path) -> list[str]:
    """The processes that hold a lock for writing on the ledger's files, each in a few words; none
    where nobody can tell."""
    inodes = set()
    for end in ("", "-shm"):
        with suppress(OSError):
            inodes.add(str(file.with_name(f"{file.name}{end}").stat().st_ino))
    try:
        locks = Path("/proc/locks").read_text("ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
    pids = set()
    for line in locks:
        # 1: POSIX  ADVISORY  WRITE 4711 08:01:123456 120 120
        words = [word for word in line.split() if word != "->"]
        is_lock = len(words) > 5 and words[3] == "WRITE"
        if is_lock and words[5].rpartition(":")[2] in inodes:
            pids.add(int(words[4]))
    return [_told(pid) for pid in sorted(pids) if pid > 0]


def _told(pid: int) -> str:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return f"process {pid}"
    name = stat.partition("(")[2].rpartition(")")[0]
    state = _STATES.get(stat.rpartition(")")[2].split()[0], "running")
    return f"process {pid} ({name}, {state})"
