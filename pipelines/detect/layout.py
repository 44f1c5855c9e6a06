"""Layout: what of a table is preamble, header, rows, footer and totals."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.detect.dialect import Record
from pipelines.detect.found import Finding
from pipelines.detect.head import (
    after_header,
    filled,
    first_row,
    fit_share,
    header_start,
    is_head,
    is_near,
    may_be_names,
)
from pipelines.detect.kinds import TYPED, kind_of
from pipelines.detect.totals import find_totals
from pipelines.parse.fit import Fit, Shape
from pipelines.parse.header import joined
from pipelines.parse.names import folded
from pipelines.parse.totals import LOOKS_LIKE

_FIRST = 60
_HEADER_LINES = 4
_FOOTER_LINES = 10
_LIKE_TOTALS = re.compile(LOOKS_LIKE)
_NOTE = re.compile(
    r"(?i)\W*(notes?|source|generated|exported|created|printed|rows?|records?|page|end|nota|fuente"
    r"|quelle|hinweis|stand|legende?|copyright|©|\(c\)|\*)\b"
)
_COMMENTS = ("#", "//", "--", "%", "'")


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things are: `preamble` lines before the header, `header` lines of it (0: none), and
    the rows' records. `comment` starts lines to be passed over. With `trailing`, every line ends
    with a delimiter that means nothing."""

    preamble: int
    header: int
    footer: int
    totals: str
    rows_like: str
    comment: str
    trailing: bool
    width: int
    names: tuple[str, ...]
    rows: tuple[Record, ...]
    ragged: int
    findings: tuple[Finding, ...]


def find_layout(found: Sequence[Record], *, at_end: bool, delimited: bool = True) -> Layout:
    """The layout of the sample's records; `at_end` says that the last of them end the file,
    `delimited` that they are lines of text and no rows of a sheet."""
    comment, found = _without_comments([each for each in found if filled(each.cells)])
    width = _width(found) if delimited else _named_width(found)
    trailing = delimited and _is_trailing(found, width)
    if trailing:
        width -= 1
    if trailing or not delimited:
        found = [_cut(each, width) for each in found]
    usual = _usual_kinds(found, width)
    first = after_header(found, first_row(found, width, usual), width, usual)
    start, sure, why = header_start(found, first, width, usual)
    heads = [each.cells for each in found[start:first]]
    names = tuple(joined(heads, not delimited)) if heads else ()
    tail = _footer(found[first:], width, usual) if at_end else 0
    rows = list(found[first : len(found) - tail] if tail else found[first:])
    totals = find_totals([each.cells for each in rows], width)
    rows = [each for at, each in enumerate(rows) if at not in totals.at]
    if first > start:
        heads = [list(map(folded, each.cells)) for each in found[start:first]]
        rows = [each for each in rows if list(map(folded, each.cells)) not in heads]
    preamble = found[start].line - 1 if found and start < len(found) else 0
    fit = [each for each in rows if len(each.cells) == width]
    layout = Layout(
        # Blank lines above the header are passed over in a text, but counted in a sheet.
        preamble=preamble if start or not delimited else 0,
        header=first - start,
        footer=tail,
        totals=totals.totals,
        rows_like=totals.rows_like,
        comment=comment,
        trailing=trailing,
        width=width,
        names=names,
        rows=tuple(rows),
        ragged=len(rows) - len(fit),
        findings=(),
    )
    said = (*_findings(layout, sure, why, rows, comment), *totals.findings)
    return Layout(**{name: getattr(layout, name) for name in Layout.__slots__[:-1]}, findings=said)


def _without_comments(found: Sequence[Record]) -> tuple[str, list[Record]]:
    """The mark that starts comment lines, and the records without them."""
    for mark in _COMMENTS:
        marked = [each for each in found if each.cells[0].startswith(mark)]
        others = [each for each in found if not each.cells[0].startswith(mark)]
        if not marked or len(marked) >= len(others):
            continue
        width = _width(others)
        shape = Shape(width, [each.cells for each in others[1:] if len(each.cells) == width])
        # A line of the table's own width that opens the file is a header such as "#id,name".
        if all(shape.fit(each.cells) is Fit.NOTE for each in marked) and not (
            width > 1 and len(marked[0].cells) == width and marked[0].line == found[0].line
        ):
            return mark, others
    return "", list(found)


def _width(found: Sequence[Record]) -> int:
    """The number of cells that most records have."""
    counts = Counter(len(each.cells) for each in found)
    if not counts:
        return 0
    return max(counts, key=lambda wide: (counts[wide] * (0.5 if wide == 1 else 1), wide))


