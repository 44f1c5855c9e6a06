"""Records: where they begin and end in a block of text, and what cells one of them has."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pipelines.parse.stray_quotes import lenient
from schemas.dialect import Dialect

if TYPE_CHECKING:
    from _csv import Reader

_LF, _CR = 10, 13
_TAIL = 64 * 1024
_MANY = 8
"""Of so many records one or more: then it pays to decode the whole block at once."""

type Bytes = npt.NDArray[np.uint8]
type Positions = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Offsets:
    """The records of a block: where each begins and ends (its line end left out), and the line
    on which it begins, counted from 0. Blank lines are not among them; `blank` counts these."""

    starts: Positions
    ends: Positions
    lines: Positions
    blank: int = 0

    def texts(self, block: bytes, indexes: Sequence[int]) -> list[str]:
        """The text of some records."""
        at = np.array(indexes, np.int64)
        spans = zip(self.starts[at].tolist(), self.ends[at].tolist(), strict=True)
        if len(at) * _MANY > len(self.starts) and block.isascii():
            text = block.decode("ascii")
            return [text[start:end] for start, end in spans]
        return [block[start:end].decode("utf-8", "replace") for start, end in spans]


def masked(text: bytes, dialect: Dialect) -> bytes:
    """The text with every escaped character blanked, so that all quotes left are real ones."""
    if not dialect.escape:
        return text
    return _escaped(dialect.escape).sub(lambda found: b"x" * len(found[0]), text)


@cache
def _escaped(escape: str) -> re.Pattern[bytes]:
    return re.compile(re.escape(escape.encode()) + b".", re.DOTALL)


def count_of(text: bytes, byte: int) -> int:
    """How often a byte comes in the text; several times as fast as `bytes.count` is."""
    return int(np.count_nonzero(np.frombuffer(text, np.uint8) == byte))


def last_record_end(text: bytes, dialect: Dialect) -> int:
    """The length of the longest prefix of whole records; 0 if there is none.

    The text must start where a record does.
    """
    if not dialect.quote:
        return text.rfind(b"\n") + 1
    shown, quote = np.frombuffer(masked(text, dialect), np.uint8), ord(dialect.quote)
    # It is near the end mostly: for what stands before, it is enough to count the quotes.
    for start in (max(len(shown) - _TAIL, 0), 0):
        quoted = np.count_nonzero(shown[:start] == quote) % 2 == 1
        newlines = np.flatnonzero(shown[start:] == _LF)
        last = _record_ends(shown[start:], newlines, dialect.quote, quoted)
        if len(last):
            return start + int(newlines[last[-1]]) + 1
    return 0


def _record_ends(text: Bytes, newlines: Positions, quote: str, quoted: bool = False) -> Positions:
    """Which of the line ends no quotes enclose; `quoted` text begins within quotes."""
    quotes = np.flatnonzero(text == ord(quote)) if quote else newlines[:0]
    outside: Positions = np.flatnonzero(np.searchsorted(quotes, newlines) % 2 == quoted)
    return outside


def offsets(block: bytes, dialect: Dialect) -> Offsets:
    """The records of a block that ends in LF and whose quotes are well-formed."""
    text = np.frombuffer(masked(block, dialect), np.uint8)
    newlines = np.flatnonzero(text == _LF)
    last = _record_ends(text, newlines, dialect.quote)
    ends = newlines[last]
    starts, lines = np.roll(ends + 1, 1), np.roll(last + 1, 1)
    starts[:1] = lines[:1] = 0
    carriage = (ends > starts) & (text[np.maximum(ends - 1, 0)] == _CR)
    ends = ends - carriage
    full = ends > starts
    return Offsets(starts[full], ends[full], lines[full], int(np.count_nonzero(~full)))


def well_formed(block: bytes, dialect: Dialect, delimiter: str) -> bool:
    """Whether each quote of a block that opens begins a cell, and each that closes ends one."""
    if not dialect.quote or dialect.quote.encode() not in block:
        return True
    text = np.frombuffer(masked(block, dialect), np.uint8)
    return _pairs_up(text, ord(dialect.quote), ord(delimiter))


def begins_blank(block: bytes, delimiter: str) -> bool:
    """Whether a blank stands where a cell of a block may begin."""
    return block.startswith(b" ") or any(
        begin + b" " in block for begin in (b"\n", delimiter.encode())
    )


def _pairs_up(text: Bytes, quote: int, delimiter: int) -> bool:
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
    lines it covers. `open` records have a quote that the lines at hand do not close. A `comment`
    begins with the dialect's mark of comments; a `blank` line has nothing on it."""

    line: int
    count: int
    raw: str
    cells: list[str]
    fault: str | None = None
    open: bool = False
    comment: bool = False
    blank: bool = False


def records(
    lines: Sequence[str], dialect: Dialect, delimiter: str, width: int = 0
) -> Iterator[Record]:
    """Record after record of some lines (without their line ends), but blank lines and comments;
    as `all_records` otherwise."""
    found = all_records(lines, dialect, delimiter, width)
    return (each for each in found if not each.blank and not each.comment)


