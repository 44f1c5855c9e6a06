"""Alerts: what a person on duty should know of, once when it begins and once when it is over."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class AlertKind(StrEnum):
    """What is the matter."""

    STOPPED = "stopped feed"
    """An error that a person must fix has stopped the feed. Do: fix it, then `waybill resume
    FEED`."""
    LATE = "late feed"
    """The table is older than its contract promises. Do: ask the sender, or see `waybill files
    --feed FEED`."""
    QUARANTINED = "quarantined file"
    """No row of the file was loaded. Do: `waybill show ID` says why; once fixed, `waybill retry
    ID`."""
    FAILED = "failed file"
    """The file was given up after all attempts. Do: `waybill show ID` says why; once fixed,
    `waybill retry ID`."""
    HELD = "untrusted sender"
    """The feed does not trust the sender. Do: `waybill held`; if it is to be trusted, `waybill
    release ID`."""
    UNMATCHED = "file that no feed takes"
    """Something is likely a report, and no feed takes it. Do: add a feed, or `waybill unmatched
    --dismiss ID`."""
    AWAY = "source or mail away"
    """A source, the mail server or the way of receipts does not answer. Do: `waybill doctor` tries
    every part."""
    LOOP = "replies without end"
    """One sender or conversation gets too many replies a day. Do: see whether a program answers
    them; `limits.thread_replies` and `limits.address_replies` say how many there may be."""
    KEPT = "original that waits"
    """An original was moved though a feed had not had it. Do: look for it where `move_to` says,
    should that feed need it."""
    WEBHOOK = "webhook away"
    """A webhook takes no receipts. Do: `waybill webhooks test ID`; `waybill webhooks set` gives it
    an address."""
    AFTER_LOAD = "command after a load"
    """A feed's command after a load was given up. Do: `waybill show ID` of a file of the batch says
    what it printed; fix it, then run it by hand."""
    DRIFT = "schema drift"
    """Files differ from their contract. Do: `waybill drift show ID`, then `drift accept` or `drift
    dismiss`."""
    QUOTA = "quota nearly used"
    """Most of the day's quota of loads is used, or BigQuery throttles. Do: send fewer, larger
    files; see `quotas`."""
    BEHIND = "table behind its contract"
    """The table lacks what its contract has in force. Do: `waybill apply`; loading goes on by
    itself."""
    SCHEDULE = "stopped schedule"
    """Beat was last seen more than five minutes ago. Do: start `waybill up`, or `waybill beat`
    beside workers."""
    FILE = "broken contract or feed"
    """A contract's or a feed's file cannot be read, and what it said before stays. Do: correct the
    line that is named; it is read again by itself."""
    WORKER = "dead worker"
    """A worker gives no sign of life. Do: start it again; its work goes to the others by itself."""


OF_FILES = frozenset({AlertKind.QUARANTINED, AlertKind.FAILED, AlertKind.HELD})
"""The kinds whose subject is one file, which is one version of what lies at a source."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Trouble:
    """Something that is the matter now. `subject` tells troubles of a kind apart: a feed, a file
    id, a drift, a table, a file's name, a worker. `says` is a sentence; `todo` what a person should
    do. Both are English, with the template and the values they are made of."""

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
