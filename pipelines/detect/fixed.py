"""Fixed width: text whose columns start at the same place of every line, with blanks between."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import groupby

from pipelines.detect.found import Finding
from pipelines.detect.line_ends import lines_of
from schemas.dialect import Dialect

_RULED = frozenset("-=_+| ")
_DELIMITERS = frozenset(",;|~^")
_LINES = 400
_LEAST_LINES, _LEAST_COLUMNS = 4, 3
_WIDEST = 4000
# Of all lines this share has a blank where a column ends, and so many have a column filled.
_BLANK, _FILLED, _PADDED = 0.9, 0.5, 0.5
_SURE_DELIMITER = 0.75


def fixed_starts(text: str, dialect: Dialect, findings: Sequence[Finding]) -> list[int]:
    """Where the columns of a text of fixed width start; none for any other text, and for one of
    which the delimiter found is a better explanation."""
    lines = lines_of(text, dialect.line_end)[:_LINES]
    delimited = next((each for each in findings if each.what == "delimiter"), None)
    sure = delimited is not None and delimited.confidence >= _SURE_DELIMITER
    if sure and _parts_cells(dialect.delimiter, lines):
        return []
    return column_starts([line for line in lines if is_data(line)])


def is_data(line: str) -> bool:
    """Whether something stands in a line, and not only the ruler below a header."""
    return bool(line.strip()) and not (
        _RULED.issuperset(line) and any(each * 2 in line for each in "-=_")
    )


def _parts_cells(delimiter: str, lines: Sequence[str]) -> bool:
    """Whether a delimiter is no blank, is there, and is more than the decimal comma of amounts."""
    sign = re.escape(delimiter)
    other = re.compile(rf"(?<!\d){sign}|{sign}(?!\d)")
    return bool(delimiter.strip(" ")) and any(other.search(line) for line in lines)


def column_starts(lines: Sequence[str]) -> list[int]:
    """Where columns of fixed width start (0 is a line's first character); none if the lines are
    not of such columns."""
    filled = [line.rstrip() for line in lines if line.strip()]
    if len(filled) < _LEAST_LINES or any("\t" in line for line in filled):
        return []
    # Columns are padded: words with one blank between them are no columns.
    if sum("  " in line.strip() for line in filled) < _PADDED * len(filled):
        return []
    width = min(_WIDEST, max(map(len, filled)))
    if any(_is_delimiter(filled, at) for at in range(width)):
        return []
    blank = [
        sum(line[at : at + 1] in ("", " ") for line in filled) >= _BLANK * len(filled)
        for at in range(width)
    ]
    starts, at = [], 0
    for gap, run in groupby(blank):
        end = at + len(list(run))
        used = sum(bool(line[at:end].strip()) for line in filled)
        if not gap and used >= _FILLED * len(filled):
            starts.append(at)
        at = end
    return starts if len(starts) >= _LEAST_COLUMNS else []


def _is_delimiter(lines: Sequence[str], at: int) -> bool:
    """Whether a delimiter stands at a place of nearly every line, and is no decimal comma."""
    signs = Counter(
        line[at]
        for line in lines
        if line[at : at + 1] in _DELIMITERS
        and not (line[at - 1 : at].isdigit() and line[at + 1 : at + 2].isdigit())
    )
    return any(count >= _BLANK * len(lines) for count in signs.values())
