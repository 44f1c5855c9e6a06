"""Child heartbeat: each child of a worker says that its main thread goes on, by a timer of its own.

Python answers a signal between two steps of a program. A child that hangs in a library gives no
sign, whatever its other threads do. What loops in Python gives signs; its time limit ends it.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


class ChildSigns:
    """Files, one a child, whose age is that of the child's last sign."""

    def __init__(self, folder: Path, seconds: float) -> None:
        """`seconds`: how often a sign is given."""
        self._folder, self._seconds = folder / "signs", seconds

    def begin(self, **_: object) -> None:
        """Give signs from now on, in this process."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / str(os.getpid())
        path.touch()

        def sign(*_: object) -> None:
            with suppress(OSError):
                path.touch()

        signal.signal(signal.SIGALRM, sign)
        signal.setitimer(signal.ITIMER_REAL, self._seconds, self._seconds)

    def silent(self, working: Iterable[tuple[int, float]], patience: float) -> list[int]:
        """Those of the processes (their number, and since when they work) that have given no sign
        for so long."""
        now = time.time()
        found = []
        for pid, since in working:
            with suppress(OSError):
                since = max(since, (self._folder / str(pid)).stat().st_mtime)
            if now - since > patience:
                found.append(pid)
        return found

    def clear(self) -> None:
        """Forget the children that are no more."""
        with suppress(OSError):
            for path in self._folder.iterdir():
                if path.name.isdigit() and not Path(f"/proc/{path.name}").exists():
                    path.unlink(missing_ok=True)
