"""When a feed looks at its source."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Every:
    """A fixed pause between two looks."""

    period: timedelta

    def __str__(self) -> str:
        return f"every {self.period}"


@dataclass(frozen=True, slots=True)
class Cron:
    """Five cron fields (minute, hour, day of month, month, day of week) in a time zone."""

    expression: str
    timezone: str = "UTC"

    def __str__(self) -> str:
        return f"cron {self.expression} {self.timezone}"


def every(*, seconds: float = 0, minutes: float = 0, hours: float = 0, days: float = 0) -> Every:
    """Look again after this time; raises ValueError unless it is more than zero."""
    period = timedelta(seconds=seconds, minutes=minutes, hours=hours, days=days)
    if period <= timedelta(0):
        raise ValueError("every() needs a period, such as every(minutes=5)")
    return Every(period)


def cron(expression: str, timezone: str = "UTC") -> Cron:
    """Look at the times of a crontab line, such as `cron("0 6 * * 1-5", "Europe/Madrid")`.

    Raises ValueError for other than five fields and ZoneInfoNotFoundError for an unknown zone.
    """
    if len(expression.split()) != 5:
        raise ValueError(f'cron("{expression}"): five fields are needed, such as "0 6 * * 1-5"')
    ZoneInfo(timezone)
    return Cron(expression, timezone)
