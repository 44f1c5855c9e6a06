"""Alerts: what is the matter, and who looks after it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from entrypoints.web.api.caller import Caller, Operator, Viewer
from entrypoints.web.api.etags import IfMatch, check_match, etag_of, say_etag
from entrypoints.web.api.fields import Body, Limit, Model, Moment, ShortId, Text
from entrypoints.web.api.problems import responses
from pipelines.operations.alerts import acknowledge_alert, dismiss_alert, list_alerts
from schemas.alert import Alert, AlertKind

router = APIRouter(prefix="/alerts", tags=["alerts"])

_MOST = 10_000
_CHANGED = responses(404, 409, 412, 422)


class AlertModel(Model):
    """Something that is the matter, and what to do about it; who has acknowledged it looks after
    it."""

    alert_id: str = Field(examples=["0a1b2c3d4e5f"])
    kind: AlertKind
    feed: str | None
    subject: Text
    summary: Text
    advice: Text
    opened_at: datetime
    resolved_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: Text | None
    acknowledged_until: datetime | None
    dismissed_at: datetime | None
    dismissed_by: Text | None
    dismissed_note: Text | None

    @classmethod
    def of(cls, alert: Alert, caller: Caller) -> Self:
        """An alert as the caller may see it."""
        trouble = caller.masked_alert(alert).trouble
        return cls(
            alert_id=alert.alert_id,
            kind=trouble.kind,
            feed=trouble.feed,
            subject=trouble.subject,
            summary=trouble.says,
            advice=trouble.todo,
            opened_at=alert.opened_at,
            resolved_at=alert.resolved_at,
            acknowledged_at=alert.acknowledged_at,
            acknowledged_by=alert.acknowledged_by,
            acknowledged_until=alert.acknowledged_until,
            dismissed_at=alert.dismissed_at,
            dismissed_by=alert.dismissed_by,
            dismissed_note=alert.dismissed_note,
        )


class AlertsModel(Model):
    """Alerts, the newest first."""

    items: tuple[AlertModel, ...]


class AcknowledgeBody(Body):
    """Until when it is looked after; without it, until it is over."""

    until: Moment | None = None


class DismissBody(Body):
    """Why nobody wants to hear of it again."""

    note: Annotated[str, Field(min_length=1, max_length=300, examples=["an old test file"])]


@router.get("", responses=responses(422))
def get_alerts(
    caller: Viewer,
    resolved: Annotated[bool, Query(description="Also those that are over.")] = False,
    limit: Limit = 100,
) -> AlertsModel:
    """What is the matter now."""
    # Of other feeds there may be many: they must not leave no room for the caller's own.
    found = list_alerts(caller.runtime, resolved=resolved, limit=_MOST)
    seen = [alert for alert in found if caller.sees(alert.trouble.feed)][:limit]
    return AlertsModel(items=tuple(AlertModel.of(alert, caller) for alert in seen))


@router.get("/{alert_id}", responses=responses(404, 422))
def get_alert(
    caller: Viewer, request: Request, response: Response, alert_id: ShortId
) -> AlertModel:
    """One alert."""
    alert = caller.alert(alert_id)
    say_etag(request, response, etag_of(alert))
    return AlertModel.of(alert, caller)


@router.put("/{alert_id}/acknowledgement", responses=_CHANGED)
def put_acknowledgement(
    caller: Operator, alert_id: ShortId, body: AcknowledgeBody, if_match: IfMatch = None
) -> AlertModel:
    """Say that you look after it."""
    with caller.runtime.ledger.acts.together():
        alert = caller.alert(alert_id)
        check_match(if_match, etag_of(alert))
        done = acknowledge_alert(caller.runtime, alert_id, until=body.until)
    return AlertModel.of(done, caller)


@router.delete("/{alert_id}/acknowledgement", responses=_CHANGED)
def delete_acknowledgement(
    caller: Operator, alert_id: ShortId, if_match: IfMatch = None
) -> AlertModel:
    """Say that nobody looks after it any more."""
    with caller.runtime.ledger.acts.together():
        alert = caller.alert(alert_id)
        check_match(if_match, etag_of(alert))
        done = acknowledge_alert(caller.runtime, alert_id, undo=True)
    return AlertModel.of(done, caller)


@router.put("/{alert_id}/dismissal", responses=_CHANGED)
def put_dismissal(
    caller: Operator, alert_id: ShortId, body: DismissBody, if_match: IfMatch = None
) -> AlertModel:
    """Put the alert of a file away for good: it is told of again for a later version only."""
    with caller.runtime.ledger.acts.together():
        alert = caller.alert(alert_id)
        check_match(if_match, etag_of(alert))
        done = dismiss_alert(caller.runtime, alert_id, body.note)
    return AlertModel.of(done, caller)


@router.delete("/{alert_id}/dismissal", responses=_CHANGED)
def delete_dismissal(caller: Operator, alert_id: ShortId, if_match: IfMatch = None) -> AlertModel:
    """Take the dismissal back: while its file is as it was, it is told of again."""
    with caller.runtime.ledger.acts.together():
        alert = caller.alert(alert_id)
        check_match(if_match, etag_of(alert))
        done = dismiss_alert(caller.runtime, alert_id, undo=True)
    return AlertModel.of(done, caller)
