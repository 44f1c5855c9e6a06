"""The table in a text of fixed width: where its columns stand, its layout and its rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise

from pipelines.detect.columns import column_names
from pipelines.detect.dialect import Record
from pipelines.detect.fixed import is_data
from pipelines.detect.found import Detected, Finding
from pipelines.detect.layout import Layout, find_layout
from pipelines.detect.line_ends import lines_of
from pipelines.detect.table import described
from pipelines.parse.fixed_line import pieces
from schemas.contract import Type
from schemas.dialect import Dialect, Field, Format, Ragged

_RIGHT, _APART = 0.8, 2
_SHOWN = 12
_ROWS = 10_000


def fixed_table(
    texts: Sequence[str], starts: Sequence[int], dialect: Dialect, encoding: Finding,
    ends: Finding | None, *, complete: bool, ascii: bool,
) -> Detected:  # fmt: skip
    """What a text of fixed width is; `texts` are its beginning and later pieces of whole lines."""
    heads = lines_of(texts[0], dialect.line_end)
    later = [line for text in texts[1:] for line in lines_of(text, dialect.line_end)]
    fields = _fields([line for line in (*heads, *later) if is_data(line)], starts)
    records = [
        Record(number, 1, _cells(line, fields))
        for number, line in enumerate(heads, start=1)
        if is_data(line)
    ]
    layout = find_layout(records, at_end=complete)
    lines = [heads[each.line - 1] for each in layout.rows] + later
    width = fields[-1].end
    fitting = [line for line in lines if len(_cells(line, fields)) == len(fields)]
    step = max(1, -(-len(fitting) // _ROWS))
    rows = [_cells(line, fields) for line in fitting[::step]]
    short = sum(len(line) < width for line in fitting)
    # Where some line ends in blanks nobody has taken them off, and a short line lacks something.
    trimmed = short > 0 and not any(line.endswith(" ") for line in fitting)
    above = _above(heads, layout)
    named = layout.names if layout.header and len(layout.names) == len(fields) else ()
    header = tuple(named or (f"column_{at}" for at in range(1, len(fields) + 1)))
    names = column_names(header)
    dialect = Dialect(
        format=Format.FIXED,
        encoding=dialect.encoding,
        line_end=dialect.line_end,
        preamble=above.preamble,
        header=above.header,
        footer=layout.footer,
        totals=layout.totals,
        rows_like=layout.rows_like,
        comment=layout.comment,
        ragged=Ragged.PAD if trimmed else Ragged.REJECT,
        fields=tuple(replace(each, column=name) for each, name in zip(fields, names, strict=True)),
    )
    findings = [encoding, _finding(fields), *filter(None, [ends]), *layout.findings]
    if short:
        findings.append(_short(short, len(fitting), is_pad=trimmed))
    found = described(dialect, findings, header, rows, complete=complete, ascii=ascii)
    texts_ = {each.name for each in found.columns if each.type is Type.STRING}
    placed = tuple(replace(each, is_text=each.column in texts_) for each in dialect.fields)
    return replace(found, dialect=replace(found.dialect, fields=placed))


@dataclass(frozen=True, slots=True)
class _Above:
    preamble: int
    header: int


def _above(lines: Sequence[str], layout: Layout) -> _Above:
    """How many lines stand above the header, blank ones too, and how many lines of it, with the
    rulers below it, above the rows."""
    if not layout.rows:
        return _Above(layout.preamble, layout.header)
    first = layout.rows[0].line - 1
    if not layout.header:
        over = [line for line in lines[:first] if line.strip()]
        return _Above(first if over else 0, 0)
    return _Above(
        layout.preamble, sum(bool(line.strip()) for line in lines[layout.preamble : first])
    )


def _fields(lines: Sequence[str], starts: Sequence[int]) -> list[Field]:
    """The columns with their widths. What is blank between two of them belongs to the one that may
    grow into it: to the one behind if it is written up to its right, or else to the one before if
    it is written from its left."""
    # A title over the columns is no row of them, and fills what they leave blank.
    rows = [line for line in lines if _stands_in(line, starts)] or list(lines)
    spans = _spans(rows, starts)
    rights = [_is_right(rows, begin, end) for begin, end in spans]
    begins = [begin for begin, _ in spans]
    ends = [end for _, end in spans]
    for at in range(1, len(spans)):
        if rights[at]:
            begins[at] = ends[at - 1]
        elif not rights[at - 1]:
            ends[at - 1] = begins[at]
    if rights[0]:
        begins[0] = 0
    lengths = {len(line) for line in rows}
    if len(lengths) == 1 and not rights[-1]:
        # Lines of one length are filled up with the padding of the last column.
        ends[-1] = lengths.pop()
    return [Field("", begin + 1, end - begin) for begin, end in zip(begins, ends, strict=True)]


def _spans(lines: Sequence[str], starts: Sequence[int]) -> list[tuple[int, int]]:
    """From where to where some line has something of each column; what few lines have, and stands
    apart from the columns found, is a column too."""
    width = max(len(line.rstrip()) for line in lines)
    filled = [any(line[at : at + 1] not in ("", " ") for line in lines) for at in range(width)]
    spans: list[tuple[int, int]] = []
    at = 0
    for is_filled, run in groupby(filled):
        begin, at = at, at + len(list(run))
        if not is_filled:
            continue
        inside = [start for start in starts if begin <= start < at]
        if not inside and spans and begin - spans[-1][1] < _APART:
            spans[-1] = (spans[-1][0], at)
        else:
            spans += pairwise([begin, *inside[1:], at])
    return spans


def _stands_in(line: str, starts: Sequence[int]) -> bool:
    """Whether no word of a line reaches over the blank before a column."""
    return all(" " in line[max(at - 1, 0) : at] or len(line) < at for at in starts[1:])


def _is_right(lines: Sequence[str], start: int, end: int) -> bool:
    """Whether a column's cells end at its right, and do not all begin at its left."""
    cells = [line[start:end].ljust(end - start) for line in lines if line[start:end].strip()]
    right = sum(not cell.endswith(" ") for cell in cells)
    left = sum(not cell.startswith(" ") for cell in cells)
    return right >= _RIGHT * len(cells) and left < len(cells)


def _cells(line: str, fields: Sequence[Field]) -> list[str]:
    """The line's cells; the line as one cell where a word stands across two columns."""
    edges = [field.begin for field in fields[1:]]
    if any(" " not in line[at - 1 : at + 1] and len(line) > at for at in edges):
        return [line.strip()]
    return [piece.strip() for piece in pieces(line, fields)]


def _finding(fields: Sequence[Field]) -> Finding:
    shown = ", ".join(str(field.start) for field in fields[:_SHOWN])
    shown = f"{shown}, …" if len(fields) > _SHOWN else shown
    return Finding(
        what="fixed width",
        value=f"{len(fields)} columns",
        confidence=0.8,
        evidence=f"blanks stand between columns that start at the characters {shown}; the widths"
        " are guessed: ASK THE SENDER for the layout",
    )


def _short(count: int, total: int, *, is_pad: bool) -> Finding:
    if is_pad:
        words = "no line ends in blanks: what is missing is read as blanks (`ragged: pad`)"
    else:
        words = "they end before the last column does, and are rejected"
    return Finding(
        what="short lines", value=f"{count:,} of {total:,}", confidence=0.7, evidence=words
    )
