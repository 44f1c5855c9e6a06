"""Dialect: delimiter, quote and escape, chosen by what makes the most consistent table.

Each candidate is tried on the sample: a good one gives rows of one length whose cells look like
numbers, dates, addresses and plain words, and leaves no quotes behind.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pipelines.detect.dialect_escapes import _may_escape, escapes
from pipelines.detect.found import Finding
from pipelines.detect.kinds import TYPED, kind_of
from pipelines.detect.line_ends import find_line_end, lines_of
from pipelines.parse.escapes import has_meanings, hidden_text, meant_text
from schemas.dialect import Dialect

_SOME = 48 * 1024
_LINES = 400
_PRIORS = {",": 1.0, ";": 1.0, "\t": 1.0, "|": 1.0, " ": 0.6, ":": 0.5}
_RARE = 0.85
_LESS_USUAL, _WIDEST = 0.999, 80
_SINGLES = ",;\t|:~^!#&*=\x01\x02\x1e\x1f¦§¬·•þ\u0014 "
_TOGETHER = re.compile(r"[^\w\s\"'`.+$€£%()\\/<>@?-]{2,4}")
_QUOTES = ('"', "'", "`", "")
_STAND_IN, _CR = "\ue000", "\ue001"
_CREDIT = {
    "number": 1.0, "moment": 1.0, "date": 1.0, "time": 1.0, "address": 1.0,
    "code": 0.95, "word": 0.95, "empty": 0.8, "text": 0.7, "blank-edged": 0.3,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Record:
    """One record of the sample: the line it starts on (1 is the first), how many lines it covers,
    and its cells."""

    line: int
    lines: int
    cells: list[str]


@dataclass(frozen=True, slots=True)
class _Try:
    dialect: Dialect
    score: float
    width: int
    share: float


def find_dialect(text: str) -> tuple[Dialect, list[Finding]]:
    """The dialect of a text, with `delimiter`, `quote`, `escape` and `line_end` set, and a finding
    for each of them."""
    line_end, ends = find_line_end(text)
    sample = _sample(text, line_end)
    cut = len(sample) < len(text)
    tries = sorted(_tries(sample, line_end, cut), key=lambda each: -each.score)
    if not tries:
        return Dialect(line_end=line_end), [ends]
    best = tries[0]
    other = next(
        (each.score for each in tries if each.dialect.delimiter != best.dialect.delimiter), 0.0
    )
    return best.dialect, [*_delimiter_findings(best, other), *_quote_findings(best, sample), ends]


def records(text: str, dialect: Dialect) -> Iterator[Record]:
    """The records of a text under a dialect, read leniently; blank lines are left out."""
    csv.field_size_limit(2**31 - 1)
    meaning = has_meanings(dialect) and "\\" in text
    text = hidden_text(text) if meaning else text
    lines = lines_of(text, dialect.line_end)
    has_cr = "\r" in text
    stand_in = _STAND_IN if len(dialect.delimiter) > 1 else None
    fed = [line.replace(dialect.delimiter, stand_in) for line in lines] if stand_in else lines
    reader = csv.reader(
        # A lone CR within a line would end the record; it is part of a cell.
        (line.replace("\r", _CR) + "\n" for line in fed),
        delimiter=stand_in or dialect.delimiter,
        quotechar=dialect.quote or None,
        quoting=csv.QUOTE_MINIMAL if dialect.quote else csv.QUOTE_NONE,
        doublequote=not dialect.escape,
        escapechar=dialect.escape or None,
        skipinitialspace=dialect.skip_initial_space,
    )
    while True:
        start = reader.line_num
        try:
            cells = next(reader)
        except StopIteration:
            return
        if stand_in:
            cells = [cell.replace(stand_in, dialect.delimiter) for cell in cells]
        if has_cr:
            cells = [cell.replace(_CR, "\r") for cell in cells]
        if meaning:
            cells = [meant_text(cell) or "" for cell in cells]
        if cells:
            yield Record(start + 1, reader.line_num - start, cells)


def _sample(text: str, line_end: str) -> str:
    """Some first lines of the text; whole lines, if the text has any."""
    end = line_end or "\n"
    some = text[:_SOME]
    if len(text) > _SOME and end in some:
        some = some[: some.rindex(end) + 1]
    at = -1
    for _ in range(_LINES):
        at = some.find(end, at + 1)
        if at < 0:
            return some
    return some[: at + 1]


def _tries(sample: str, line_end: str, cut: bool) -> Iterator[_Try]:
    lines = max(1, sum(1 for line in lines_of(sample, line_end) if line.strip()))
    for delimiter in _delimiters(sample):
        for quote in _QUOTES:
            # Without a cell in quotes the usual one is as good as any.
            if quote not in ("", '"') and not _opens(sample, quote, delimiter):
                continue
            for escape in escapes(sample, quote, delimiter):
                dialect = Dialect(
                    delimiter=delimiter, quote=quote, escape=escape, line_end=line_end
                )
                yield _tried(sample, dialect, lines, cut)
                if _aligned(sample, quote, delimiter):
                    skipping = replace(dialect, skip_initial_space=True)
                    found = _tried(sample, skipping, lines, cut)
                    # Where nothing is gained, blanks are what they are everywhere else.
                    yield replace(found, score=found.score * _LESS_USUAL)


def _aligned(sample: str, quote: str, delimiter: str) -> int:
    """How many cells may begin with a quote that stands behind blanks."""
    if not quote or delimiter.isspace():
        return 0
    edge = rf"{re.escape(delimiter)} {{1,{_WIDEST}}}{re.escape(quote)}"
    return len(re.findall(edge, sample))


def _delimiters(sample: str) -> Iterator[str]:
    """What may be a delimiter: single characters, those with a space after them, and runs of
    punctuation that come again and again."""
    present = [char for char in _SINGLES if char in sample]
    yield from present or [","]
    for char in present:
        if char not in " \t" and sample.count(f"{char} ") > 0.5 * sample.count(char):
            yield f"{char} "
    runs = Counter(_TOGETHER.findall(sample))
    for run, count in runs.most_common(3):
        if count > 1:
            yield run


def _opens(sample: str, quote: str, delimiter: str) -> bool:
    """Whether some cell starts and some cell ends with the quote."""
    edge = re.escape(delimiter.strip() or delimiter)
    q = re.escape(quote)
    opening = re.search(rf"(?:^|[\r\n]|{edge} {{0,{_WIDEST}}}){q}", sample)
    closing = re.search(rf"{q}(?: ?{edge}|[\r\n]|$)", sample)
    return bool(opening and closing)


def _tried(sample: str, dialect: Dialect, lines: int, cut: bool) -> _Try:
    """How good a table the dialect makes of the sample."""
    found = list(records(sample, dialect))
    if cut and len(found) > 1 and found[-1].lines > 1:
        # A cell that is still open where the sample ends says nothing.
        lines -= found.pop().lines
    by_width: Counter[int] = Counter()
    for each in found:
        by_width[len(each.cells)] += each.lines
    if not by_width:
        return _Try(dialect, 0.0, 0, 0.0)
    width = max(by_width, key=lambda wide: by_width[wide] * _shape(wide))
    share = min(1.0, by_width[width] / max(lines, sum(each.lines for each in found)))
    rows = [each.cells for each in found if len(each.cells) == width]
    credit = _credit(rows, dialect)
    prior = _PRIORS.get(dialect.delimiter, _RARE if dialect.delimiter.strip() else 0.75)
    prior = _PRIORS.get(dialect.delimiter.strip(), prior) if len(dialect.delimiter) > 1 else prior
    score = prior * share * credit * _shape(width)
    return _Try(dialect, score * _tidy(sample, rows, dialect), width, share)


def _shape(width: int) -> float:
    """A table of one column is the weakest explanation of a text."""
    return 0.5 if width == 1 else 1 - 0.4 / width


def _credit(rows: Sequence[Sequence[str]], dialect: Dialect) -> float:
    """How much the cells, column by column, look like something (0 to 1)."""
    body = rows[1:] if len(rows) > 1 else rows
    columns = list(zip(*body, strict=True))
    return sum(_column_credit(column, dialect) for column in columns) / len(columns)


def _column_credit(cells: Sequence[str], dialect: Dialect) -> float:
    kinds = Counter(map(kind_of, cells))
    mean = sum(_CREDIT[kind] * count for kind, count in kinds.items()) / len(cells)
    if kinds["empty"] == len(cells):
        # A column of nothing shows that the delimiter is only half of the real one.
        return 0.4
    typed = sum(kinds[kind] for kind in TYPED)
    odd = 0.15 if min(typed, len(cells) - kinds["empty"] - typed) > 0 else 0.0
    # Text that holds the other usual delimiters has most likely not been split enough.
    others = [each for each in ",;\t|" if each not in dialect.delimiter]
    # A number with a decimal comma holds none: it is explained.
    held = sum(
        1 for cell in cells if any(each in cell for each in others) and kind_of(cell) not in TYPED
    )
    return mean * (1 - odd) * (1 - 0.3 * held / len(cells))


def _tidy(sample: str, rows: Sequence[Sequence[str]], dialect: Dialect) -> float:
    """Less than 1 where quotes are left inside cells, or an escape is left before them."""
    cells = [cell for row in rows for cell in row if cell]
    if not cells:
        return 1.0
    whole = sum(1 for cell in cells if len(cell) > 1 and cell[0] == cell[-1] and cell[0] in "\"'`")
    left = sum(1 for cell in cells if '"' in (cell[0], cell[-1]) or cell.count('"') > 1)
    marks = [] if dialect.escape else ["\\", "\0"]
    if dialect.quote:
        marks = [
            each for each in marks if _may_escape(sample, each, dialect.quote, dialect.delimiter)
        ]
    slips = sum(1 for cell in cells if any(f'{each}"' in cell for each in marks))
    # Quotes that begin and end cells are hardly ever plain characters.
    plain = 0.7 if not dialect.quote and _opens(sample, '"', dialect.delimiter) else 1.0
    return plain * (1 - 0.5 * min(1.0, (whole + 0.2 * left + slips) / len(cells) * 4))


def _delimiter_findings(best: _Try, other: float) -> list[Finding]:
    sure = max(0.05, min(0.99, best.share * min(1.0, 0.55 + 1.5 * (best.score - other))))
    if best.width == 1:
        value, evidence = "none", "every line is one cell"
    else:
        value = shown(best.dialect.delimiter)
        evidence = f"{best.share:.0%} of the lines split into {best.width} cells"
    return [Finding(what="delimiter", value=value, confidence=round(sure, 2), evidence=evidence)]


def _quote_findings(best: _Try, sample: str) -> list[Finding]:
    dialect = best.dialect
    if not dialect.quote:
        return [
            Finding(
                what="quote",
                value="none",
                confidence=0.8,
                evidence="read as plain characters, quotes leave more even rows",
            )
        ]
    edge = re.escape(dialect.delimiter)
    count = len(re.findall(rf"(?:^|[\r\n]|{edge}){re.escape(dialect.quote)}", sample))
    seen = f"{count:,} cells of the sample are in quotes" if count else "no cell is in quotes yet"
    sure = 0.95 if count > 2 else 0.7
    aligned = _aligned(sample, dialect.quote, dialect.delimiter)
    if aligned and not dialect.skip_initial_space:
        # RFC 4180 has no blanks there.
        seen = f"ASK for files without blanks before quotes; {aligned:,} cells cannot be read"
        sure = 0.2
    found = [Finding(what="quote", value=shown(dialect.quote), confidence=sure, evidence=seen)]
    if dialect.skip_initial_space:
        seen = f"blanks stand before the quotes of {aligned:,} cells of the sample"
        found.append(Finding(what="aligned", value="yes", confidence=0.9, evidence=seen))
    if dialect.escape:
        times = sample.count(dialect.escape + dialect.quote)
        found.append(
            Finding(
                what="escape",
                value=shown(dialect.escape),
                confidence=0.9,
                evidence=f"it stands before a quote {times:,} times",
            )
        )
    return found


_NAMES = {"\t": "tab", " ": "space", "\0": "NUL", "\\": "backslash", ", ": "comma and space"}


def shown(text: str) -> str:
    """A delimiter, quote or escape as a person reads it."""
    return _NAMES.get(text) or (text if text.isprintable() else ascii(text)[1:-1])