def all_records(
    lines: Sequence[str], dialect: Dialect, delimiter: str, width: int = 0
) -> Iterator[Record]:
    """Record after record of some lines (without their line ends), blank lines and comments too.

    A record with a stray quote covers one line only, and so does a comment: what follows is read on
    its own. `width` is how many cells a record should have, 0 for any number.
    """
    csv.field_size_limit(2**31 - 1)
    at = 0
    while at < len(lines):
        line = lines[at]
        if not line.strip("\r"):
            record = Record(at, 1, "", [], blank=True)
        elif dialect.comment and line.startswith(dialect.comment):
            alone = _record([line], 0, dialect, delimiter, width)
            record = replace(alone, line=at, open=False, comment=True)
        else:
            record = _record(lines, at, dialect, delimiter, width)
        at += record.count
        yield record


def _record(lines: Sequence[str], at: int, dialect: Dialect, delimiter: str, width: int) -> Record:
    skips = dialect.skip_initial_space
    reader = _reader(_from(lines, at), dialect, delimiter, skips)
    fault = ""
    try:
        cells = next(reader)
    except csv.Error as error:
        unclosed = "unexpected end" in str(error)
        fault = _in_words(str(error))
    else:
        raw = "\n".join(lines[at : at + reader.line_num]).removesuffix("\r")
        # With an escape the csv module takes text behind a closing quote for a part of the cell.
        unclosed = False
        if not skips and _is_aligned(cells, raw, dialect, delimiter):
            fault = ALIGNED
        elif not (dialect.escape and dialect.quote) or _pairs(dialect, delimiter).fullmatch(raw):
            return Record(at, reader.line_num, raw, cells)
        else:
            fault = (
                "an escape character ends the line"
                if raw.endswith(dialect.escape)
                else "text follows a closing quote"
            )
    raw = lines[at].removesuffix("\r")
    if dialect.stray_quotes == "keep":
        return Record(at, 1, raw, lenient(raw, dialect, delimiter, width), open=unclosed)
    return Record(at, 1, raw, [], fault, open=unclosed)


def _reader(lines: Iterable[str], dialect: Dialect, delimiter: str, skips: bool) -> Reader:
    return csv.reader(
        lines,
        delimiter=delimiter,
        quotechar=dialect.quote or None,
        escapechar=dialect.escape or None,
        doublequote=not dialect.escape,
        quoting=csv.QUOTE_MINIMAL if dialect.quote else csv.QUOTE_NONE,
        skipinitialspace=skips,
        strict=True,
    )


def _is_aligned(cells: Sequence[str], raw: str, dialect: Dialect, delimiter: str) -> bool:
    """Whether a quote behind blanks begins a cell: it is no character of that cell, as who writes
    so means it, nor would it hold a delimiter together. A cell within quotes may begin so."""
    quote = dialect.quote
    found = [
        at for at, cell in enumerate(cells) if cell[:1] == " " and cell.lstrip(" ")[:1] == quote
    ]
    if not quote or not found:
        return False
    try:
        meant = next(_reader(iter([*_from(raw.split("\n"), 0)]), dialect, delimiter, True))
    except csv.Error:
        return True
    return len(meant) != len(cells) or any(meant[at] != cells[at] for at in found)


ALIGNED = "blanks stand before the quote of a cell"
"""What is said of aligned text where nobody has agreed on it."""
_WORDS = (
    ("unexpected end", "a quote is never closed"),
    ("expected after", "text follows a closing quote"),
    ("new-line character", "a carriage return (CR) stands in the middle of the line"),
    ("NUL", "the line has a NUL character"),
    ("field larger", "a cell is too long"),
)
"""What the csv module's errors mean, in words of ours."""


def _in_words(error: str) -> str:
    return next((words for part, words in _WORDS if part in error), "its quotes do not pair up")


@cache
def _pairs(dialect: Dialect, delimiter: str) -> re.Pattern[str]:
    """A record with an escape in which every quote that opens a cell is closed at its end."""
    quote, escape, end = (re.escape(each) for each in (dialect.quote, dialect.escape, delimiter))
    quoted = f"{quote}(?:[^{quote}{escape}]|{escape}.)*+{quote}"
    blank = " *+" if dialect.skip_initial_space else ""
    cell = f"{blank}(?:{quoted}|(?!{quote})(?:[^{end}{escape}]|{escape}.)*+)"
    return re.compile(f"{cell}(?:{end}{cell})*+", re.DOTALL)


def _from(lines: Sequence[str], at: int) -> Iterator[str]:
    for index in range(at, len(lines)):
        yield lines[index] + "\n"


def split(line: str, dialect: Dialect) -> list[str]:
    """The cells of one record of the dialect; the whole line as one cell if it is unreadable."""
    if len(dialect.delimiter) > 1:
        return lenient(line, dialect, dialect.delimiter)
    found = next(records(line.split("\n"), dialect, dialect.delimiter), None)
    if found is None:
        return []
    return found.cells if found.fault is None else [line]
