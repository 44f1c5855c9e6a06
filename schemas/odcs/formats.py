"""Formats in contracts: how a column's dates and times are written, and how a key may repeat."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from schemas.contract import Duplicates, Type, Window
from schemas.odcs.file import Faults, Where
from schemas.odcs.types import java_to_strptime

COUNTS = ("excel", "epoch", "epoch_ms")
"""Formats that are numbers: serials of Excel's 1900 system, seconds and milliseconds since 1970."""
_MOMENTS = (Type.DATE, Type.DATETIME, Type.TIME, Type.TIMESTAMP)
_DIRECTIVES = frozenset("YymdjbBaAHIMSfpz%")


def read_formats(
    words: Mapping[str, Any], options: Mapping[str, Any], kind: Type, at: Where, faults: Faults
) -> tuple[str, ...]:
    """The strptime formats of a column: ODCS's own `format` first, then `formats`."""
    given = words.get("formats", [])
    if not isinstance(given, list):
        faults.add(at, "formats is a list")
        given = []
    formats = [str(form) for form in given]
    if "format" in options and kind in _MOMENTS:
        try:
            formats.insert(0, java_to_strptime(str(options["format"])))
        except ValueError as error:
            faults.add((*at, "logicalTypeOptions", "format"), str(error))
    if formats and kind not in _MOMENTS:
        faults.add(at, f"formats belong to dates and times, not to {kind}")
        return ()
    zone = words.get("timezone") is not None
    for form in formats:
        for wrong in _wrong(form, kind, zone):
            faults.add(at, f'format "{form}" {wrong}')
    return tuple(formats)


def _wrong(form: str, kind: Type, zone: bool) -> Iterator[str]:
    """What is wrong with a format for columns of a type; `zone` says that they declare one."""
    epoch = form.startswith("epoch")
    if form in COUNTS:
        if kind is Type.TIME and epoch:
            yield "is no time of day"
        if kind is Type.TIMESTAMP and not epoch and not zone:
            yield "has no time zone; declare the column's timezone"
        return
    letters = set(re.findall(r"%(.?)", form, re.DOTALL))
    strange = sorted(letters - _DIRECTIVES)
    if strange:
        yield f"has %{strange[0]}, which is not read"
    dated = letters & set("Yy")
    if kind is Type.TIME:
        if dated or not letters & set("HI"):
            yield "is not that of a time of day; use %H:%M:%S"
        return
    if not dated:
        yield f"lacks the year, or is none of {', '.join(COUNTS)}"
    if kind is Type.TIMESTAMP and "z" not in letters and not zone:
        yield "has no time zone; add %z, or declare the column's timezone"
    if kind is Type.DATETIME and "z" in letters and not zone:
        yield "has a time zone, which a DATETIME would lose; declare the column's timezone"
    if "I" in letters and "p" not in letters:
        yield "has %I without %p: morning or afternoon?"


def read_nulls(given: Any, at: Where, faults: Faults) -> tuple[str, ...] | None:
    """The column's own words for nothing; None leaves it to the dialect."""
    if given is None:
        return None
    if not isinstance(given, list):
        faults.add(at, "nulls is a list of words")
        return None
    return tuple("null" if word is None else str(word) for word in given)


def read_window(given: Any, at: Where, faults: Faults) -> Window:
    """How far from today the dates of the partition column may lie."""
    names = {"yearsBack": "years_back", "yearsAhead": "years_ahead"}
    if given is None:
        return Window()
    if not isinstance(given, dict) or set(given) - set(names) or not _are_counts(given.values()):
        faults.add(at, "window is {yearsBack, yearsAhead}, whole numbers of years")
        return Window()
    return Window(**{names[key]: value for key, value in given.items()})


def _are_counts(values: Any) -> bool:
    return all(type(value) is int and value >= 0 for value in values)


def read_duplicates(given: Any, at: Where, faults: Faults) -> Duplicates | None:
    """Which row of a file is kept when a key comes more than once; None for the usual."""
    if given is None:
        return None
    known: Sequence[str] = list(Duplicates)
    if given not in known:
        faults.add(at, f'duplicates "{given}" is not one of {", ".join(known)}')
        return None
    return Duplicates(given)
