"""Worker heartbeat: a worker says in the ledger that it is alive, until it ends in good order."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable

from celery.worker.state import active_requests

from entrypoints.worker.child_heartbeat import ChildSigns
from entrypoints.worker.forks import ParentsLedger
from pipelines.monitor.beat import beat_is_missed
from schemas.errors import WaybillError

log = logging.getLogger(__name__)


class WorkerHeartbeat:
    """The signs of one worker's main process, from a thread of its own. A worker that is killed
    gives no further ones, and `pipelines.monitor.conditions` finds it dead; so does one
    of whose children one gives none while it works, for it can hang where nothing tells of it.

    While beat is missed, a worker asks for the look at alerts that beat would have asked for: by
    `ask_for_alerts`, which must not raise."""

    def __init__(
        self,
        ledger: ParentsLedger,
        children: ChildSigns,
        ask_for_alerts: Callable[[], None] = lambda: None,
    ) -> None:
        self._ledger, self._children = ledger, children
        self._ask_for_alerts = ask_for_alerts
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._name = ""

    def begin(self, **_: object) -> None:
        """Give the first sign, and go on giving them."""
        self._name = f"{socket.gethostname()}:{os.getpid()}"
        self._thread = threading.Thread(target=self._go_on, name="signs of life", daemon=True)
        self._thread.start()

    def end(self, **_: object) -> None:
        """Give no further signs, and be forgotten: this is no death."""
        self._stop.set()
        if self._thread is None:
            return
        self._thread.join(timeout=5)
        try:
            with self._ledger.runtime() as runtime:
                runtime.ledger.workers.forget([self._name])
        except WaybillError as error:
            log.warning("the ledger could not be told that this worker ends: %s", error.message)

    def _go_on(self) -> None:
        patience = 90.0
        while True:
            try:
                with self._ledger.runtime() as runtime:
                    patience = runtime.alert_rules.worker_seconds
                    if self._all_go_on(patience):
                        runtime.ledger.workers.note_alive(self._name)
                    # Within: no child may be forked while the broker is spoken to.
                    if beat_is_missed(runtime):
                        self._ask_for_alerts()
                self._children.clear()
            except WaybillError as error:
                log.warning("no sign of life could be given: %s", error.message)
            if self._stop.wait(patience / 3):
                return

    def _all_go_on(self, patience: float) -> bool:
        """Whether every child that is at work goes on; what the others are at is logged."""
        at_work = {
            each.worker_pid: each
            for each in tuple(active_requests)
            if each.worker_pid and each.time_start
        }
        since = [(pid, float(each.time_start or 0)) for pid, each in at_work.items()]
        silent = self._children.silent(since, patience)
        for pid in silent:
            log.error(
                "process %d has hung for over %.0f s: %s of %s; its time limit ends it",
                pid, patience, at_work[pid].name, at_work[pid].args,
            )  # fmt: skip
        return not silent
