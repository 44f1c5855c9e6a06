"""Alerts: noting what is the matter, and telling each destination once, in one message."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import groupby

from connectors.protocols import Destination
from pipelines.monitor.conditions import replaced, troubles
from pipelines.runtime import Runtime
from schemas.alert import Alert, AlertKind, News, Trouble
from schemas.errors import WaybillError
from schemas.language import printable

log = logging.getLogger(__name__)

_LOCK, _LOCK_SECONDS = "alerts", 300.0
_AT_ONCE = 5000
_SHOWN = 20


def evaluate_alerts(runtime: Runtime) -> None:
    """Find everything that is the matter, resolve what is over, and tell who has to know.

    Only one look at a time is taken; a second one returns at once. Raises RetryableError when the
    ledger is away.
    """
    if not runtime.ledger.locks.take(_LOCK, runtime.owner, _LOCK_SECONDS):
        return
    try:
        runtime.ledger.alerts.note(troubles(runtime), tuple(AlertKind))
        patience = timedelta(seconds=runtime.alert_rules.worker_seconds)
        if gone := replaced(runtime.ledger.workers.all(), runtime.now(), patience):
            runtime.ledger.workers.forget(gone)
        _tell(runtime)
    finally:
        runtime.ledger.locks.give_back(_LOCK, runtime.owner)


def raise_alert(runtime: Runtime, trouble: Trouble) -> None:
    """Open one alert and tell of it now; if a look is being taken, the next one tells of it."""
    runtime.ledger.alerts.note([trouble], ())
    if not runtime.ledger.locks.take(_LOCK, runtime.owner, _LOCK_SECONDS):
        return
    try:
        _tell(runtime)
    finally:
        runtime.ledger.locks.give_back(_LOCK, runtime.owner)


def _tell(runtime: Runtime) -> None:
    """Send each destination what it does not know yet. One that is away hears of it later."""
    for name, destination in runtime.destinations.items():
        told = runtime.ledger.alerts.undelivered(name, _AT_ONCE)
        if told and _sent(name, destination, news_of(told)):
            runtime.ledger.alerts.mark_delivered(name, told)


def _sent(name: str, destination: Destination, news: News) -> bool:
    try:
        destination.send(news)
    except WaybillError as error:
        log.error("alerts could not be sent to %s: %s", name, error.message)
        return False
    return True


def news_of(alerts: Sequence[Alert]) -> News:
    """One message about these alerts, new and resolved ones."""
    opened = tuple(each for each in alerts if each.resolved_at is None)
    resolved = tuple(each for each in alerts if each.resolved_at is not None)
    named = "\n".join(
        [*(each.alert_id for each in opened), "", *(each.alert_id for each in resolved)]
    )
    return News(
        news_id=hashlib.sha256(named.encode()).hexdigest()[:24],
        title=_title(opened, resolved),
        text="\n".join([*_section("NEW", opened), *_section("RESOLVED", resolved)]),
        opened=opened,
        resolved=resolved,
    )


def _title(opened: Sequence[Alert], resolved: Sequence[Alert]) -> str:
    """`late feed, orders`, or how many there are."""
    if len(opened) + len(resolved) == 1:
        trouble = (*opened, *resolved)[0].trouble
        word = "" if opened else "resolved: "
        return f"Waybill: {word}{trouble.kind}, {_line(trouble.feed or trouble.subject)}"
    counts = [
        f"{len(some):,} {word}" for some, word in ((opened, "new"), (resolved, "resolved")) if some
    ]
    return f"Waybill: {', '.join(counts)} alerts"


def _section(word: str, alerts: Sequence[Alert]) -> Iterator[str]:
    if not alerts:
        return
    yield word
    ordered = sorted(alerts, key=lambda each: list(AlertKind).index(each.trouble.kind))
    for kind, some in groupby(ordered, key=lambda each: each.trouble.kind):
        group = list(some)
        yield f"\n{kind} ({len(group):,})"
        for alert in group[:_SHOWN]:
            yield f"- {_line(alert.trouble.says)}"
            if alert.resolved_at is not None:
                yield f"  open since {alert.opened_at:%Y-%m-%d %H:%M} UTC"
                if alert.dismissed_by is not None:
                    why = f"{alert.dismissed_by}: {alert.dismissed_note}"
                    yield f"  dismissed by {_line(why)}"
            elif alert.trouble.todo:
                yield f"  {_line(alert.trouble.todo)}"
        if len(group) > _SHOWN:
            yield f"… and {len(group) - _SHOWN:,} more: waybill alerts"
    yield ""


def _line(text: str) -> str:
    return printable(" ".join(text.split()))
