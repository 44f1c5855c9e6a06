"""Beat's schedule: when each task is due, from the feeds and the configuration."""

from __future__ import annotations

from datetime import timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from celery import Celery
from celery.schedules import crontab, schedule

from pipelines.discover.look import full_listing_of
from pipelines.runtime import Runtime
from pipelines.schedule import Cron, Every

_PUBLISH_SECONDS = 3600
_LOOK = "waybill.look"
"""Discovers a feed unless its source, which tells what arrives, was listed not long ago."""
_NONE = timedelta()


def beat_schedule(runtime: Runtime, app: Celery) -> dict[str, Any]:
    """One entry a feed, one for its digest if it has one, and those for recover, clean, alerts and
    what the warehouse expects."""
    entries: dict[str, Any] = {}
    rare = {
        source: period
        for source in {feed.source for feed in runtime.feeds.values()}
        if (period := full_listing_of(runtime, source)) is not None
    }
    for feed in runtime.feeds.values():
        for step, when in (("discover", feed.schedule), ("digest", feed.digest)):
            if when is not None:
                entries[f"{step} {feed.name}"] = {
                    "task": _LOOK
                    if step == "discover" and feed.source in rare
                    else f"waybill.{step}",
                    "args": (feed.name,),
                    "schedule": _celery_schedule(when, app),
                    "options": {"queue": step, "expires": 600},
                }
    for source in sorted({feed.source for feed in runtime.feeds.values()}):
        entries[f"survey {source}"] = {
            "task": "waybill.survey",
            "args": (source,),
            "schedule": max(runtime.limits.survey_seconds, rare.get(source, _NONE).total_seconds()),
            "options": {"queue": "survey", "expires": 600},
        }
    entries["recover"] = {
        "task": "waybill.recover",
        "schedule": runtime.limits.recover_seconds,
        "options": {"queue": "recover", "expires": 60},
    }
    entries["clean"] = {
        "task": "waybill.clean",
        "schedule": runtime.retention.clean_seconds,
        "options": {"queue": "clean", "expires": 600},
    }
    entries["alerts"] = {
        "task": "waybill.alerts",
        "schedule": runtime.alert_rules.every_seconds,
        "options": {"queue": "alerts", "expires": 300},
    }
    entries["publish"] = {
        "task": "waybill.publish",
        "schedule": _PUBLISH_SECONDS,
        "options": {"queue": "alerts", "expires": 600},
    }
    return entries


class ZonedCrontab(crontab):
    """A crontab in a time zone of its own, not the app's."""

    def __init__(self, *fields: str, zone: str = "UTC", **options: Any) -> None:
        super().__init__(*fields, **options)
        self._orig_kwargs = {**options, "zone": zone}
        self._zone = ZoneInfo(zone)

    def __reduce__(self) -> Any:
        fields = super().__reduce__()[1]
        return (_zoned, (fields, self._zone.key))

    def __eq__(self, other: object) -> bool:
        same_zone = isinstance(other, ZonedCrontab) and other._zone == self._zone
        return same_zone and bool(super().__eq__(other))

    def __hash__(self) -> int:
        return hash((str(self), self._zone.key))

    @property
    def tz(self) -> tzinfo:  # type: ignore[override]
        """The zone in which the fields are read."""
        return self._zone


def _zoned(fields: tuple[str, ...], zone: str) -> ZonedCrontab:
    return ZonedCrontab(*fields, zone=zone)


def _celery_schedule(when: Every | Cron, app: Celery) -> schedule | crontab:
    if isinstance(when, Every):
        return schedule(when.period, app=app)
    minute, hour, day, month, weekday = when.expression.split()
    return ZonedCrontab(minute, hour, weekday, day, month, zone=when.timezone, app=app)


def look_at_once(app: Celery, **_: object) -> None:
    """Run every entry once as beat starts: nobody waits a full period after a restart. Digests keep
    to their schedule, or every restart would send one; so do feeds that look at set times (what was
    due while beat was away, its own file of what ran when tells it)."""
    for entry in app.conf.beat_schedule.values():
        if entry["task"] == "waybill.digest" or isinstance(entry["schedule"], crontab):
            continue
        # Whatever was listed before: nobody knows for how long nobody listened.
        task = "waybill.discover" if entry["task"] == _LOOK else entry["task"]
        app.send_task(task, args=entry.get("args", ()), **entry["options"])
