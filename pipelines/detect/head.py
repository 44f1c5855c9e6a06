"""The head of a table: which lines name its columns, and where its rows begin."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

from pipelines.detect.dialect import Record
from pipelines.detect.kinds import kind_of
from pipelines.parse.names import folded

_FIRST = 60
_HEADER_LINES = 4
_SOME_FIT, _NEARLY = 0.5, 0.8
_UNIT = re.compile(
    r"[(\[]?[^\W\d_°%µ²³]{0,6}[°%µ²³^/*.·\- ]?[^\W_]{0,6}[/^*·\-²³ ]{0,3}[^\W_]{0,4}[)\]]?"
)


def fit_share(cells: Sequence[str], usual: Sequence[frozenset[str]]) -> float | None:
    """The share of the cells in typed columns that are of their column's kind; None if none is."""
    pairs = [
        (kind_of(cell.strip()), kinds)
        for cell, kinds in zip(cells, usual, strict=False)
        if kinds and cell.strip()
    ]
    if not pairs:
        return None
    return sum(kind in kinds for kind, kinds in pairs) / len(pairs)


def filled(cells: Sequence[str]) -> int:
    """How many of the cells are not blank."""
    return sum(bool(cell.strip()) for cell in cells)


def is_near(cells: Sequence[str], width: int) -> bool:
    """Whether a line has about as many cells as the table has columns."""
    return abs(len(cells) - width) <= max(1, width // 5)


def first_row(found: Sequence[Record], width: int, usual: Sequence[frozenset[str]]) -> int:
    """The position of the first data row."""
    typed = any(usual)
    for at, each in enumerate(found[:_FIRST]):
        if not is_near(each.cells, width):
            continue
        fits = fit_share(each.cells, usual)
        enough = filled(each.cells) >= min(width, max(1, width // 3))
        enough = enough or (fits == 1.0 and len(each.cells) == width)
        if typed and enough and fits is not None and fits >= 0.5:
            return at + 1 if _is_of_years(each.cells, found[at + 1 :]) else at
    if typed:
        # No row of the sample is like the usual: there is a header and nothing else.
        return min(len(found), 1)
    start = next(
        (
            at
            for at, each in enumerate(found[:_FIRST])
            if is_near(each.cells, width) and filled(each.cells) >= max(1, (width + 1) // 2)
        ),
        0,
    )
    return min(len(found), start + 1) if _names_only(found[start:], width) else start


def _is_of_years(cells: Sequence[str], below: Sequence[Record]) -> bool:
    """Whether a line of numbers is a header all the same: years, as in `area,2025,2026`."""
    years = [int(cell) for cell in cells if re.fullmatch(r"(19|20)\d\d", cell.strip())]
    steps = {after - before for before, after in itertools.pairwise(years)}
    numbers = sum(kind_of(cell.strip()) == "number" for cell in cells)
    if len(years) < 2 or len(years) != numbers or len(steps) != 1 or 0 in steps:
        return False
    return not any(set(map(str, years)) & set(each.cells) for each in below[:5])


def after_header(
    found: Sequence[Record], first: int, width: int, usual: Sequence[frozenset[str]]
) -> int:
    """The first row again, after a look at the lines above it: a broken row is no header, and a row
    with few cells is none either if a line above it names many more columns."""
    above = [
        at
        for at in range(first - 1, -1, -1)
        if is_near(found[at].cells, width)
        and may_be_names(found[at].cells)
        and (fit_share(found[at].cells, usual) or 0) < _SOME_FIT
    ]
    most = max((filled(found[at].cells) for at in above), default=0)
    enough = min(max(2, (width + 1) // 2, round(_NEARLY * most)), width)
    named = [at for at in above if filled(found[at].cells) >= enough] or above
    if not named:
        return first
    return named[0] + 1 + _has_units(found, named[0], width, usual)


def _has_units(
    found: Sequence[Record], at: int, width: int, usual: Sequence[frozenset[str]]
) -> bool:
    """Whether the line below a header says in which units the columns are: words where all rows
    below it have numbers."""
    if len(found) < at + 4:
        return False
    cells, below = found[at + 1].cells, found[at + 2 : at + 7]
    typed = [cell.strip() for cell, kinds in zip(cells, usual, strict=False) if kinds]
    words = [cell for cell in typed if cell]
    return (
        is_near(cells, width)
        and len(words) >= max(2, len(typed) // 2)
        and fit_share(cells, usual) == 0
        and all(_UNIT.fullmatch(word) for word in words)
        and all((fit_share(each.cells, usual) or 0) > _SOME_FIT for each in below)
    )


def _names_only(found: Sequence[Record], width: int) -> bool:
    """Whether, in a table of nothing but text, the first record reads like names of columns."""
    if not found:
        return False
    cells = [cell.strip() for cell in found[0].cells]
    # A whole row that repeats the first one is a header where files were put together.
    head = list(map(folded, cells))
    below = [
        each.cells
        for each in found[1:]
        if len(each.cells) == width and list(map(folded, each.cells)) != head
    ]
    again = sum(
        any(row[at].strip() == cell for row in below) for at, cell in enumerate(cells[:width])
    )
    named = all(
        kind_of(cell) in ("word", "text", "code", "empty")
        or not any(kind_of(row[at]) == kind_of(cell) for row in below)
        for at, cell in enumerate(cells[:width])
    )
    short = all(len(cell) <= 60 for cell in cells)
    once = len(set(cells)) >= 0.7 * len(cells)
    named = named or _is_of_years(cells, found[1:])
    return once and short and named and again <= len(cells) * 0.3


def header_start(
    found: Sequence[Record], first: int, width: int, usual: Sequence[frozenset[str]]
) -> tuple[int, float, str]:
    """Where the header starts (`first` itself if there is none), how sure that is, and why."""
    if first == 0:
        return 0, (0.9 if any(usual) else 0.6), "the first line is a row like those below it"
    start = first - 1
    if not is_near(found[start].cells, width) or not may_be_names(found[start].cells):
        return first, 0.6, "the lines above the first row name no columns"
    while (
        start > 0
        and first - start < _HEADER_LINES
        and len(found[start - 1].cells) == width
        and found[start - 1].line + found[start - 1].lines == found[start].line
        and is_head(found[start - 1].cells, width)
    ):
        start -= 1
    if not any(usual):
        return start, 0.65, "its cells read like names, and none comes again below"
    return start, 0.95, "its cells are names where the rows below hold numbers, dates or addresses"


def is_head(cells: Sequence[str], width: int) -> bool:
    """Whether a line above a header belongs to it: names or groups, not a title or a note."""
    return filled(cells) >= max(2, (width + 2) // 3) and may_be_names(cells)


def may_be_names(cells: Sequence[str]) -> bool:
    """Whether the cells may be names."""
    return all(
        kind_of(cell.strip()) in ("word", "text", "code", "empty", "date") or len(cell) <= 12
        for cell in cells
    )
