"""Languages: sentences for senders, written in English in the code and translated by a catalogue.

The catalogues are gettext's (`schemas/locale/es.po`): a sentence's English template is its key. A
language is added by its catalogue alone.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any, Self

from schemas import formatting

FOLDER = Path(__file__).parent / "locale"
LANGUAGES = ("en", *sorted(path.stem for path in FOLDER.glob("*.po")))
"""The languages in which senders can be answered: English, and those of the catalogues."""

NO_BREAK_SPACES = "\u00a0\u202f"
"""The spaces, wide and narrow, at which no line is broken."""

WITH_HINT = "{sentence} ({hint})"
"""A sentence, and what to do about it."""

_AS_WRITTEN = re.compile(r":(n|day|minute|second)\}")
"""Fields that Python cannot fill in, in English either."""
_DAY = "{day:day}"
_MOMENTS: Mapping[formatting.Precision, str] = {
    "minute": "{moment:minute}",
    "second": "{moment:second}",
}
_DECIMALS = re.compile(r",?\.(\d)([f%])")
_JOINING = re.compile(r"(\{_\d+\}|[\s;,.])+")
_UNFIT = (KeyError, IndexError, ValueError, TypeError)
"""What is raised where values do not fit a template."""


class Sentence(str):
    """A sentence as it was said, with the template and the values that it was made of: it can be
    said in another language later. What is made of it as of any text is a plain text.
    """

    __slots__ = ("language", "template", "values")
    template: str | None
    values: Mapping[str, object]
    language: str

    def __new__(
        cls,
        text: str,
        template: str | None = None,
        values: Mapping[str, object] | None = None,
        language: str = "en",
    ) -> Self:
        """A sentence that was said in a language; without a template, the same in every one."""
        made = super().__new__(cls, text)
        made.template, made.values, made.language = template, values or {}, language
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.template, self.values, self.language)

    def render(self, language: str) -> Sentence:
        """The same in that language; as it stands, where it cannot be said in it."""
        if self.template is None or language == self.language:
            return self
        try:
            return translate(self.template, language, **self.values)
        except _UNFIT:
            # It was kept by another release, whose template has other fields than the catalogue's.
            return self

    @property
    def params(self) -> dict[str, Any] | None:
        """The template and its values, as JSON can hold them; None without a template."""
        if self.template is None:
            return None
        return {
            "template": self.template,
            "values": {name: _as_json(value) for name, value in self.values.items()},
        }


def kept(text: str, params: Mapping[str, Any] | None) -> str:
    """A sentence that was kept in English with its `params`; the text alone if it has none."""
    if not params:
        return text
    values = {name: _from_json(value) for name, value in params["values"].items()}
    return Sentence(text, params["template"], values)


def params_of(text: str | None) -> dict[str, Any] | None:
    """The template and the values of a text, if it is a sentence that has them."""
    return text.params if isinstance(text, Sentence) else None


def compact(params: object) -> str:
    """`params` as short JSON, in ASCII."""
    return json.dumps(params, separators=(",", ":"))


def render(text: str, language: str) -> str:
    """A text in that language, if it is a sentence that can be said in it; else as it stands."""
    return text.render(language) if isinstance(text, Sentence) else text


def _as_json(value: object) -> Any:
    match value:
        case Sentence():
            return value.params or str(value)
        case bool() | int() | None:
            return value
        case float() if math.isfinite(value):
            return value
        case _:
            return str(value)


def _from_json(value: Any) -> object:
    if not isinstance(value, dict):
        return value
    values = {name: _from_json(each) for name, each in value["values"].items()}
    try:
        return translate(value["template"], **values)
    except _UNFIT:
        return Sentence(value["template"], value["template"], values)


def translate(template: str, language: str = "en", /, **values: object) -> Sentence:
    """The sentence in that language, its `{name}` fields filled in; English where the catalogue
    lacks it. A template without values is taken as it stands. Sentences among the values are said
    in the same language.

    Numbers, shares and times are written as people of the language do: `{count:,}`, `{share:.0%}`
    and, exactly, `{number:n}`; `{at:day}`, `{at:minute}` and `{at:second}` of a date or datetime,
    or of one as text in the manner of ISO 8601."""
    spoken = template if language == "en" else _catalogue(language).get(template, template)
    if not values:
        return Sentence(spoken, template, values, language)
    told = {name: render(value, language) if isinstance(value, str) else value
            for name, value in values.items()}  # fmt: skip
    if language == "en" and not _AS_WRITTEN.search(spoken):
        text = spoken.format(**told)
    else:
        text = _Speech(language).format(spoken, **told)
    return Sentence(text, template, values, language)


def translate_count(
    count: int, one: str, several: str, language: str = "en", /, **values: object
) -> Sentence:
    """`one` or `several`, as the number `count` wants it in that language. Both may name it. Where
    a language has its singular for other numbers than 1, its catalogue names it in both."""
    template = one if formatting.is_singular(count, language) else several
    if language == "en":
        return translate(template, **values, count=count)
    return translate(template, language, **values, count=count)


def day_said(value: date) -> Sentence:
    """A day, which each language writes in its own way."""
    return translate(_DAY, day=value.isoformat())


def moment_said(value: datetime, precision: formatting.Precision = "minute") -> Sentence:
    """A moment, which each language writes in its own way."""
    return translate(_MOMENTS[precision], moment=value.isoformat())


def is_template(text: str) -> bool:
    """Whether a text is a template of our own, or joins others, and so holds nothing that a
    stranger wrote: the catalogues have all of them."""
    if _JOINING.fullmatch(text):
        return True
    return any(text in _catalogue(language) for language in LANGUAGES if language != "en")


def joined(separator: str, texts: Sequence[str], language: str = "en") -> Sentence:
    """Several texts as one, each said in its language."""
    fields = {f"_{number}": text for number, text in enumerate(texts)}
    return translate(separator.join(f"{{{name}}}" for name in fields), language, **fields)


def printable(text: str) -> str:
    """The text without control characters, on one line: names and cells come from strangers. The
    two no-break spaces stay, which sentences and numbers have in some languages."""
    if text.isprintable():
        return str(text)
    return "".join(char if char.isprintable() or char in NO_BREAK_SPACES else "·" for char in text)


class _Speech(Formatter):
    """Fills in fields as people of the language write numbers and times."""

    def __init__(self, language: str) -> None:
        self._language = language

    def format_field(self, value: Any, format_spec: str) -> str:
        """The value as the field wants it."""
        match value:
            case bool():
                pass
            case int() | float() | Decimal():
                told = _number(value, format_spec, self._language)
                return str(super().format_field(value, format_spec)) if told is None else told
            case str() | date() if format_spec in ("day", "minute", "second"):
                return self._time(value, format_spec)
        return str(super().format_field(value, format_spec))

    def _time(self, value: str | date, precision: str) -> str:
        if isinstance(value, str):
            if type(value) is not str:  # what is hidden stays so
                return format(value, precision)
            value = datetime.fromisoformat(value)
        if precision == "day" or not isinstance(value, datetime):
            return formatting.day(value, self._language)
        return formatting.moment(
            value, self._language, "second" if precision == "second" else "minute"
        )


def _number(value: Any, spec: str, language: str) -> str | None:
    """A number as people of the language write it; None where nothing is said of that."""
    if spec in (",", "n"):
        return formatting.number(value, language, exact=spec == "n")
    if found := _DECIMALS.fullmatch(spec):
        decimals = int(found[1])
        if found[2] == "%":
            return formatting.percent(value, language, decimals, fixed=True)
        return formatting.number(value, language, decimals=decimals)
    return None


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
