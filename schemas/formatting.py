"""Formatting: numbers, shares, days and moments as people of a language write them.

The manner of each language is that of the Unicode CLDR, by way of babel, which is used here in any
case: it reads the catalogues. English is that of most countries: day before month, 24 hours.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from babel import Locale

type Number = int | float | Decimal
type Precision = Literal["minute", "second"]

_LOCALES = {"en": "en_GB"}
"""The locale of a language, where it is not the language's own."""


@cache
def locale_of(language: str) -> Locale:
    """The locale in whose manner a language is written."""
    from babel import Locale

    return Locale.parse(_LOCALES.get(language, language), sep="_")


def number(
    value: Number, language: str, *, decimals: int | None = None, exact: bool = False
) -> str:
    """A number with the language's signs: with so many decimals, or all it has (`exact`), or at
    most three."""
    from babel.numbers import format_decimal

    locale = locale_of(language)
    pattern = None
    if decimals is not None:
        pattern = f"#,##0.{'0' * decimals}" if decimals else "#,##0"
    return str(format_decimal(value, pattern, locale=locale, decimal_quantization=not exact))


def percent(share: Number, language: str, decimals: int = 0, *, fixed: bool = False) -> str:
    """A share of a whole in percent, with at most so many decimals, or with so many."""
    from babel.numbers import format_percent

    locale = locale_of(language)
    pattern = locale.percent_formats[None].pattern
    if decimals:
        pattern = pattern.replace("0", f"0.{('0' if fixed else '#') * decimals}", 1)
    return str(format_percent(share, pattern, locale=locale))


def day(value: date, language: str) -> str:
    """A day with its year."""
    from babel.dates import format_date

    return str(format_date(value, "medium", locale=locale_of(language)))


def moment(value: datetime, language: str, precision: Precision = "minute") -> str:
    """A moment in UTC, which it then says; one without a zone as it stands."""
    from babel.dates import format_time

    has_zone = value.tzinfo is not None
    at = value.astimezone(UTC) if has_zone else value
    locale = locale_of(language)
    # A time is formatted in UTC whatever its zone: that of `at` is taken off.
    length = "short" if precision == "minute" else "medium"
    time = format_time(at.replace(tzinfo=None), length, locale=locale)
    both = str(locale.datetime_formats["medium"]).format(time, day(at.date(), language))
    return f"{both} UTC" if has_zone else both


def weekday(value: date, language: str) -> str:
    """A day's short name."""
    from babel.dates import format_date

    return str(format_date(value, "EEE", locale=locale_of(language)))


def day_and_month(value: date, language: str) -> str:
    """A day without its year, the month by its short name."""
    from babel.dates import format_skeleton

    return str(format_skeleton("MMMd", value, locale=locale_of(language)))


def is_singular(count: int, language: str) -> bool:
    """Whether that many of something take the singular: in French and Portuguese none does, too."""
    return bool(locale_of(language).plural_form(count) == "one")
