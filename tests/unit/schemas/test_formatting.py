"""Formatting: numbers, shares and times as CLDR has them for each language. What is expected is
written out here, and taken from CLDR's charts, so that it does not change with a library's data."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from schemas.formatting import day, day_and_month, is_singular, moment, number, percent, weekday
from schemas.language import (
    LANGUAGES,
    day_said,
    kept,
    moment_said,
    printable,
    render,
    translate,
    translate_count,
)

NOON = datetime(2026, 3, 5, 9, 7, 5, tzinfo=UTC)
# What each language has: 1234567.5; a half; 12.5 %; 5 March 2026; its day and month; Thursday;
# five past nine in UTC, with seconds.
MANNERS = {
    "en": ("1,234,567.5", "50%", "12.5%", "5 Mar 2026", "5 Mar", "Thu",
           "5 Mar 2026, 09:07:05 UTC"),
    "es": ("1.234.567,5", "50\u00a0%", "12,5\u00a0%", "5 mar 2026", "5 mar", "jue",
           "5 mar 2026, 9:07:05 UTC"),
    "de": ("1.234.567,5", "50\u00a0%", "12,5\u00a0%", "05.03.2026", "5. März", "Do.",
           "05.03.2026, 09:07:05 UTC"),
    "fr": ("1\u202f234\u202f567,5", "50\u00a0%", "12,5\u00a0%", "5 mars 2026", "5 mars", "jeu.",
           "5 mars 2026, 09:07:05 UTC"),
    "pt": ("1.234.567,5", "50%", "12,5%", "5 de mar. de 2026", "5 de mar.", "qui.",
           "5 de mar. de 2026 09:07:05 UTC"),
}  # fmt: skip


def test_every_language_has_its_manner() -> None:
    assert set(MANNERS) == set(LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_numbers_shares_and_times_are_written_as_people_of_the_language_do(language: str) -> None:
    assert (
        number(Decimal("1234567.5"), language, exact=True),
        percent(0.5, language),
        percent(0.125, language, 1),
        day(date(2026, 3, 5), language),
        day_and_month(NOON.date(), language),
        weekday(NOON.date(), language),
        moment(NOON, language, "second"),
    ) == MANNERS[language]


@pytest.mark.parametrize("language", LANGUAGES)
def test_sentences_write_their_fields_in_the_same_manner(language: str) -> None:
    said = translate(
        "{a:n}|{b:.0%}|{c:day}|{d:second}|{e:,.1f}", language,
        a=Decimal("1234567.5"), b=0.5, c=NOON.date(), d=NOON.isoformat(), e=1234567.46,
    )  # fmt: skip
    long, half, _, on, _, _, at = MANNERS[language]
    assert said == f"{long}|{half}|{on}|{at}|{long}"


def test_a_time_that_was_kept_is_said_in_another_language_later() -> None:
    said = translate("sent {sent}, until {until}", sent=moment_said(NOON), until=day_said(NOON))
    assert said == "sent 5 Mar 2026, 09:07 UTC, until 5 Mar 2026"
    again = kept(str(said), said.params)
    assert render(again, "de") == "sent 05.03.2026, 09:07 UTC, until 05.03.2026"


def test_a_moment_is_told_in_utc_if_it_has_a_zone() -> None:
    assert moment(NOON.astimezone(timezone(timedelta(hours=-11))), "en") == moment(NOON, "en")
    assert moment(NOON.replace(tzinfo=None), "en") == "5 Mar 2026, 09:07"


def test_each_language_counts_in_its_own_way() -> None:
    of_one = {
        language: [count for count in (0, 1, 2, 1_000_000) if is_singular(count, language)]
        for language in LANGUAGES
    }
    assert of_one == {"en": [1], "es": [1], "de": [1], "fr": [0, 1], "pt": [0, 1]}
    assert translate_count(0, "1 file", "{count:,} files", "fr") == "0 fichier"
    assert translate_count(0, "1 file", "{count:,} files", "es") == "0 archivos"
    assert translate_count(1, "1 file", "{count:,} files", "pt") == "1 arquivo"
    assert translate_count(1000, "1 file", "{count:,} files", "fr") == "1\u202f000 fichiers"


def test_no_break_spaces_can_be_shown() -> None:
    assert printable("a\u00a0:\u202fb\u200bc\n") == "a\u00a0:\u202fb·c·"
