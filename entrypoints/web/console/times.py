"""Times on pages: in UTC as they are sent, in the viewer's zone once the page's script has run."""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import lru_cache

from markupsafe import Markup

from entrypoints.web.console.language import language
from schemas import formatting


def time_tag(moment: datetime | None) -> Markup:
    """A moment as `<time>`, with UTC on hover; a dash for none."""
    return Markup("–") if moment is None else _tag(moment.astimezone(UTC), language())


@lru_cache(maxsize=4096)
def _tag(utc: datetime, spoken: str) -> Markup:
    # The same files are shown again and again, and a date takes long to write.
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        utc.isoformat(timespec="seconds").replace("+00:00", "Z"),
        formatting.moment(utc, spoken, "second"),
        formatting.moment(utc, spoken),
    )


def day_text(day: date | str) -> str:
    """A day, or one as `2026-11-03`, as people of the language write it; any other text as it
    stands."""
    if isinstance(day, str):
        try:
            day = date.fromisoformat(day)
        except ValueError:
            return str(day)
    return formatting.day(day, language())


def day_name(day: date) -> tuple[str, str]:
    """A day's short name and its date, as people of the language write them."""
    return (
        formatting.weekday(day, language()),
        formatting.day_and_month(day, language()),
    )
