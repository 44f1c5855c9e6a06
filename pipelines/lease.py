"""Lease: renewed by a thread while a long step runs."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from schemas.errors import LeaseLostError, WaybillError

log = logging.getLogger(__name__)


@contextmanager
def keep_lease(renew: Callable[[], None], seconds: float) -> Iterator[Callable[[], None]]:
    """Call `renew` every `seconds` in a thread; yields a check for the step's own loop.

    The check raises LeaseLostError once a renewal said the lease is gone. A renewal that fails
    for another reason is tried again: the lease runs longer than several beats.
    """
    stop, lost = threading.Event(), threading.Event()

    def beat() -> None:
        while not stop.wait(seconds):
            try:
                renew()
            except LeaseLostError:
                lost.set()
                return
            except WaybillError as error:
                log.warning("the lease could not be renewed yet: %s", error.message)

    def check() -> None:
        if lost.is_set():
            raise LeaseLostError

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield check
    finally:
        stop.set()
        thread.join()
