"""Alerts: what is wrong now, as everybody who asks sees it, and who looks after it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from pipelines.monitor.alerts import evaluate_alerts
from pipelines.operations.acts import acting
from pipelines.runtime import Runtime
from schemas.alert import OF_FILES, Alert
from schemas.errors import ConflictError, NotFoundError


def list_alerts(
    runtime: Runtime, *, resolved: bool = False, limit: int = 100, evaluate: bool = False
) -> Sequence[Alert]:
    """The open alerts, the newest first; `resolved`: also those that are over. `evaluate` looks
    for new ones first, and tells the destinations."""
    if evaluate:
        evaluate_alerts(runtime)
    return runtime.ledger.alerts.latest(resolved=resolved, limit=limit)


def alert_named(runtime: Runtime, alert_id: str) -> Alert:
    """The alert of that id. Raises NotFoundError."""
    try:
        return runtime.ledger.alerts.get(alert_id)
    except KeyError:
        raise NotFoundError(
            f"there is no alert {alert_id}", hint="`waybill alerts --all` lists them"
        ) from None


def who_was_told(
    runtime: Runtime, alerts: Collection[Alert]
) -> Mapping[str, Mapping[str, datetime]]:
    """By alert id: which destinations were told of it, and when."""
    return runtime.ledger.alerts.told([each.alert_id for each in alerts])


def acknowledge_alert(
    runtime: Runtime, alert_id: str, *, until: datetime | None = None, undo: bool = False
) -> Alert:
    """Write down that somebody looks after an open alert, until a time if that is given; with
    `undo` that nobody does. Safe to repeat. Raises NotFoundError, and ConflictError for an alert
    that is over or a time that has passed."""
    alert = alert_named(runtime, alert_id)
    if alert.resolved_at is not None:
        raise ConflictError("the alert is over", hint="there is nothing left to look after")
    if until is not None and until <= runtime.now():
        raise ConflictError("that time has passed", hint="name a time to come")
    who = None if undo else runtime.actor.who
    with acting(runtime, "acknowledge", "alert", alert_id, alert.trouble.feed) as told:
        told.before = {"by": alert.acknowledged_by}
        told.after = {"by": who, "until": until.isoformat() if until is not None else None}
        return runtime.ledger.alerts.acknowledge(alert_id, who, until)


def dismiss_alert(runtime: Runtime, alert_id: str, note: str = "", *, undo: bool = False) -> Alert:
    """Put the alert of a file away for good, with a note for those who ask why: it is not told of
    again for this file, but it is for a later version of it. With `undo` it is, at the next look.
    Nothing becomes of the file itself. Safe to repeat.

    Raises NotFoundError, and ConflictError for an alert of anything else or without a note.
    """
    alert = alert_named(runtime, alert_id)
    note = note.strip()
    if alert.trouble.kind not in OF_FILES:
        raise ConflictError(
            f"an alert of the kind {alert.trouble.kind} is over once its trouble is",
            hint="only alerts of single files can be dismissed",
        )
    if not undo and not note:
        raise ConflictError("a note must say why", hint="those who ask later read it")
    who = None if undo else runtime.actor.who
    action = "restore" if undo else "dismiss"
    with acting(runtime, action, "alert", alert_id, alert.trouble.feed) as told:
        told.before = {"by": alert.dismissed_by}
        told.after = {"by": who, "note": note, "file": alert.trouble.subject}
        return runtime.ledger.alerts.dismiss(alert_id, who, note)
