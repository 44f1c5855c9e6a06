"""A long-running command of Waybill as a process of its own, and waiting for what it does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def process(config: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A long-running command in the folder of its config.yaml, ended with TERM, after which it must
    leave cleanly."""
    program = str(Path(sys.executable).with_name("waybill"))
    command = [program, "--config", str(config), *arguments]
    log = config.parent / f"{arguments[0]}.log"
    with log.open("wb") as sink:
        started = subprocess.Popen(
            command, stdout=sink, stderr=sink, cwd=config.parent, start_new_session=True
        )
    try:
        yield started
        started.send_signal(signal.SIGTERM)
        assert started.wait(timeout=60) == 0, log.read_text()[-2000:]
    finally:
        if started.poll() is None:
            os.killpg(started.pid, signal.SIGKILL)
            started.wait()


def until(holds: Callable[[], Any], seconds: float = 90) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)
