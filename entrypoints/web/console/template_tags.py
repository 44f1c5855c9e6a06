"""Tags for the pages of allauth: the same sentences as everywhere."""

from __future__ import annotations

from django import template

from entrypoints.web.console.language import SPOKEN, language, say
from entrypoints.web.console.times import time_tag

register = template.Library()
register.simple_tag(say, name="say")
register.simple_tag(language, name="our_language")
register.simple_tag(time_tag, name="when")


@register.simple_tag
def languages() -> list[tuple[str, str]]:
    """The languages in which the console is shown."""
    return list(SPOKEN.items())
