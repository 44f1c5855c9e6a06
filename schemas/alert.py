"""Alerts: what a person on duty should know of, once when it begins and once when it is over."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class AlertKind(StrEnum):
    """What is the matter."""

    STOPPED = "stopped feed"
    LATE = "late feed"
    QUARANTINED = "quarantined file"
    FAILED = "failed file"
    HELD = "untrusted sender"
    UNMATCHED = "file that no feed takes"
    AWAY = "source or mail away"
    LOOP = "replies without end"
    KEPT = "original that waits"
    WEBHOOK = "webhook away"
    AFTER_LOAD = "command after a load"
    DRIFT = "schema drift"
    QUOTA = "quota nearly used"
    BEHIND = "table behind its contract"
    WORKER = "dead worker"


OF_FILES = frozenset({AlertKind.QUARANTINED, AlertKind.FAILED, AlertKind.HELD})
"""The kinds whose subject is one file, which is one version of what lies at a source."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Trouble:
    """Something that is the matter now. `subject` tells troubles of a kind apart: a feed, a file
    id, a drift, a table, a worker. `says` is a sentence; `todo` what a person should do. Both are
    English, with the template and the values they are made of."""

    kind: AlertKind
    subject: str
    says: str
    todo: str = ""
    feed: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Alert:
    """A trouble as the ledger keeps it, from when it was found until it was over.

    Who has acknowledged it knows of it and looks after it, if need be `until` a time only. One that
    somebody has dismissed, with a note, is over for good.
    """

    alert_id: str
    trouble: Trouble
    opened_at: datetime
    resolved_at: datetime | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    acknowledged_until: datetime | None = None
    dismissed_at: datetime | None = None
    dismissed_by: str | None = None
    dismissed_note: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class News:
    """What one destination has not been told yet, as one message.

    `news_id` is the same for every repeat of the same message.
    """

    news_id: str
    title: str
    text: str
    opened: tuple[Alert, ...] = ()
    resolved: tuple[Alert, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Worker:
    """A worker process that has said when it started and when it was last alive."""

    name: str
    started_at: datetime
    seen_at: datetime


def alert_id_of(trouble: Trouble, opened_at: datetime) -> str:
    """The alert's id: 12 hex digits that depend on kind, subject and when it began."""
    named = "\x00".join((trouble.kind, trouble.subject, opened_at.isoformat()))
    return hashlib.sha256(named.encode("utf-8", "surrogatepass")).hexdigest()[:12]
