"""A long-running command of Waybill as a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


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
