"""Time limits: a step that takes too long is killed by its worker's parent, and its file told."""

from __future__ import annotations

import logging
from typing import Any

from celery.exceptions import TimeLimitExceeded

from entrypoints.worker.forks import ParentsLedger
from pipelines.time_limits import give_back
from schemas.errors import WaybillError

log = logging.getLogger(__name__)


class GivesBack:
    """Hears, in the worker's main process, of tasks that ran out of time, before their process is
    killed."""

    def __init__(self, ledger: ParentsLedger) -> None:
        self._ledger, self._told = ledger, ""

    def __call__(
        self,
        sender: Any = None,
        task_id: str = "",
        exception: object = None,
        args: Any = (),
        **_: object,
    ) -> None:
        """Celery's signal `task_failure`, which it sends twice."""
        if not isinstance(exception, TimeLimitExceeded) or task_id == self._told:
            return
        self._told = task_id
        step, target = sender.name.removeprefix("waybill."), str((args or [""])[0])
        seconds = float(exception.args[0])
        log.error("%s of %s took more than %.0f s and is ended", step, target or "all", seconds)
        if step not in ("prepare", "acknowledge"):
            # The leases of others run out by themselves.
            return
        try:
            with self._ledger.runtime() as runtime:
                give_back(runtime, target, step, seconds)
        except WaybillError as error:
            log.warning("%s of %s is not given back yet: %s", step, target, error.message)
