"""Readiness: whether a process of the service can do its part now."""

from __future__ import annotations

import logging

from pipelines.runtime import Runtime
from schemas.errors import WaybillError

log = logging.getLogger(__name__)


def why_not_ready(runtime: Runtime) -> str | None:
    """Why this process cannot do its part; None if it can: the ledger answers and has the tables of
    this version. A broker that is away lets nobody be less ready: what is asked for waits in the
    ledger."""
    try:
        runtime.ledger.check()
    except WaybillError as error:
        return error.message
    return None
