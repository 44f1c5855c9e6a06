"""Dates and times: which formats a column's cells are written in."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from schemas.contract import Type

_LOCALES = ("en", "es", "fr", "de", "pt", "it", "nl", "ca", "pl", "sv", "da")
_NUMERIC_DAYS = (
    "%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y.%m.%d",
    "%d/%m/%y", "%m/%d/%y", "%d.%m.%y", "%d-%m-%y", "%y-%m-%d", "%Y%m%d",
)  # fmt: skip
_NAMED_DAYS = (
    "%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%d/%b/%Y", "%d %b %y", "%b %d, %Y", "%b %d %Y",
    "%d %B %Y", "%d-%B-%Y", "%B %d, %Y", "%d. %B %Y", "%d de %B de %Y", "%d %B, %Y", "%Y-%b-%d",
    "%b-%d-%Y", "%d. %b %Y", "%d%b%Y",
)  # fmt: skip
_CLOCKS = (
    "%H:%M:%S",
    "%H:%M",
    "%H:%M:%S.%f",
    "%I:%M:%S %p",
    "%I:%M %p",
    "%I:%M%p",
    "%H.%M.%S",
    "%H.%M",
    "%I.%M.%S.%f %p",
    "%I.%M.%S %p",
    "%H.%M.%S.%f",
    "%H:%M:%S:%f",
)
_ISO = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,6}0{0,3})?)?"
    r"(?:Z| ?UTC| ?GMT|[+-]\d\d:?\d\d)?)?"
)
_LONG_FRACTION = re.compile(r"(?<=[.:]\d{6})0{1,3}(?!\d)")
_CLOCK = re.compile(r"\d\d:\d\d(:\d\d(\.\d{1,6})?)?")
_ZONE = re.compile(r"(?:Z| ?UTC| ?GMT|[+-]\d\d:?\d\d)$")
_WORD = re.compile(r"[^\W\d_]{3,}\.?")
_DIRECTIVE = re.compile(r"%[a-zA-Z]")
_TOUCHING = {"%Y%m%d": 8, "%Y%m%d%H%M%S": 14}
_TRIED = 40
_LONGEST = 60


@dataclass(frozen=True, slots=True)
class DateStyle:
    """How a column writes its dates and times. No `formats` means ISO 8601. `rivals` are formats
    that read just as many cells and mean other days."""

    type: Type
    formats: tuple[str, ...]
    locale: str
    rivals: tuple[str, ...] = ()


def find_dates(
    cells: Sequence[str], *, day_first: bool | None = None
) -> tuple[DateStyle | None, int]:
    """The style that reads the most cells, and how many it reads; None if none reads most.

    `day_first` settles what the cells leave open, such as 03/04/2026.
    """
    iso = [cell for cell in cells if _ISO.fullmatch(cell)]
    if len(iso) > 0.5 * len(cells) and (valid := sum(map(_is_iso, iso))) > 0.5 * len(cells):
        return DateStyle(_iso_type(iso), (), "en"), valid
    clock = sum(1 for cell in cells if _CLOCK.fullmatch(cell) and _reads(cell, "%H:%M", "en"))
    if clock > 0.5 * len(cells):
        return DateStyle(Type.TIME, (), "en"), clock
    counts = Counter(cells)
    few = list(counts)[:: max(1, len(counts) // _TRIED)][: 2 * _TRIED]
    signs = set(map(_signs, few))
    likely = [key for key in _candidates(few) if _signs(_DIRECTIVE.sub("0", key[0])) in signs]
    tried = [(*key, sum(_reads(cell, *key) for cell in few)) for key in likely]
    # What reads only some cells may still be one half of a mixed column.
    full = {
        (form, locale): frozenset(cell for cell in counts if _reads(cell, form, locale))
        for form, locale, count in tried
        if count > 0.3 * len(few)
    }
    return _best(counts, full, day_first) if full else (None, 0)


def _best(
    counts: Counter[str], full: dict[tuple[str, str], frozenset[str]], day_first: bool | None
) -> tuple[DateStyle | None, int]:
    """The format that reads most, with a second one for cells that it cannot read."""
    total = counts.total()
    sizes = {key: sum(counts[cell] for cell in read) for key, read in full.items()}
    most = max(sizes.values())
    equal = [key for key, size in sizes.items() if size == most]
    form, locale = min(equal, key=lambda key: _rank(key[0], day_first))
    rivals = tuple(
        other
        for other, spoken in equal
        if spoken == locale and other != form and _means_other(counts, form, other, locale)
    )
    read, formats = full[form, locale], [form]
    for (other, spoken), those in sorted(full.items(), key=lambda item: -sizes[item[0]]):
        # Only a way of writing that leaves no doubt about the cells of the others.
        apart = not (those & read) and sizes[other, spoken] > 0.02 * total
        if spoken == locale and not rivals and apart:
            formats.append(other)
            read |= those
    size = sum(counts[cell] for cell in read)
    if size < 0.5 * total:
        return None, 0
    return DateStyle(_type_of(form), tuple(formats), locale, rivals), size


def _signs(text: str) -> frozenset[str]:
    """The signs between the digits: a format with other signs than the cells need not be tried."""
    return frozenset(char for char in text if char in "/.,:") | frozenset("-"[: "-" in text[:9]])


def _candidates(cells: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The formats and locales that may read the cells, judged by their first look."""
    if not any(re.search(r"\d", cell) for cell in cells):
        return
    clock = any(":" in cell or re.search(r"\d[T ]\d\d\.\d\d", cell) for cell in cells)
    zone = any(_ZONE.search(cell) for cell in cells) and clock
    words = {
        word.lower().rstrip(".")
        for cell in cells
        for word in _WORD.findall(re.sub(r"(?i)\b[ap]\.?m\b|\bde\b|\bdel\b|T(?=\d)", " ", cell))
    }
    days = [(form, "en") for form in _NUMERIC_DAYS]
    if words:
        days = [(form, each) for each in _locales(words) for form in _NAMED_DAYS]
    if not clock:
        yield from days
        yield "%Y%m%d%H%M%S", "en"
        return
    yield from ((each, "en") for each in _CLOCKS)
    for (day, locale), between, time in itertools.product(days, (" ", "T", ", "), _CLOCKS):
        yield f"{day}{between}{time}", locale
        if zone:
            yield f"{day}{between}{time}%z", locale
            yield f"{day}{between}{time} %z", locale


