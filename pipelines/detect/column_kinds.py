"""Kinds of columns: whether a column's cells are booleans, dates, counts, numbers or JSON."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from pipelines.detect.counts import find_counts, moments_unnamed
from pipelines.detect.dates import find_dates, shown_format, span
from pipelines.detect.doubts import is_birth, is_flag, why_no_boolean, why_text
from pipelines.detect.found import FoundColumn
from pipelines.detect.numbers import NumberStyle, find_numbers
from schemas.contract import Type
from schemas.dialect import Booleans

_BOOLEANS = (
    ("true", "false"), ("yes", "no"), ("y", "n"), ("t", "f"), ("sí", "no"), ("si", "no"),
    ("oui", "non"), ("ja", "nein"), ("ja", "nee"), ("vrai", "faux"), ("wahr", "falsch"),
    ("verdadero", "falso"), ("sim", "não"), ("sim", "nao"), ("vero", "falso"), ("on", "off"),
)  # fmt: skip
_DEFAULT_TRUE, _DEFAULT_FALSE = Booleans().true, Booleans().false
_DAY_NAME = re.compile(r"(?i)date|day|time|fecha|datum|giorno|jour|tag|month|created|updated|_at$")
# Below this share of the filled cells a column is text with some numbers in it.
_MOSTLY = 0.95
_LARGEST_INT = 2**63 - 1
_FUTURE = 10
"""So many years ahead are planned for; later days are a century too late."""


@dataclass(frozen=True, slots=True)
class Cells:
    """A column's filled cells, trimmed; `words` counts the null words left out of them."""

    filled: list[str]
    empty: int
    words: Counter[str]

    @property
    def nulls(self) -> tuple[str, ...]:
        """The words that stand for nothing, sorted."""
        return tuple(sorted(self.words))


def _share(read: int, cells: Cells) -> float:
    return read / len(cells.filled)


def _first_bad(
    read: int, cells: Cells, find: Callable[[Sequence[str]], tuple[object, int]]
) -> str | None:
    """The first cell that is nothing of the kind that `find` looks for, if not all are."""
    if read == len(cells.filled):
        return None
    return next((cell for cell in cells.filled if not find([cell])[1]), None)


def _words(read: int, cells: Cells, what: str, bad: str | None) -> str:
    """`1,998 of 2,000 cells are dates dd/MM/yyyy`, and the first one that is not."""
    said = f"{read:,} of {len(cells.filled):,} filled cells are {what}"
    if read == len(cells.filled):
        said = f"all {read:,} filled cells are {what}" if read > 1 else f"the one cell is {what}"
    return f'{said}, but not "{bad[:30]}"' if bad is not None else said


def as_boolean(column: FoundColumn, cells: Cells) -> FoundColumn | None:
    """The column as booleans, if all its cells are a pair of words for yes and no."""
    distinct = {cell.lower() for cell in cells.filled}
    if distinct <= {"0", "1"} and len(distinct) == 2 and is_flag(column.name):
        evidence = "only 0 and 1, and the name is that of a flag"
        return replace(column, type=Type.BOOL, confidence=0.8, evidence=evidence)
    for true, false in _BOOLEANS:
        if distinct <= {true, false} and (len(distinct) == 2 or len(true) > 1):
            if why := why_no_boolean(column.name, cells.filled):
                said = f"{len(set(cells.filled)):,} different words, as text: {why}"
                sure = 0.5 if "ASK" in why else 0.8
                return replace(column, confidence=sure, evidence=said, ambiguous="ASK" in why)
            counts = Counter(cell.lower() for cell in cells.filled)
            said = " and ".join(f'{count:,} "{word}"' for word, count in counts.most_common())
            own = None
            if true not in _DEFAULT_TRUE or false not in _DEFAULT_FALSE:
                own = Booleans(true=(true,), false=(false,))
            sure = 0.95 if len(distinct) == 2 else 0.6
            return replace(column, type=Type.BOOL, confidence=sure, evidence=said, booleans=own)
    return None


def as_date(column: FoundColumn, cells: Cells, day_first: bool | None) -> FoundColumn | None:
    """The column as dates or times, if most of its cells are."""
    style, read = find_dates(cells.filled, day_first=day_first)
    if style is None or _share(read, cells) < _MOSTLY:
        return None
    few = style.formats == ("%Y%m%d",) and len(set(cells.filled)) < 3
    if few and not _DAY_NAME.search(column.header):
        # One or two numbers that happen to be days are more likely to be numbers.
        return None
    shapes = [shown_format(form) for form in style.formats] or ["ISO 8601"]
    what = {Type.TIME: "times of day"}.get(style.type, "dates" if style.type is Type.DATE else
            "times with a zone" if style.type is Type.TIMESTAMP else "dates and times")  # fmt: skip
    said = _words(read, cells, f"{what} {' or '.join(shapes)}", _first_bad(read, cells, find_dates))
    if style.locale != "en":
        said += f" with {style.locale} month names"
    ambiguous = bool(style.rivals) and day_first is None
    if ambiguous:
        said += f"; {shown_format(style.rivals[0])} reads them as well: ASK THE SENDER"
    sure = 0.5 if ambiguous else 0.98 * _share(read, cells)
    pivot, why = _pivot(column.header, cells, style.formats, style.locale)
    if pivot is not None:
        said, sure = said + why, min(sure, 0.5 if "ASK" in why else 0.8)
    first, last, days = ("", "", 0)
    if style.type is not Type.TIME:
        first, last, days = span(cells.filled, style.formats, style.locale)
    return replace(
        column,
        first=first,
        last=last,
        days=days,
        type=style.type,
        pivot=pivot,
        formats=style.formats,
        locale=style.locale,
        ambiguous=ambiguous,
        confidence=round(sure if len(cells.filled) > 2 else min(sure, 0.7), 2),
        evidence=said,
    )


