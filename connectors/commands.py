"""Commands of the operator, as processes on this machine."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Collection, Sequence
from typing import IO

from schemas.after_load import Ended
from schemas.errors import ConfigError

_PASSED = ("PATH", "HOME", "LANG")
"""What a command gets of our environment, whatever else there is: no secret of ours."""
_FIRST, _LAST = 1000, 3000
"""How many bytes of what a command prints are kept: its beginning, and its end."""
_LOOK_SECONDS = 0.2
_GRACE_SECONDS = 5.0


class LocalCommands:
    """Runs commands as this process's user, in its working folder (protocol `Commands`)."""

    def find(self, program: str) -> str | None:
        """The program's file, which may be run; None if there is none."""
        return shutil.which(program)

    def run(
        self,
        argv: Sequence[str],
        told: bytes,
        variables: Collection[str],
        seconds: float,
        check: Callable[[], None],
    ) -> Ended:
        """Run a command to its end, with `told` on its standard input; no shell reads it.

        It is killed, with the processes that it has started, after so many seconds, and when
        `check` raises. Raises ConfigError when it cannot be run at all.
        """
        names = (*_PASSED, *variables)
        environment = {name: os.environ[name] for name in names if name in os.environ}
        try:
            process = subprocess.Popen(  # noqa: S603 - the operator's own command, and no shell
                list(argv),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"the command {argv[0]} cannot be run: {error}",
                hint="after_load is a list: the program, then its arguments",
            ) from error
        assert process.stdin is not None
        assert process.stdout is not None
        said = _Said(process.stdout)
        threads = [
            threading.Thread(target=_tell, args=(process.stdin, told), daemon=True),
            threading.Thread(target=said.read, daemon=True),
        ]
        for thread in threads:
            thread.start()
        try:
            status = _waited(process, seconds, check)
        finally:
            _end(process)
            for thread in threads:
                # A process that it has left behind may hold its output open.
                thread.join(_GRACE_SECONDS)
        return Ended(status, said.text)


def _waited(
    process: subprocess.Popen[bytes], seconds: float, check: Callable[[], None]
) -> int | None:
    """The status with which it ends; None once it has had its time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(_LOOK_SECONDS)
        check()
    return None


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill what still runs of a command's session: first TERM, so that it may clean up."""
    if process.poll() is None:
        _signal(process, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_SECONDS)
    _signal(process, signal.SIGKILL)
    process.wait()


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _tell(stream: IO[bytes], told: bytes) -> None:
    """Write its input; a command need not read it."""
    with contextlib.suppress(OSError), stream:
        stream.write(told)


class _Said:
    """What a command prints: as much as is kept, however much it is."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._first, self._last, self._size = b"", b"", 0

    def read(self) -> None:
        """Read to the end."""
        with contextlib.suppress(OSError, ValueError), self._stream:
            while block := os.read(self._stream.fileno(), 64 * 1024):
                self._size += len(block)
                room = _FIRST - len(self._first)
                self._first += block[:room]
                self._last = (self._last + block[room:])[-_LAST:]

    @property
    def text(self) -> str:
        """What is kept; where something is left out, it says how much."""
        left = self._size - len(self._first) - len(self._last)
        gap = f"\n… {left:,} bytes …\n".encode() if left else b""
        return (self._first + gap + self._last).decode("utf-8", "replace").strip()
