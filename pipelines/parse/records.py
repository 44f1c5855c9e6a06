"""Records: where they begin and end in a block of text, and what cells one of them has."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from schemas.dialect import Dialect

_LF, _CR = 10, 13

type Bytes = npt.NDArray[np.uint8]
type Positions = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Offsets:
    """The records of a block: where each begins and ends (its line end left out), and the line
    on which it begins, counted from 0. Blank lines are not records."""

    starts: Positions
    ends: Positions
    lines: Positions

    def texts(self, block: bytes, indexes: Sequence[int]) -> list[str]:
        """The text of some records."""
        return [
            block[self.starts[index] : self.ends[index]].decode("utf-8", "replace")
            for index in indexes
        ]


def masked(text: bytes, dialect: Dialect) -> bytes:
    """The text with every escaped character blanked, so that all quotes left are real ones."""
    if not dialect.escape:
        return text
    return _escaped(dialect.escape).sub(lambda found: b"x" * len(found[0]), text)


@cache
def _escaped(escape: str) -> re.Pattern[bytes]:
    return re.compile(re.escape(escape.encode()) + b".", re.DOTALL)


def record_ends(text: Bytes, quote: str) -> Positions:
    """Positions of the line ends that no quotes enclose."""
    newlines = np.flatnonzero(text == _LF)
    if not quote:
        return newlines
    quotes = np.flatnonzero(text == ord(quote))
    if not len(quotes):
        return newlines
    outside: Positions = newlines[np.searchsorted(quotes, newlines) % 2 == 0]
    return outside


def offsets(block: bytes, dialect: Dialect, delimiter: str) -> Offsets | None:
    """The records of a block that ends in LF; None if its quotes are not well-formed.

    They are when each opening quote begins a cell and each closing one ends it.
    """
    text = np.frombuffer(masked(block, dialect), np.uint8)
    if dialect.quote and not _well_formed(text, ord(dialect.quote), ord(delimiter)):
        return None
    newlines = np.flatnonzero(text == _LF)
    ends = record_ends(text, dialect.quote)
    starts = np.concatenate([[0], ends[:-1] + 1]) if len(ends) else ends
    lines = np.searchsorted(newlines, starts)
    carriage = (ends > starts) & (text[np.maximum(ends - 1, 0)] == _CR)
    ends = ends - carriage
    full = ends > starts
    return Offsets(starts[full], ends[full], lines[full])


def _well_formed(text: Bytes, quote: int, delimiter: int) -> bool:
    quotes = np.flatnonzero(text == quote)
    if not len(quotes):
        return True
    if len(quotes) % 2:
        return False
    opening, closing = quotes[0::2], quotes[1::2]
    # A quote inside a cell is doubled: one that closes, and right behind it one that opens again.
    doubled = closing[:-1] + 1 == opening[1:]
    before, after = text[np.maximum(opening - 1, 0)], text[closing + 1]
    begins = (opening == 0) | (before == delimiter) | (before == _LF)
    ends = (after == delimiter) | (after == _LF) | (after == _CR)
    begins[1:] |= doubled
    ends[:-1] |= doubled
    return bool(begins.all() and ends.all())


@dataclass(frozen=True, slots=True)
class Record:
    """One record as cells; `fault` says why it has none. `line` counts from 0, `count` is how many
    lines it covers."""

    line: int
    count: int
    raw: str
    cells: list[str]
    fault: str | None = None


def records(lines: Sequence[str], dialect: Dialect, delimiter: str) -> Iterator[Record]:
    """Record after record of some lines (without their line ends). Blank lines are passed over.

    A record with a stray quote covers one line only: what follows is read on its own.
    """
    csv.field_size_limit(2**31 - 1)
    at = 0
    while at < len(lines):
        if not lines[at].strip("\r"):
            at += 1
            continue
        record = _record(lines, at, dialect, delimiter)
        at += record.count
        yield record


def _record(lines: Sequence[str], at: int, dialect: Dialect, delimiter: str) -> Record:
    reader = csv.reader(
        _from(lines, at),
        delimiter=delimiter,
        quotechar=dialect.quote or None,
        escapechar=dialect.escape or None,
        doublequote=not dialect.escape,
        quoting=csv.QUOTE_MINIMAL if dialect.quote else csv.QUOTE_NONE,
        strict=True,
    )
    try:
        cells = next(reader)
    except csv.Error as error:
        raw = lines[at].removesuffix("\r")
        if dialect.stray_quotes == "keep":
            return Record(at, 1, raw, _lenient(raw, dialect, delimiter))
        return Record(at, 1, raw, [], str(error))
    raw = "\n".join(lines[at : at + reader.line_num]).removesuffix("\r")
    return Record(at, reader.line_num, raw, cells)


def _from(lines: Sequence[str], at: int) -> Iterator[str]:
    for index in range(at, len(lines)):
        yield lines[index] + "\n"


def _lenient(raw: str, dialect: Dialect, delimiter: str) -> list[str]:
    """The cells of one line, in which a quote that is out of place is a character like others."""
    cells, at = [], 0
    while True:
        found = _quoted(raw, at, dialect, delimiter) if dialect.quote else None
        if found is None:
            end = raw.find(delimiter, at)
            end = len(raw) if end < 0 else end
            cells.append(raw[at:end])
        else:
            text, end = found
            cells.append(text)
        if end >= len(raw):
            return cells
        at = end + len(delimiter)


def _quoted(raw: str, at: int, dialect: Dialect, delimiter: str) -> tuple[str, int] | None:
    """The quoted cell that begins there and where it ends; None if it is not one."""
    quote, text, place = dialect.quote, "", at + 1
    if not raw.startswith(quote, at):
        return None
    while place < len(raw):
        if dialect.escape and raw.startswith(dialect.escape, place):
            text, place = text + raw[place + 1 : place + 2], place + 2
        elif not raw.startswith(quote, place):
            text, place = text + raw[place], place + 1
        elif place + 1 == len(raw) or raw.startswith(delimiter, place + 1):
            return text, place + 1
        elif raw.endswith(delimiter, at + 1, place) and raw[place + 1] != quote:
            return None  # another quoted cell begins here, so the first quote was a stray one
        else:
            step = 2 if raw.startswith(quote, place + 1) else 1
            text, place = text + quote, place + step
    return None


def split(line: str, dialect: Dialect) -> list[str]:
    """The cells of one record of the dialect; the whole line as one cell if it is unreadable."""
    if len(dialect.delimiter) > 1:
        return _lenient(line, dialect, dialect.delimiter)
    found = next(records(line.split("\n"), dialect, dialect.delimiter), None)
    if found is None:
        return []
    return found.cells if found.fault is None else [line]
