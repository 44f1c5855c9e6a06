"""Forks: the main process of a worker uses the ledger only where no child begins meanwhile.

A child that is forked while another thread holds a lock of SQLite believes for ever that its own
process holds it, and can write nothing: https://www.sqlite.org/howtocorrupt.html, section 2.6.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pipelines.runtime import Runtime


class _HasRuntime(Protocol):
    @property
    def runtime(self) -> Runtime: ...


class ParentsLedger:
    """The ledger of a process that forks: no connection is open while it does."""

    def __init__(self, waybill: _HasRuntime) -> None:
        self._waybill = waybill
        self._lock = threading.Lock()
        os.register_at_fork(
            before=self._lock.acquire,
            after_in_parent=self._lock.release,
            after_in_child=self._lock.release,
        )

    @contextmanager
    def runtime(self) -> Iterator[Runtime]:
        """The runtime, for a short use of its ledger; forks wait for the end."""
        with self._lock:
            runtime = self._waybill.runtime
            try:
                yield runtime
            finally:
                runtime.ledger.close()