def _locales(words: set[str]) -> list[str]:
    """The languages that have all these words among their months; English first."""
    return [each for each in _LOCALES if words <= {*_months(each, "%b"), *_months(each, "%B")}]


@cache
def _months(locale: str, directive: str) -> dict[str, int]:
    """The names (`%B`) or short names (`%b`) of a language's months, lower case, without points."""
    from babel import Locale

    width = "wide" if directive == "%B" else "abbreviated"
    found: dict[str, int] = {}
    for context in ("format", "stand-alone"):
        for number, name in Locale.parse(locale).months[context][width].items():
            found[name.lower().rstrip(".")] = number
            if directive == "%b":
                found.setdefault(name.lower()[:3], number)
    return found


_ENGLISH = ("January", "February", "March", "April", "May", "June", "July", "August", "September",
            "October", "November", "December")  # fmt: skip


def _in_english(cell: str, locale: str, directive: str) -> str:
    """The cell with the names of months in English, as strptime reads them."""
    months = _months(locale, directive)

    def put(match: re.Match[str]) -> str:
        number = months.get(match[0].lower().rstrip("."))
        if number is None:
            return match[0]
        return _ENGLISH[number - 1][:3] if directive == "%b" else _ENGLISH[number - 1]

    return _WORD.sub(put, cell)


def _reads(cell: str, form: str, locale: str) -> bool:
    return len(cell) <= _LONGEST and _moment(cell, form, locale) is not None


def _moment(cell: str, form: str, locale: str) -> datetime | None:
    """The moment a format reads in a cell, if it does and the year makes sense."""
    if form in _TOUCHING and (len(cell) != _TOUCHING[form] or not cell.isdigit()):
        return None
    if form == "%H:%M":
        form = "%H:%M:%S" if cell.count(":") == 2 and "." not in cell else form
        form = "%H:%M:%S.%f" if "." in cell else form
    text = _LONG_FRACTION.sub("", cell) if "%f" in form else cell
    if "%b" in form or "%B" in form:
        text = _in_english(text, locale, "%b" if "%b" in form else "%B")
    try:
        moment = datetime.strptime(text, form)
    except ValueError:
        return None
    return moment if 1900 <= moment.year <= 2200 else None


def _means_other(cells: Iterable[str], form: str, other: str, locale: str) -> bool:
    return any(
        _moment(cell, form, locale) != _moment(cell, other, locale)
        for cell in itertools.islice(cells, 200)
    )


def _rank(form: str, day_first: bool | None) -> tuple[bool, bool, bool, int]:
    """Four-digit years before two, the file's own order of day and month, then our order."""
    day, month = form.find("%d"), max(form.find("%m"), form.find("%b"), form.find("%B"))
    wrong = day_first is not None and (day < month) is not day_first and "%Y-%m-%d" not in form
    return ("%y" in form, wrong, form.startswith("%y"), len(form))


def _is_iso(cell: str) -> bool:
    plain = re.sub(r" ?(?:UTC|GMT)$", "Z", _LONG_FRACTION.sub("", cell))
    try:
        return 1900 <= datetime.fromisoformat(plain).year <= 2200
    except ValueError:
        return False


def _iso_type(cells: Sequence[str]) -> Type:
    if any(_ZONE.search(cell[10:]) for cell in cells if len(cell) > 10):
        return Type.TIMESTAMP
    return Type.DATETIME if any(len(cell) > 10 for cell in cells) else Type.DATE


def _type_of(form: str) -> Type:
    if "%z" in form:
        return Type.TIMESTAMP
    if "%d" not in form:
        return Type.TIME
    return Type.DATETIME if "%H" in form or "%I" in form else Type.DATE


def span(cells: Iterable[str], formats: Sequence[str], locale: str) -> tuple[str, str, int]:
    """The first and the last day of the cells (ISO 8601), and how many days there are."""
    days = set()
    for cell in set(cells):
        if not formats and _is_iso(cell):
            days.add(cell[:10])
            continue
        moments = (_moment(cell, form, locale) for form in formats if len(cell) <= _LONGEST)
        days.update(moment.date().isoformat() for moment in moments if moment is not None)
    return (min(days), max(days), len(days)) if days else ("", "", 0)


_JAVA = {
    "%Y": "yyyy", "%y": "yy", "%m": "MM", "%d": "dd", "%B": "MMMM", "%b": "MMM", "%H": "HH",
    "%I": "hh", "%M": "mm", "%S": "ss", "%f": "SSSSSS", "%p": "a", "%z": "XX",
}  # fmt: skip

COUNTS = {
    "excel": "Excel's serial numbers",
    "epoch": "seconds since 1970",
    "epoch_ms": "milliseconds since 1970",
}
"""How the formats that are numbers are called."""


def shown_format(form: str) -> str:
    """A contract's format as people write it, such as dd/MM/yyyy."""
    if form in COUNTS:
        return COUNTS[form]
    for directive, letters in _JAVA.items():
        form = form.replace(directive, letters)
    return form
