"""Alerts: what is wrong now, as everybody who asks sees it."""

from __future__ import annotations

from collections.abc import Sequence

from pipelines.monitor.alerts import evaluate_alerts
from pipelines.runtime import Runtime
from schemas.alert import Alert


def list_alerts(
    runtime: Runtime, *, resolved: bool = False, limit: int = 100, evaluate: bool = False
) -> Sequence[Alert]:
    """The open alerts, the newest first; `resolved`: also those that are over. `evaluate` looks
    for new ones first, and tells the destinations."""
    if evaluate:
        evaluate_alerts(runtime)
    return runtime.ledger.alerts.latest(resolved=resolved, limit=limit)
