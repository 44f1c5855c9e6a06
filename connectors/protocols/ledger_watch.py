"""What the ledger knows of how things go: alerts, workers, services and measures."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from schemas.alert import Alert, AlertKind, Trouble, Worker
from schemas.daily_count import DailyCount
from schemas.measure import FilesOnTheWay, StepTime
from schemas.service import Service


class LedgerAlerts(Protocol):
    """What is the matter, what is over, and which destination has been told."""

    def note(self, found: Collection[Trouble], over: Collection[AlertKind]) -> None:
        """Open an alert for each new trouble; one that is open already says what is found now, but
        keeps what is to be done.

        A trouble that was dismissed is as good as not found. Open alerts of the kinds `over` whose
        trouble was not found are resolved. Without a change
        (the usual case) it only reads. Safe to repeat and to run twice at once.
        """

    def latest(self, *, resolved: bool = False, limit: int = 1000) -> Sequence[Alert]:
        """The open alerts, or with `resolved` all that are remembered, the newest first."""

    def get(self, alert_id: str) -> Alert:
        """The alert; raises KeyError."""

    def acknowledge(self, alert_id: str, who: str | None, until: datetime | None) -> Alert:
        """Write down who looks after an alert, until a time if that is given; with None for who,
        that nobody does. Raises KeyError."""

    def dismiss(self, alert_id: str, who: str | None, note: str) -> Alert:
        """Resolve an alert for good, in somebody's name: its trouble is told of no more. With None
        for who its trouble is told of again, as a new alert. Raises KeyError."""

    def undelivered(self, destination: str, limit: int) -> Sequence[Alert]:
        """Alerts that a destination has not been told of, oldest first: open ones that are new to
        it, and resolved ones whose beginning it was told."""

    def mark_delivered(self, destination: str, told: Collection[Alert]) -> None:
        """Write down that a destination was told of these alerts, as they are here."""

    def told(self, alert_ids: Collection[str]) -> Mapping[str, Mapping[str, datetime]]:
        """When which destinations were told first of each of these alerts."""

    def forget(self, before: datetime) -> int:
        """Forget alerts that were resolved before that time; how many."""


class LedgerWorkers(Protocol):
    """Workers' signs of life."""

    def note_alive(self, name: str) -> None:
        """Write down that a worker is alive; the first time, that it has started."""

    def all(self) -> Sequence[Worker]:
        """All workers that have not been forgotten, by when they started."""

    def forget(self, names: Collection[str]) -> None:
        """Forget workers: they ended in good order, or others have taken their places."""


class LedgerServices(Protocol):
    """Since when a source or a mail server answers badly, and what it says."""

    def note(self, name: str, error: str | None = None, retry_at: datetime | None = None) -> None:
        """Write down that a service did its part, or why it did not and when it may be asked
        again. That it goes on to do its part is written once a minute."""

    def all(self) -> Sequence[Service]:
        """All services that were ever asked, by name."""

    def get(self, name: str) -> Service:
        """What is known of a service, also of one that was never asked."""


class LedgerMeasures(Protocol):
    """What a monitoring system asks for again and again. No answer grows with history."""

    def on_the_way(self) -> Sequence[FilesOnTheWay]:
        """The files that are not done, by feed and status."""

    def step_times(self, since: datetime) -> Sequence[StepTime]:
        """How long the steps that have ended since then took, by step and outcome."""

    def ended(self, day: str) -> Sequence[DailyCount]:
        """What has ended on that day (UTC, `2026-11-03`), by feed."""
