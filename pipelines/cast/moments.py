"""Dates and times: ISO 8601 or the contract's own formats, with the zones that they carry or lack.

A DATE never loses a time of day, a TIMESTAMP never gets a zone that nobody declared, and a local
time that a change of clocks skips or repeats is not resolved by guessing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.cast.cells import bytes_at
from pipelines.cast.clock import (
    DAY,
    END,
    FIRST,
    SECOND,
    Reading,
    read_epoch,
    read_excel,
    read_form,
)
from pipelines.cast.far_zones import UNSURE, local_of, utc_of
from pipelines.cast.fault import Cast, Fault, Mask, fault
from pipelines.cast.form import ISO_DATE, ISO_TIME, ISO_ZONE, Form, form_of
from pipelines.cast.plain import ISO_BYTES, apart, usual_moment
from schemas.arrow import arrow_type
from schemas.contract import Column, Type

_SAMPLES = {
    Type.DATE: "2026-11-03",
    Type.DATETIME: "2026-11-03 14:30:00",
    Type.TIMESTAMP: "2026-11-03T14:30:00Z",
    Type.TIME: "14:30:00",
}
_FIRST = 100
_COUNTS = {"excel": "46329.6", "epoch": "1793716200", "epoch_ms": "1793716200000"}
_SENTENCES = {
    Type.DATE: "{value} is not a date written like {example}",
    Type.DATETIME: "{value} is not a date and time written like {example}",
    Type.TIMESTAMP: "{value} is not a date and time written like {example}",
    Type.TIME: "{value} is not a time of day written like {example}",
}


def cast_moments(cells: pa.Array, column: Column, *, native: bool) -> Cast:
    """The cells as dates or times of the column's type.

    `native` cells come from a format with dates of its own, which its reader writes as ISO 8601:
    these are read beside the column's own formats.
    """
    if not column.formats:
        # Arrow makes an error of each bad cell: where the first ones are bad, most may be.
        head = _at_once(cells.slice(0, _FIRST), column)
        if head is not None and (values := _at_once(cells, column)) is not None:
            return values, []

    def one_by_one(some: pa.Array) -> Cast:
        return _one_by_one(some, column, native)

    if column.formats or column.type is Type.TIME:
        return one_by_one(cells)
    if column.type is not Type.DATE:
        return _apart(cells, column, one_by_one)
    # A file has many rows of few days.
    encoded = cells.dictionary_encode()
    values, faults = _apart(encoded.dictionary, column, one_by_one)
    return values.take(encoded.indices), [each.spread(encoded) for each in faults]


def _apart(cells: pa.Array, column: Column, one_by_one: Callable[[pa.Array], Cast]) -> Cast:
    """Usual cells at once, and only the others one by one."""
    usual = usual_moment(column.type)
    return apart(cells, ISO_BYTES, usual, lambda some: _at_once(some, column), one_by_one)


def _one_by_one(cells: pa.Array, column: Column, native: bool) -> Cast:
    """The cells by the column's forms, each distinct one looked at once."""
    encoded = cells.dictionary_encode()
    distinct = encoded.dictionary
    reading = Reading.nothing(len(distinct))
    for each in column.formats:
        if not reading.ok.all():
            reading.fill(_read(distinct, each, column))
    if (native or not column.formats) and not reading.ok.all():
        reading.fill(read_form(distinct, _iso(column.type, native)))
    example = " or ".join(_example(each, column) for each in column.formats or ("iso",))
    faults = fault("type", _SENTENCES[column.type], ~reading.ok, example=example)
    values, more = _of_type(reading, column)
    return values.take(encoded.indices), [each.spread(encoded) for each in (*faults, *more)]


def _at_once(cells: pa.Array, column: Column) -> pa.Array | None:
    """ISO 8601 by Arrow's own cast; None unless every cell is certainly as it must be."""
    if column.type is Type.TIME:
        return None
    if column.type is not Type.DATE:
        blank, lengths = bytes_at(cells, 10)
        colon, _ = bytes_at(cells, 13)
        right = (colon == ord(":")) & ((blank == ord(" ")) | (blank == ord("T")))
        if not (right | (lengths == 0)).all():
            return None
    try:
        values = pc.cast(cells, arrow_type(column))
    except pa.ArrowInvalid:
        return None
    number = values.cast(pa.int32()) if column.type is Type.DATE else values.cast(pa.int64())
    unit = DAY if column.type is Type.DATE else 1
    span = pc.min_max(number)
    low, high = span["min"].as_py(), span["max"].as_py()
    if low is not None and not FIRST <= low * unit <= high * unit < END:
        return None
    return values


def _iso(kind: Type, native: bool) -> Form:
    """ISO 8601 as the type wants it; of `native` cells any date or time."""
    match kind:
        case Type.TIME:
            pattern = ISO_TIME
        case Type.DATE if not native:
            pattern = ISO_DATE
        case _:
            time = rf"[T ]{ISO_TIME}{ISO_ZONE}"
            pattern = ISO_DATE + (f"(?:{time})?" if native else time)
    return Form(f"^{pattern}$", {})


