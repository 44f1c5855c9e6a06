"""Languages: sentences for senders, written in English in the code and translated by a catalogue.

The catalogues are gettext's (`schemas/locale/es.po`): a sentence's English template is its key. A
language is added by its catalogue alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any

FOLDER = Path(__file__).parent / "locale"
LANGUAGES = ("en", *sorted(path.stem for path in FOLDER.glob("*.po")))
"""The languages in which senders can be answered: English, and those of the catalogues."""


def say(template: str, language: str = "en", /, **values: object) -> str:
    """The sentence in that language, its `{name}` fields filled in; English where the catalogue
    lacks it. A template without values is taken as it stands."""
    spoken = template if language == "en" else _catalogue(language).get(template, template)
    if not values:
        return spoken
    return (
        spoken.format(**values) if language == "en" else _Speech(language).format(spoken, **values)
    )


def printable(text: str) -> str:
    """The text without control characters, on one line: names and cells come from strangers."""
    return "".join(char if char.isprintable() else "·" for char in text)


class _Speech(Formatter):
    """Fills in fields; `{number:,}` as the language groups digits."""

    def __init__(self, language: str) -> None:
        self._language = language

    def format_field(self, value: Any, format_spec: str) -> str:
        """The value as the field wants it."""
        if format_spec != ",":
            return str(super().format_field(value, format_spec))
        from babel.numbers import format_decimal

        return str(format_decimal(value, locale=self._language))


@cache
def _catalogue(language: str) -> Mapping[str, str]:
    """Translated templates by their English ones."""
    from babel.messages.pofile import read_po

    with (FOLDER / f"{language}.po").open("rb") as file:
        catalogue = read_po(file)
    return {
        message.id: message.string
        for message in catalogue
        if isinstance(message.id, str) and isinstance(message.string, str) and message.string
    }
