"""Waiting: work that is mostly done before its answer is."""

from __future__ import annotations

import time

from pipelines.operations.long_work import operation_of
from pipelines.runtime import Runtime
from schemas.operation import Operation, OperationState

ENDED = (OperationState.DONE, OperationState.FAILED)
_PATIENCE, _PAUSE = 2.0, 0.2
"""For so many seconds an answer waits for a worker, which is mostly done by then."""


def wait_for(runtime: Runtime, operation: Operation) -> Operation:
    """The operation once it is done, or as it is after some seconds."""
    until = time.monotonic() + _PATIENCE
    while operation.state not in ENDED and time.monotonic() < until:
        time.sleep(_PAUSE)
        operation = operation_of(runtime, operation.operation_id)
    return operation
