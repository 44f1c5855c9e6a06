"""Signs of life: a worker says in the ledger that it is alive, until it ends in good order."""

from __future__ import annotations

import logging
import os
import socket
import threading
from typing import TYPE_CHECKING, Protocol

from schemas.errors import WaybillError

if TYPE_CHECKING:
    from pipelines.runtime import Runtime

log = logging.getLogger(__name__)


class _HasRuntime(Protocol):
    @property
    def runtime(self) -> Runtime: ...


class SignsOfLife:
    """The signs of one worker's main process, from a thread of its own. A worker that is killed
    gives no further ones, and `pipelines.troubles` finds it dead."""

    def __init__(self, waybill: _HasRuntime) -> None:
        self._waybill = waybill
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
            self._waybill.runtime.ledger.forget_workers([self._name])
        except WaybillError as error:
            log.warning("the ledger could not be told that this worker ends: %s", error.message)

    def _go_on(self) -> None:
        runtime = self._waybill.runtime
        while True:
            try:
                runtime.ledger.worker_alive(self._name)
            except WaybillError as error:
                log.warning("no sign of life could be given: %s", error.message)
            if self._stop.wait(runtime.alert_rules.worker_seconds / 3):
                return