def _read(cells: pa.Array, form: str, column: Column) -> Reading:
    match form:
        case "excel":
            return read_excel(cells)
        case "epoch" | "epoch_ms":
            reading = read_epoch(cells, SECOND if form == "epoch" else 1000)
            if column.type is not Type.TIMESTAMP and column.timezone is None:
                # It counts from midnight in UTC, whose clock is as good as any.
                reading.zoned[:] = False
            return reading
        case _:
            found = form_of(form, column.locale)
            pivot = found.pivot if column.pivot is None else column.pivot
            return read_form(cells, replace(found, pivot=pivot))


def _example(form: str, column: Column) -> str:
    """3 November 2026, half past two, in one of the column's formats."""
    if form == "iso":
        return _SAMPLES[column.type]
    return _COUNTS[form] if form in _COUNTS else sample_of(form, column.locale)


def sample_of(form: str, locale: str) -> str:
    """The same moment in a strptime format, in the words of a language."""
    from babel import Locale

    words = Locale.parse(locale)
    named = {
        "%B": words.months["format"]["wide"][11],
        "%b": words.months["format"]["abbreviated"][11],
        "%A": words.days["format"]["wide"][1],
        "%a": words.days["format"]["abbreviated"][1],
        "%Y": "2026", "%y": "26", "%m": "11", "%d": "03", "%j": "307", "%H": "14", "%I": "02",
        "%M": "30", "%S": "00", "%f": "000000", "%p": "PM", "%z": "+01:00", "%%": "%",
    }  # fmt: skip
    for directive, text in named.items():
        form = form.replace(directive, text)
    return form


def _of_type(reading: Reading, column: Column) -> Cast:
    """What was read as values of the column's type, and what would be lost or guessed by that."""
    faults: list[Fault] = []
    if column.type is Type.TIME:
        bad = reading.ok & ((reading.micros < 0) | (reading.micros >= DAY))
        faults += fault("type", _SENTENCES[Type.TIME], bad, example=_SAMPLES[Type.TIME])
        values = pa.array(reading.micros % DAY, mask=bad | ~reading.ok)
        return pc.cast(values, pa.time64("us")), faults
    local, good, more = _placed(reading, column)
    faults += more
    beyond = good & ((local < FIRST) | (local >= END))
    faults += fault("type", "{value} is not between the years 1 and 9999", beyond)
    good &= ~beyond
    if column.type is Type.DATE:
        timed = good & (local % DAY != 0)
        faults += fault("time_of_day", "{value} has a time of day, which a date would lose", timed)
        days = pa.array((local // DAY).astype(np.int32), mask=~(good & ~timed))
        return pc.cast(days, pa.date32()), faults
    moments = pc.cast(pa.array(local, mask=~good), pa.timestamp("us"))
    return pc.cast(moments, arrow_type(column)), faults


def _placed(reading: Reading, column: Column) -> tuple[np.ndarray, Mask, list[Fault]]:
    """The moments in UTC for a TIMESTAMP, in the column's zone for the others; which of them are
    good, and what is wrong with the rest."""
    ok, zoned = reading.ok, reading.zoned
    if column.type is Type.TIMESTAMP:
        if column.timezone is None:
            template = "{value} has no time zone, and the contract declares none"
            return reading.micros, ok & zoned, fault("zone", template, ok & ~zoned)
        return _to_utc(reading, column.timezone)
    if column.timezone is None:
        template = "{value} has a time zone, which {column} would lose"
        return reading.micros, ok & ~zoned, fault("zone", template, ok & zoned)
    return _to_local(reading, column.timezone), ok.copy(), []


def _to_local(reading: Reading, zone: str) -> np.ndarray:
    """Zoned moments by the clock of a time zone; those without one are local already."""
    moments = pc.cast(pa.array(reading.micros), pa.timestamp("us", "UTC"))
    clock = _micros(pc.local_timestamp(pc.cast(moments, pa.timestamp("us", zone))))
    for at in np.flatnonzero(reading.zoned & (reading.micros >= UNSURE)):
        clock[at] = local_of(int(reading.micros[at]), zone)
    return np.where(reading.zoned, clock, reading.micros)


def _to_utc(reading: Reading, zone: str) -> tuple[np.ndarray, Mask, list[Fault]]:
    """Local moments in UTC. Those that a change of clocks skips or repeats are bad."""
    here = pc.cast(pa.array(np.where(reading.zoned, 0, reading.micros)), pa.timestamp("us"))

    def at(**which: str) -> np.ndarray:
        usual = {"ambiguous": "earliest", "nonexistent": "earliest", **which}
        return _micros(pc.assume_timezone(here, zone, **usual))

    early, local = at(), reading.ok & ~reading.zoned
    twice = local & (early != at(ambiguous="latest"))
    never = local & (early != at(nonexistent="latest"))
    for late in np.flatnonzero(local & (reading.micros >= UNSURE)):
        early[late], count = utc_of(int(reading.micros[late]), zone)
        twice[late], never[late] = count == 2, count == 0
    faults = fault(
        "clock_change",
        "{value} comes twice in {zone}, where clocks were set back; add the offset",
        twice,
        zone=zone,
    )
    faults += fault(
        "clock_change",
        "{value} does not exist in {zone}, where clocks were set forward",
        never,
        zone=zone,
    )
    micros = np.where(reading.zoned, reading.micros, early)
    return micros, reading.ok & ~twice & ~never, faults


def _micros(moments: pa.Array) -> np.ndarray:
    numbers: np.ndarray = moments.cast(pa.int64()).to_numpy(zero_copy_only=False).copy()
    return numbers
