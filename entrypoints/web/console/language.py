"""The language of a page: sentences from the one catalogue, in the language of the request."""

from __future__ import annotations

from django.utils.translation import get_language

from schemas.key import Role
from schemas.language import LANGUAGES, Sentence, render, translate, translate_count

SPOKEN = {
    "en": "English",
    "es": "Español",
    "de": "Deutsch",
    "fr": "Français",
    "pt": "Português",
}
"""The languages in which the console is shown, each by its own name."""


def language() -> str:
    """The language of the request that is answered now."""
    found = (get_language() or "en").split("-")[0]
    return found if found in LANGUAGES else "en"


def say(template: str, **values: object) -> Sentence:
    """The sentence of that English template, in the language of the request."""
    return translate(template, language(), **values)


def say_count(count: int, one: str, several: str, **values: object) -> Sentence:
    """`one` or `several`, as the number `count` wants it; both may name it."""
    return translate_count(count, one, several, language(), **values)


def said(text: str | None) -> str:
    """A sentence that was kept, in the language of the request; any other text as it stands."""
    return "" if text is None else render(text, language())


def role_name(role: str) -> str:
    """What a role is called."""
    names = {
        Role.VIEWER: say("Viewer"),
        Role.OPERATOR: say("Operator"),
        Role.STEWARD: say("Steward"),
        Role.ADMIN: say("Admin"),
    }
    return names[Role(role)]
