"""The environment of the console's own templates (Jinja2)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

import jinja2
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse

from entrypoints.web.console.language import SPOKEN, language, role_name, said, say, say_count
from entrypoints.web.console.times import day_text, time_tag
from entrypoints.web.console.work_words import work_name, work_state
from pipelines.operations.masking import HIDDEN
from pipelines.rejects.rule_names import rule_name
from schemas import formatting
from schemas.language import moment_said, printable


def environment(**options: Any) -> jinja2.Environment:
    """The environment: everything is escaped, and a name that is not there is an error."""
    options |= {"autoescape": True, "undefined": jinja2.StrictUndefined}
    made = jinja2.Environment(**options)  # noqa: S701 -- it is on
    made.trim_blocks = made.lstrip_blocks = True
    made.globals |= {
        "say": say,
        "say_count": say_count,
        "said": said,
        "role_name": role_name,
        "rule_name": rule_name,
        "hidden": HIDDEN,
        "language": language,
        "moment": moment_said,
        "work_name": work_name,
        "work_state": work_state,
        "languages": SPOKEN,
        "static": static,
        "url": _url,
        "nonce": _nonce,
        "asked": _asked,
        "percent": _percent,
    }
    made.filters |= {"time": time_tag, "day": day_text, "number": _number, "plain": printable}
    return made


def _url(name: str, *args: object, **query: object) -> str:
    """The address of a screen."""
    path = _path(name, *args)
    return f"{path}?{urlencode(query)}" if query else path


@lru_cache(maxsize=4096)
def _path(name: str, *args: object) -> str:
    return reverse(name, args=args)


def _asked(query: Mapping[str, object], **changes: object) -> str:
    """The query of the page, with changes; what is None or empty is left out."""
    kept = {name: str(value) for name, value in {**query, **changes}.items() if value}
    return "?" + urlencode(kept)


def _nonce(request: HttpRequest) -> str:
    """What the page's scripts must show."""
    from django.middleware.csp import get_nonce

    return str(get_nonce(request))


def _number(value: int | float | None) -> str:
    """A number as people of the language write it; a dash for none."""
    if isinstance(value, int) and 0 <= value < 1000:
        return str(value)  # every language writes it so, and most numbers of a page are such
    return "–" if value is None else formatting.number(value, language())


def _percent(share: float) -> str:
    """A share of a whole; never 100 % where something is missing."""
    cut = int(share * 1000) / 1000
    return formatting.percent(cut, language(), 1)
