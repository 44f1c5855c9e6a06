"""The worker process itself."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

from ruamel.yaml import YAML

from small_service import small_service

BROKEN_ONCE = """
import sys
from pathlib import Path

from celery.worker.consumer.consumer import Consumer

from entrypoints.cli import main

mark = Path(sys.argv.pop(1))
if not mark.exists():
    mark.touch()

    def broken(self):
        raise AttributeError("as when a connection is lost at a bad moment")

    Consumer.start = broken
main()
"""


def test_a_worker_that_breaks_down_begins_again_and_still_ends_when_told(
    tmp_path: Path, bigquery_url: str, redis_url: str
) -> None:
    service = small_service(tmp_path, bigquery_url)
    yaml = YAML(typ="safe", pure=True)
    settings = yaml.load(service.config)
    settings["broker"] = {"url": redis_url}
    yaml.dump(settings, service.config)
    script, log = tmp_path / "broken_once.py", tmp_path / "worker.log"
    script.write_text(BROKEN_ONCE)
    command = [sys.executable, str(script), str(tmp_path / "mark"), "--config"]
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [*command, str(service.config), "worker", "-c", "1"], stdout=sink, stderr=sink
        )
    try:
        until = time.monotonic() + 90
        while " ready." not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.1)
        assert "the worker broke down" in log.read_text()
        # Celery's exit status is then that of a breakdown.
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
