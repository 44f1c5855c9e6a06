"""The broker's queues, one a step."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
from math import ceil

from celery import Celery
from kombu.exceptions import OperationalError

from pipelines.runtime import Runtime, Work
from pipelines.steps import OF_BUNDLES
from pipelines.time_limits import seconds_for

log = logging.getLogger(__name__)


class Queues:
    """Sends work to the queues of its steps."""

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._loads: dict[str, float] = {}

    def send(self, runtime: Runtime, works: Iterable[Work]) -> None:
        """Send each piece of work; a load of a feed whose files are still being prepared waits
        `batch_seconds` for them, and is asked for once in that time by a process."""
        wanted = _distinct([*works])
        limits = seconds_for(runtime, wanted)
        for work in wanted:
            seconds = limits[work]
            if work.step != "load" or not runtime.ledger.files.unprepared(work.target):
                self._send(work, seconds, None)
            elif self._load_is_due(work.target, runtime.limits.batch_seconds):
                self._send(work, seconds, runtime.limits.batch_seconds)

    def ask(self, runtime: Runtime, works: Iterable[Work]) -> None:
        """Offer work to idle workers; ignored while the broker is down."""
        try:
            for work, seconds in seconds_for(runtime, [*works]).items():
                self._send(work, seconds, None)
        except OperationalError as error:
            log.warning("nobody can be asked to help: %s", error)

    def length(self, step: str) -> int:
        """How many tasks wait in the step's queue."""
        with self._app.connection_for_read() as connection:
            size: int = connection.default_channel._size(step)  # type: ignore[attr-defined]
            return size

    def _load_is_due(self, feed: str, seconds: float) -> bool:
        """Whether the load that this process asked for last has begun by now.

        Should that one be lost, or begun too early for a file, `recover` asks again.
        """
        now = time.monotonic()
        if now - self._loads.get(feed, -seconds) < seconds:
            return False
        self._loads[feed] = now
        return True

    def _send(self, work: Work, seconds: float, countdown: float | None) -> None:
        self._app.send_task(
            f"waybill.{work.step}",
            args=(work.target,),
            queue=work.step,
            countdown=countdown,
            time_limit=ceil(seconds),
        )


def _distinct(works: Sequence[Work]) -> list[Work]:
    """The works, each once but those of which each takes a bundle of its own."""
    bundles = [work for work in works if work.step in OF_BUNDLES]
    return [*bundles, *dict.fromkeys(work for work in works if work.step not in OF_BUNDLES)]
