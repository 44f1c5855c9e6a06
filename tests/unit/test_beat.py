"""Beat's answer to TERM."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from celery import Celery
from celery.beat import Service

from entrypoints.beat import Beat


@pytest.fixture
def signals() -> Iterator[None]:
    """The handlers that a test replaces, put back afterwards."""
    before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)}
    yield
    for each, handler in before.items():
        signal.signal(each, handler)


@pytest.mark.usefixtures("signals")
def test_term_in_the_middle_of_a_round_lets_it_finish_with_its_schedule_open(
    tmp_path: Path,
) -> None:
    app = Celery("quiet", broker="memory://")
    service = Service(app, max_interval=1, schedule_filename=str(tmp_path / "schedule"))
    Beat(app=app).install_sync_handler(service)
    rounds = 0
    tick = service.scheduler.tick

    def told_to_stop() -> float:
        nonlocal rounds
        rounds += 1
        os.kill(os.getpid(), signal.SIGTERM)
        return float(tick())

    service.scheduler.tick = told_to_stop
    service.start()
    assert rounds == 1
