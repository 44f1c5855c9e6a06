"""Clocks: distinct cells as microseconds since 1970, by a form, an Excel serial or an epoch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.cast.cells import bytes_of
from pipelines.cast.fault import Mask, flags
from pipelines.cast.form import ZONE, Form
from pipelines.cast.months import folded

type Ints = npt.NDArray[np.int64]

SECOND = 1_000_000
DAY = 86_400 * SECOND
FIRST = int(np.datetime64("0001-01-01", "D").astype(np.int64)) * DAY
END = int(np.datetime64("9999-12-31", "D").astype(np.int64) + 1) * DAY
_LONGEST = 100


@dataclass(slots=True)
class Reading:
    """What cells mean: microseconds since 1970 where `ok`; in UTC where `zoned`, else local."""

    micros: Ints
    ok: Mask
    zoned: Mask

    @classmethod
    def nothing(cls, count: int) -> Reading:
        """A reading in which no cell means anything."""
        none = np.zeros(count, np.bool_)
        return cls(np.zeros(count, np.int64), none, none.copy())

    def fill(self, other: Reading) -> None:
        """Take over from another reading what is not known yet."""
        new = other.ok & ~self.ok
        self.micros = np.where(new, other.micros, self.micros)
        self.zoned = np.where(new, other.zoned, self.zoned)
        self.ok = self.ok | new


def read_form(cells: pa.Array, form: Form) -> Reading:
    """Cells that are written in a form and name a moment that exists."""
    at_once = _by_width(cells, form)
    if at_once is not None:
        return at_once
    short = pc.less_equal(pc.binary_length(cells), _LONGEST)
    cells = pc.if_else(short, cells, pa.scalar("", cells.type))
    found = pc.extract_regex(cells, form.pattern)
    fields = {
        found.type.field(index).name: found.field(index) for index in range(found.type.num_fields)
    }
    ok = flags(found.is_valid())
    parts = {
        letter: _number(text, letter, form.words.get(letter)) for letter, text in fields.items()
    }
    return _moment(parts, fields.get("z"), ok, form.pivot)


def _moment(parts: Mapping[str, Ints], zones: pa.Array | None, ok: Mask, pivot: int) -> Reading:
    """The moments that parts of dates, times and zones make, where there are such."""
    days, good = _days(parts, len(ok), pivot)
    clock, good_clock = _clock(parts, len(ok))
    ok = ok & good & good_clock
    zone, zoned = _zone(zones, len(ok))
    ok &= np.abs(zone) < DAY
    micros = np.where(ok, days * DAY + clock - zone, 0)
    return Reading(micros, ok, zoned & ok)


def _by_width(cells: pa.Array, form: Form) -> Reading | None:
    """Cells that are all equally long and have each digit in its place; None if any is not so."""
    width = sum(size or 1 for letter, size in form.fixed if letter != "z")
    text, at = bytes_of(cells)
    if not form.fixed or not len(cells) or cells.null_count:
        return None
    long = int(at[1] - at[0])
    zone = long - width
    if (np.diff(at) != long).any() or zone not in ((1, 3, 5, 6) if _ends_zoned(form) else (0,)):
        return None
    grid = text[at[0] : at[-1]].reshape(len(cells), long)
    parts: dict[str, Ints] = {}
    place = 0
    for letter, size in form.fixed:
        if letter == "z":
            continue
        digits = grid[:, place : place + (size or 1)]
        place += size or 1
        if not size:
            if (digits != ord(letter)).any():
                return None
            continue
        digits = digits - ord("0")  # what is no digit wraps round to 10 or more
        if (digits > 9).any() or letter in parts:
            return None
        parts[letter] = digits.astype(np.int64) @ (10 ** np.arange(size - 1, -1, -1))
    zones = pc.binary_slice(cells.cast(pa.binary()), width, long).cast(pa.string())
    if zone and not flags(pc.match_substring_regex(zones, f"^(?:{ZONE})$")).all():
        return None
    return _moment(parts, zones if zone else None, np.ones(len(cells), np.bool_), form.pivot)


def _ends_zoned(form: Form) -> bool:
    return form.fixed[-1][0] == "z"


def read_excel(cells: pa.Array) -> Reading:
    """Serial numbers of Excel's 1900 system, to the millisecond, which is all they hold.

    Serial 60 is the 29 February 1900 that never was, and is refused; below 1 it is a time of day
    alone. https://learn.microsoft.com/office/dev/add-ins/excel/excel-add-ins-dates
    """
    ok = flags(pc.match_substring_regex(cells, r"^[0-9]{1,7}([.,][0-9]{1,20})?$"))
    text = pc.replace_substring(pc.if_else(pa.array(ok), cells, "0"), ",", ".")
    serial = pc.fill_null(pc.cast(text, pa.float64()), 0).to_numpy(zero_copy_only=False)
    day = np.floor(serial)
    millis = np.rint((serial - day) * 86_400_000).astype(np.int64)
    day = day.astype(np.int64) + millis // 86_400_000
    millis %= 86_400_000
    ok &= (day != 60) & (day < 2_958_466)
    base = np.where(day >= 60, day - 25_569, day - 25_568)
    micros = np.where(day == 0, 0, base * DAY) + millis * 1000
    return Reading(np.where(ok, micros, 0), ok, np.zeros(len(cells), np.bool_))


def read_epoch(cells: pa.Array, unit: int) -> Reading:
    """Counts of seconds (`unit` 1,000,000) or milliseconds (1,000) since 1970 in UTC, exactly."""
    most = len(str(unit)) - 1
    found = pc.extract_regex(
        cells, rf"^(?P<s>-?)(?P<n>[0-9]{{1,15}})(?:\.(?P<f>[0-9]{{1,{most}}})0*)?$"
    )
    ok = flags(found.is_valid())
    whole = _number(found.field(1), "n", None)
    fraction = _number(found.field(2), "f", None) // 10 ** (6 - most)
    ok &= whole < END // unit
    micros = np.where(ok, whole * unit + fraction, 0)
    below = flags(pc.equal(found.field(0), "-"))
    return Reading(np.where(below, -micros, micros), ok, ok.copy())


def _number(text: pa.Array, letter: str, words: Mapping[str, int] | None) -> Ints:
    """The numbers of one group; -1 where it is empty, or a word that means nothing."""
    if letter == "z":
        return np.zeros(len(text), np.int64)
    if words is not None:
        found = [words.get(folded(word), -1) if word else -1 for word in text.to_pylist()]
        return np.array(found, np.int64)
    if letter == "f":
        text = pc.utf8_rpad(pc.fill_null(text, ""), 6, "0")
    empty = pc.equal(pc.fill_null(text, ""), "")
    filled = pc.if_else(empty, "-1", text)
    numbers: Ints = pc.cast(filled, pa.int64()).to_numpy(zero_copy_only=False)
    return numbers


def _days(parts: Mapping[str, Ints], count: int, pivot: int) -> tuple[Ints, Mask]:
    """Days since 1970, and which of them exist. Without a date it is 1970-01-01."""
    one = np.ones(count, np.int64)
    if "y" in parts:
        year = parts["y"] + np.where(parts["y"] > pivot, 1900, 2000)
    else:
        year = parts.get("Y", one * 1970)
    month = parts.get("m", parts.get("b", one))
    day = parts.get("d", one)
    # A date left out of an ISO time is -1 in every part.
    ok = (month >= 1) & (month <= 12) & (year >= 1)
    safe = np.where(ok, (year - 1970) * 12 + month - 1, 0)
    starts = safe.astype("M8[M]").astype("M8[D]").astype(np.int64)
    following = (safe + 1).astype("M8[M]").astype("M8[D]").astype(np.int64)
    length = following - starts
    if "j" in parts:
        day = parts["j"]
        length = 365 + ((year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0)))
    ok &= (day >= 1) & (day <= length)
    days = starts + day - 1
    if "a" in parts:
        ok &= (days + 3) % 7 == parts["a"]
    return days, ok


def _clock(parts: Mapping[str, Ints], count: int) -> tuple[Ints, Mask]:
    """Microseconds since midnight, and which are times of day. What is left out is zero."""
    ok = np.ones(count, np.bool_)
    if "I" in parts:
        ok &= (parts["I"] >= 1) & (parts["I"] <= 12)
        hour = parts["I"] % 12 + parts.get("p", np.zeros(count, np.int64))
    else:
        hour = np.maximum(parts.get("H", np.zeros(count, np.int64)), 0)
    micros = hour * 3600 * SECOND
    ok &= hour < 24
    for letter, size in (("M", 60 * SECOND), ("S", SECOND)):
        if letter in parts:
            value = np.maximum(parts[letter], 0)
            ok &= value < 60
            micros = micros + value * size
    if "f" in parts:
        micros = micros + np.maximum(parts["f"], 0)
    return micros, ok


def _zone(text: pa.Array | None, count: int) -> tuple[Ints, Mask]:
    """Offsets from UTC in microseconds (a day where there is no such offset), and which cells
    have one."""
    if text is None:
        return np.zeros(count, np.int64), np.zeros(count, np.bool_)
    encoded = pc.fill_null(text, "").dictionary_encode()
    offsets = np.array([_offset(each) for each in encoded.dictionary.to_pylist()], np.int64)
    named = flags(pc.not_equal(encoded.dictionary, ""))
    indices = encoded.indices.to_numpy()
    return offsets[indices], named[indices]


def _offset(text: str) -> int:
    if text.strip().upper() in ("", "Z", "UTC", "GMT"):
        return 0
    digits = text[1:].replace(":", "")
    hours, minutes = int(digits[:2]), int(digits[2:] or 0)
    if hours > 23 or minutes > 59:
        return DAY
    micros = (hours * 60 + minutes) * 60 * SECOND
    return -micros if text[0] == "-" else micros