def _named_width(found: Sequence[Record]) -> int:
    """The number of columns of a sheet, whose rows are all of one width: up to the last that most
    rows or some early row of names has filled."""
    rows = [each.cells for each in found]
    if not rows:
        return 0
    width = max(map(len, rows))
    ends = [
        max((at for at, cell in enumerate(cells) if cell.strip()), default=-1) for cells in rows
    ]
    common = sorted(ends)[len(ends) // 2] + 1
    heads = [
        end + 1
        for cells, end in zip(rows[:_FIRST], ends, strict=False)
        if filled(cells) >= max(2, common // 2) and may_be_names(cells)
    ]
    return min(width, max([common, *heads[:1]]))


def _is_trailing(found: Sequence[Record], width: int) -> bool:
    """Whether every row of the usual width ends with an empty cell that has no name: the header
    ends so too, or has one cell less."""
    usual = [each.cells for each in found if len(each.cells) == width]
    if width < 3 or len(usual) < 2 or any(cells[-1].strip() for cells in usual):
        return False
    likely = (
        each.cells
        for each in found
        if is_near(each.cells, width) and filled(each.cells) * 2 >= width
    )
    head = next(likely, usual[0])
    named = filled(head) == width - 1 and len(head) in (width - 1, width)
    return named and is_head(head, width)


def _cut(record: Record, width: int) -> Record:
    """The record without empty cells beyond the width."""
    cells = record.cells
    while len(cells) > width and not cells[-1].strip():
        cells = cells[:-1]
    return Record(record.line, record.lines, cells)


def _usual_kinds(found: Sequence[Record], width: int) -> list[frozenset[str]]:
    """For each column the kinds that most of its cells are of; empty if it is text."""
    rows = [each.cells for each in found if len(each.cells) == width]
    body = rows[len(rows) // 4 :] if len(rows) > 3 else rows[1:] or rows
    usual = []
    for at in range(width):
        kinds = Counter(kind_of(cells[at].strip()) for cells in body)
        filled = sum(kinds.values()) - kinds["empty"]
        typed = {kind for kind in kinds if kind in TYPED and kinds[kind] >= 0.3 * filled}
        enough = sum(kinds[kind] for kind in typed) >= 0.6 * filled
        usual.append(frozenset(typed) if typed and enough and filled else frozenset())
    return usual


def _footer(rows: Sequence[Record], width: int, usual: Sequence[frozenset[str]]) -> int:
    """How many lines after the last row are none; totals among them are not counted."""
    tail = 0
    for each in reversed(rows[-_FOOTER_LINES:]):
        cells = each.cells
        first = cells[0].strip()
        if width > 1 and _LIKE_TOTALS.match(next(filter(None, map(str.strip, cells)), "")):
            continue
        alone = bool(first) and filled(cells) == 1 and not fit_share(cells, usual)
        noted = len(cells) != width or len(first) > 60 or _NOTE.match(first)
        if len(rows) > 2 and width > 1 and alone and noted:
            tail += each.lines
        else:
            break
    return tail


def _findings(
    layout: Layout, sure: float, why: str, rows: Sequence[Record], comment: str
) -> tuple[Finding, ...]:
    found = []
    if layout.preamble:
        found.append(_found("preamble", f"{layout.preamble} lines", 0.85, "above the header"))
    if layout.header == 0:
        value = "none"
    elif layout.header == 1:
        value = f"line {layout.preamble + 1}"
    else:
        value = f"{layout.header} lines from line {layout.preamble + 1}"
        sure = min(sure, 0.8)
    found.append(_found("header", value, sure, why))
    if layout.footer:
        words = "at the end, not like the rows above"
        found.append(_found("footer", f"{layout.footer} lines", 0.8, words))
    if comment:
        found.append(_found("comments", comment, 0.85, "lines that start with it are no rows"))
    if layout.trailing:
        words = "every line ends with a delimiter and nothing after it"
        found.append(_found("trailing delimiter", "yes", 0.85, words))
    if layout.ragged:
        words = (
            f"line {next(each.line for each in rows if len(each.cells) != layout.width):,} is the"
            f" first with other than {layout.width} cells"
        )
        found.append(_found("ragged rows", f"{layout.ragged:,} of {len(rows):,}", 1.0, words))
    return tuple(found)


def _found(what: str, value: str, confidence: float, evidence: str) -> Finding:
    return Finding(what=what, value=value, confidence=confidence, evidence=evidence)
