"""Celery beat that ends between two rounds, never inside one."""

from __future__ import annotations

import signal

from celery import beat
from celery.apps.beat import Beat as CeleryBeat


class Beat(CeleryBeat):
    """Celery's beat, but TERM and INT let the round in hand finish before the schedule is saved.

    Celery closes the schedule's file inside its signal handler and raises SystemExit from there;
    where that is swallowed (a finalizer was running), the next round fails on the closed file.
    """

    def install_sync_handler(self, service: beat.Service) -> None:
        """Ask the service to stop; it looks once a round (`beat_max_loop_interval`)."""
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, lambda *_: service.stop())