def _pivot(
    header: str, cells: Cells, formats: Sequence[str], locale: str
) -> tuple[int | None, str]:
    """The last two-digit year of this century, where POSIX's 68 would make days of the future."""
    if not any("%y" in form for form in formats):
        return None, ""
    last = span(cells.filled, formats, locale)[1]
    today = datetime.now(UTC).date()
    if is_birth(header):
        return today.year % 100, f"; years up to {today.year % 100:02} are of this century: births"
    if last[:4] and int(last[:4]) > today.year + _FUTURE:
        return today.year % 100, (
            f"; years of two digits, which would go up to {last[:4]}: up to {today.year % 100:02}"
            " they are of this century (`pivot`): ASK THE SENDER"
        )
    return None, ""


def as_counts(column: FoundColumn, cells: Cells) -> FoundColumn | None:
    """The column as moments that are counted, if its name and its numbers say so."""
    counts, read = find_counts(column.header, cells.filled)
    if counts is None or _share(read, cells) < _MOSTLY:
        return None
    bad = _first_bad(read, cells, lambda some: find_counts(column.header, some))
    said = _words(read, cells, "numbers", bad)
    return replace(
        column,
        first=counts.first,
        last=counts.last,
        days=counts.days,
        type=counts.type,
        formats=(counts.form,),
        confidence=round(counts.confidence * _share(read, cells), 2),
        evidence=f"{said}; {counts.why}",
    )


def as_number(column: FoundColumn, cells: Cells, decimal: str) -> FoundColumn | None:
    """The column as numbers, if most of its cells are and nothing speaks against it."""
    zeros = [cell for cell in cells.filled if re.fullmatch(r"[+-]?0[0-9]+", cell)]
    long = [cell for cell in cells.filled if cell.isdecimal() and int(cell[:30]) > _LARGEST_INT]
    style, read = find_numbers(cells.filled, prefer=decimal)
    if style is None or _share(read, cells) < _MOSTLY:
        return None
    if why := why_text(cells.filled):
        said = _words(read, cells, "digits", None) + f", but {why}"
        return replace(column, confidence=0.9, evidence=f"{said}: kept as text")
    if len(style.numbers.symbols) > 1:
        said = (
            f"amounts in {', '.join(style.numbers.symbols)}, which one column of numbers would lose"
        )
        said += ": kept as text;"
        said += " ASK THE SENDER for a column of currencies"
        return replace(column, confidence=0.5, evidence=said)
    if zeros or long:
        odd = zeros or long
        why = "start with zero" if zeros else "are longer than an INT64"
        said = _words(read, cells, "digits", None) + f", but {len(odd):,} {why} (such as {odd[0]})"
        return replace(column, confidence=0.95, evidence=f"{said}: an id, kept as text")
    numbers = style.numbers
    whole = style.scale == 0 and not style.exponent and not numbers.percent
    what = "whole numbers" if whole else "numbers"
    if style.scale:
        what += f" with up to {style.scale} decimals"
    if style.exponent or style.scale > 9 or style.whole > 29:
        kind = Type.FLOAT64
    else:
        kind = Type.INT64 if whole else Type.NUMERIC
    if whole and (style.whole > 19 or numbers.symbols):
        kind = Type.NUMERIC
    said = _words(read, cells, what, _first_bad(read, cells, find_numbers)) + _written(style)
    if style.ambiguous:
        said += "; decimals or thousands? ASK THE SENDER"
    said += moments_unnamed(cells.filled)
    sure = 0.5 if style.ambiguous else 0.97 * _share(read, cells)
    return replace(
        column,
        type=kind,
        numbers=numbers,
        scale=style.scale,
        ambiguous=style.ambiguous,
        confidence=round(sure if len(cells.filled) > 2 else min(sure, 0.7), 2),
        evidence=said,
    )


def _written(style: NumberStyle) -> str:
    numbers, parts = style.numbers, []
    if numbers.decimal == "," and style.scale:
        parts.append("decimal comma")
    if numbers.thousands:
        sign = {" ": "space", "'": "apostrophe"}.get(numbers.thousands, numbers.thousands)
        parts.append(f"thousands {sign}")
    parts += numbers.symbols
    parts += ["percent"] * numbers.percent + ["brackets for minus"] * numbers.brackets
    parts += ["minus after the digits"] * numbers.trailing_minus
    return f" ({', '.join(parts)})" if parts else ""


def as_json(column: FoundColumn, cells: Cells) -> FoundColumn | None:
    """The column as JSON, if all its cells are."""

    def is_json(cell: str) -> bool:
        try:
            json.loads(cell)
        except (ValueError, RecursionError):
            return False
        return True

    if not all(cell[0] in "{[" for cell in cells.filled):
        return None
    if not all(map(is_json, cells.filled)):
        return None
    said = _words(len(cells.filled), cells, "JSON", None)
    return replace(column, type=Type.JSON, confidence=0.9, evidence=said)
