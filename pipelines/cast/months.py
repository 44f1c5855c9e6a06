"""Words of the calendar in a language: months, days of the week, halves of the day (CLDR's)."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from functools import cache

_SHORTEST = 3


@cache
def month_names(locale: str) -> Mapping[str, int]:
    """The number of each month by its names: full, short, and their beginnings where those are only
    its own (`sep`, `sept`), with and without accents; in lower case and without dots."""
    from babel import Locale

    return _numbered(Locale.parse(locale).months, range(1, 13))


@cache
def day_names(locale: str) -> Mapping[str, int]:
    """The number of each day of the week (Monday is 0), as `month_names` has months."""
    from babel import Locale

    return _numbered(Locale.parse(locale).days, range(7))


@cache
def half_names(locale: str) -> Mapping[str, int]:
    """0 for the words of the morning and 12 for those of the afternoon, blanks left out."""
    from babel import Locale

    names = {"am": 0, "pm": 12}
    for context in Locale.parse(locale).day_periods.values():
        for words in context.values():
            for key, hours in (("am", 0), ("pm", 12)):
                if key in words and len(folded(words[key])) > 1:
                    names.setdefault(folded(words[key]), hours)
    return names


def folded(word: str) -> str:
    """The word in lower case, without dots and blanks."""
    return "".join(char for char in word.lower() if char != "." and not char.isspace())


def _numbered(
    names: Mapping[str, Mapping[str, Mapping[int, str]]], numbers: Iterable[int]
) -> dict[str, int]:
    found: dict[str, int] = {}
    short: dict[str, set[int]] = {}
    numbers = tuple(numbers)
    for context in ("format", "stand-alone"):
        for width in ("wide", "abbreviated"):
            for number in numbers:
                for word in _spellings(names[context][width][number]):
                    found.setdefault(word, number)
                    for length in range(_SHORTEST, len(word)):
                        short.setdefault(word[:length], set()).add(number)
    for word, meant in short.items():
        if len(meant) == 1:
            found.setdefault(word, next(iter(meant)))
    return found


def _spellings(name: str) -> Iterator[str]:
    word = folded(name)
    yield word
    parts = unicodedata.normalize("NFKD", word)
    yield "".join(char for char in parts if not unicodedata.combining(char))
