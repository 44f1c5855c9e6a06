"""Asked: long work written down for a worker to do."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from pipelines.operations.acts import acting
from pipelines.runtime import Runtime
from schemas.operation import Operation, OperationKind


def ask_for_work(
    runtime: Runtime, kind: OperationKind, feed: str, request: Mapping[str, Any]
) -> Operation:
    """Write down what is to be done on a feed (an empty name for none), and who asks for it."""
    operation = Operation(
        operation_id=secrets.token_hex(8),
        kind=kind,
        feed=feed,
        request=request,
        actor=runtime.actor,
    )
    with acting(
        runtime, f"request_{kind}", "operation", operation.operation_id, feed or None
    ) as told:
        told.after = dict(request)
        return runtime.ledger.operations.add(operation)
