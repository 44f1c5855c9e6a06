"""Stray quotes: a line whose quotes do not pair up, read all the same.

There is more than one way to read `1,"9,"a, b",x`: is the first quote a character, or the second?
The way that gives the header's number of cells is taken.
"""

from __future__ import annotations

from schemas.dialect import Dialect


def lenient(raw: str, dialect: Dialect, delimiter: str, width: int = 0) -> list[str]:
    """The cells of one line, in which a quote that is out of place is a character like others.

    `width` is how many cells there should be, 0 for any number.
    """
    first: list[str] | None = None
    for doubled, inner in ((True, True), (False, True), (True, False)):
        cells = _cells(raw, dialect, delimiter, doubled, inner)
        if not width or len(cells) == width:
            return cells
        first = first or cells
    return first or []


def _cells(raw: str, dialect: Dialect, delimiter: str, doubled: bool, inner: bool) -> list[str]:
    """The line's cells. With `doubled`, two quotes in a row stand for one; with `inner`, a quote
    that ends no cell is a character of it, without, the quote that began the cell is one."""
    cells, at = [], 0
    quotes = bool(dialect.quote)
    while True:
        while dialect.skip_initial_space and raw.startswith(" ", at):
            at += 1
        found = _quoted(raw, at, dialect, delimiter, doubled, inner) if quotes else None
        if found is None:
            # If nothing closes this quote, nothing closes a later one: that keeps it linear.
            quotes = quotes and not (inner and raw.startswith(dialect.quote, at))
            end = raw.find(delimiter, at)
            end = len(raw) if end < 0 else end
            cells.append(raw[at:end])
        else:
            text, end = found
            cells.append(text)
        if end >= len(raw):
            return cells
        at = end + len(delimiter)


def _quoted(
    raw: str, at: int, dialect: Dialect, delimiter: str, doubled: bool, inner: bool
) -> tuple[str, int] | None:
    """The quoted cell that begins there and where it ends; None if it is not one."""
    quote, escape = dialect.quote, dialect.escape
    if not raw.startswith(quote, at):
        return None
    parts, place = [], at + 1
    while True:
        end = raw.find(quote, place)
        if end < 0:
            return None
        escaped = raw.find(escape, place, end) if escape else -1
        if escaped >= 0:
            parts += [raw[place:escaped], raw[escaped + 1 : escaped + 2]]
            place = escaped + 2
            continue
        parts.append(raw[place:end])
        if doubled and not escape and raw.startswith(quote, end + 1):
            step = 2
        elif end + 1 == len(raw) or raw.startswith(delimiter, end + 1):
            return "".join(parts), end + 1
        elif inner:
            step = 1
        else:
            return None
        parts.append(quote)
        place = end + step
