"""Celery beat that ends between two rounds, never inside one, and follows the feeds' files."""

from __future__ import annotations

import logging
import signal
import time
from typing import Any

from celery import beat
from celery.apps.beat import Beat as CeleryBeat

from entrypoints.worker.beat_schedule import beat_schedule
from pipelines.feed import Feed
from pipelines.monitor.beat import note_beat
from pipelines.runtime import Runtime
from schemas.errors import WaybillError

log = logging.getLogger(__name__)

_NOTED_EVERY = 20.0


class Beat(CeleryBeat):
    """Celery's beat, but TERM and INT let the round in hand finish before the schedule is saved.

    Celery closes the schedule's file inside its signal handler and raises SystemExit from there;
    where that is swallowed (a finalizer was running), the next round fails on the closed file.
    """

    def install_sync_handler(self, service: beat.Service) -> None:
        """Ask the service to stop; it looks once a round (`beat_max_loop_interval`)."""
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, lambda *_: service.stop())


def scheduler_of(runtime: Runtime) -> type[beat.PersistentScheduler]:
    """Celery's scheduler, whose entries follow the runtime's feeds: it looks once a round. An entry
    that stays keeps when it was last due."""

    class FeedScheduler(beat.PersistentScheduler):
        """The scheduler of these feeds."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            self._of = _feeds(runtime)
            self._noted = float("-inf")
            super().__init__(*args, **kwargs)

        def tick(self, *args: Any, **kwargs: Any) -> float:
            """One round, after entries for what has changed, and a sign that we go on."""
            if time.monotonic() - self._noted > _NOTED_EVERY:
                self._noted = time.monotonic()
                _note(runtime)
            if (now := _feeds(runtime)) != self._of:
                self._of = now
                self.merge_inplace(beat_schedule(runtime, self.app))
                self.install_default_entries(self.schedule)
                self.sync()
            return float(super().tick(*args, **kwargs))

    return FeedScheduler


def _note(runtime: Runtime) -> None:
    try:
        note_beat(runtime)
    except WaybillError as error:
        log.warning("the ledger could not be told that beat goes on: %s", error.message)


def _feeds(runtime: Runtime) -> dict[str, Feed]:
    return dict(runtime.feeds)
