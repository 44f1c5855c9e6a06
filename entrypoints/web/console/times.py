"""Times on pages: in UTC as they are sent, in the viewer's zone once the page's script has run."""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import lru_cache

from babel.dates import format_date, format_datetime
from markupsafe import Markup

from entrypoints.web.console.language import language


def time_tag(moment: datetime | None) -> Markup:
    """A moment as `<time>`, with UTC on hover; a dash for none."""
    return Markup("–") if moment is None else _tag(moment.astimezone(UTC), language())


@lru_cache(maxsize=4096)
def _tag(utc: datetime, spoken: str) -> Markup:
    # The same files are shown again and again, and a date takes long to write.
    shown = format_datetime(utc, "d MMM y, HH:mm", locale=spoken)
    return Markup('<time datetime="{}" title="{} UTC">{} UTC</time>').format(
        utc.isoformat(timespec="seconds").replace("+00:00", "Z"), f"{utc:%Y-%m-%d %H:%M:%S}", shown
    )


def day_name(day: date) -> tuple[str, str]:
    """A day's short name and its date, as people of the language write them."""
    return (
        format_date(day, "EEE", locale=language()),
        format_date(day, "d MMM", locale=language()),
    )
