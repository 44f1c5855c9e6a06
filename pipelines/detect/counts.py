"""Counts: numbers that are moments, as Excel's serials or as seconds or milliseconds since 1970.

A number alone never says so: 46329 may be a price. So a column's name has to support it, and all
of its numbers must fall into years that data has.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from pipelines.detect.dates import COUNTS
from schemas.contract import Type

_FORMS = {
    "excel": re.compile(r"[0-9]{5}(?:[.,][0-9]{1,20})?"),
    "epoch": re.compile(r"[0-9]{9,10}(?:\.[0-9]{1,6})?"),
    "epoch_ms": re.compile(r"[0-9]{12,13}(?:\.[0-9]{1,3})?"),
}
_FIRST, _LAST = date(1990, 1, 1), date(2049, 12, 31)
_EXCEL_ZERO = date(1899, 12, 30)
_TIMED = frozenset(
    ["date", "datetime", "day", "time", "timestamp", "ts", "dt", "at", "on", "since", "until",
     "created", "updated", "modified", "deleted", "expires", "fecha", "dia", "hora", "momento",
     "datum", "tag", "zeit", "zeitpunkt", "zeitstempel", "jour", "heure", "horodatage", "data",
     "giorno", "dag", "tijd", "dob", "birthday", "epoch", "unix", "serial", "excel"]
)  # fmt: skip
_ENDS = ("date", "datetime", "timestamp", "datum", "fecha", "zeitpunkt", "zeitstempel")
_NO_DATE = frozenset(["candidate", "mandate", "postulate", "carbohydrate", "candidates"])
# "updated_by" and "date_id" hold no moments,
_NO_LAST = frozenset(
    ["by", "id", "no", "nr", "num", "number", "count", "code", "key", "zone", "total", "name"]
)
# and five digits of seconds or days are as likely to be a duration.
_SPANS = frozenset(
    ["days", "hours", "minutes", "seconds", "secs", "sec", "ms", "duration", "elapsed", "spent",
     "lead", "run", "up", "hand", "left"]
)  # fmt: skip
_PLAIN = {"excel": ("excel", "serial"), "epoch": ("epoch", "unix", "timestamp", "ts")}
_ENOUGH_CELLS, _ENOUGH_DAYS = 10, 3


@dataclass(frozen=True, slots=True)
class Counts:
    """A column of counts: its type and the contract's word for its format; the first and the last
    day (ISO 8601) and how many there are; how sure it is, and why."""

    type: Type
    form: str
    first: str
    last: str
    days: int
    confidence: float
    why: str


def find_counts(name: str, cells: Sequence[str]) -> tuple[Counts | None, int]:
    """What moments the cells count to if the column is named `name`, and how many do; None unless
    name and numbers both support it."""
    words = _words(name)
    form, moments = _moments(cells) if _is_timed(words) else ("", [])
    if not form or (form == "excel" and not _SPANS.isdisjoint(words)):
        return None, 0
    days = {each.date() for each in moments}
    plain = any(word in words for word in _PLAIN[form.removesuffix("_ms")])
    few = len(cells) < _ENOUGH_CELLS or len(days) < _ENOUGH_DAYS
    sure = (0.95 if plain else 0.85) - (0.25 if few else 0)
    timed = any(each.time() != datetime.min.time() for each in moments)
    kind = Type.TIMESTAMP
    if form == "excel":
        kind = Type.DATETIME if timed else Type.DATE
    first, last = min(days).isoformat(), max(days).isoformat()
    why = (
        f"as {COUNTS[form]} they run from {first} to {last}, and the name is that of a date or time"
    )
    return Counts(kind, form, first, last, len(days), sure, why), len(moments)


def moments_unnamed(cells: Sequence[str]) -> str:
    """What a column of numbers might count to, though its name does not say so; empty for all but
    seconds and milliseconds, as many numbers have five digits."""
    form, moments = _moments(cells)
    if form in ("", "excel") or len(moments) < len(cells) or len(set(cells)) < _ENOUGH_DAYS:
        return ""
    first, last = min(moments).date(), max(moments).date()
    return f"; as {COUNTS[form]} they would run from {first} to {last}: `formats: [{form}]`?"


def _words(name: str) -> list[str]:
    """The words of a name: `createdAt (UTC)` has created, at and utc."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return re.findall(r"[^\W\d_]+", spaced.lower().replace("í", "i"))


def _is_timed(words: Sequence[str]) -> bool:
    return (
        bool(words)
        and words[-1] not in _NO_LAST
        and any(word in _TIMED or (word.endswith(_ENDS) and word not in _NO_DATE) for word in words)
    )


def _moments(cells: Sequence[str]) -> tuple[str, list[datetime]]:
    """The form that most cells are written in, and the moments that they count to; none if one of
    these lies in a year that data does not have."""
    for form, pattern in _FORMS.items():
        read = [cell for cell in cells if pattern.fullmatch(cell)]
        if len(read) > 0.5 * len(cells):
            moments = [_moment(form, float(cell.replace(",", "."))) for cell in read]
            inside = all(_FIRST <= each.date() <= _LAST for each in moments)
            return (form, moments) if inside else ("", [])
    return "", []


def _moment(form: str, count: float) -> datetime:
    if form == "excel":
        midnight = datetime.combine(_EXCEL_ZERO, datetime.min.time())
        return midnight + timedelta(milliseconds=round(count * 86_400_000))
    seconds = count / (1000 if form == "epoch_ms" else 1)
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
