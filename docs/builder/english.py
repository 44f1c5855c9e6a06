"""Plain English in the pages: no jargon of ours, no endless sentence.

`vale` would do this, but its packages fetch a program from elsewhere when they are first used.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from docs.builder.links import ROOT, blanked, pages

MOST_WORDS = 35

SAY: Mapping[str, str] = {
    r"blam(?:e|es|ed|ing)": "violation, or: reject",
    r"vouch(?:|es|ed|ing)": "prove, or: speak for",
    r"judg(?:e|es|ed|ing)": "check",
    r"governor": "quota",
    r"troubles?": "condition, or: alert",
    r"tall(?:y|ies)": "statistics of a column",
    r"arrivals": "calendar of expected files",
    r"likeness": "similarity",
    r"deeds?": "act",
    r"tellings?": "message",
    r"untold": "not delivered",
    r"mend(?:|s|ed|ing)": "fix, or: correct",
    r"let in by itself": "accepted without a person",
    r"beneath": "under, or: replaced by",
    r"thereof|whereupon|wherein|hitherto|lest|nought|behold": "a word of today",
    r"of yore|for want of": "words of today",
    r"reckon(?:|s|ed|ing)": "calculate",
    r"in stead|in its stead|in their stead": "instead",
}
"""Words of our own and of another age, as regular expressions, and what to write instead."""

_END = re.compile(r"(?<=[.!?:;])[\"')\]]*\s+(?=[\"'(\[]?[A-Z0-9`*])|(?<=[.!?])$")


def checked_pages() -> list[str]:
    """The pages that are checked: all but those in other languages."""
    return [each for each in pages() if not each.startswith("docs/es/")]


def _paragraphs(page: str) -> Iterator[tuple[int, str]]:
    """Each paragraph, list item, heading and cell of a table, with its line."""
    text = (ROOT / page).read_text(encoding="utf-8")
    line, parts = 0, list[str]()
    for number, raw in enumerate([*_prose(text).splitlines(), ""], start=1):
        stripped = raw.strip()
        begins = re.match(r"(?:[-*+]|\d+\.|#{1,6}|>) +|\|", stripped)
        if (not stripped or begins) and parts:
            yield line, " ".join(parts)
            parts = []
        if stripped.startswith("|"):
            for cell in stripped.strip("|").split("|"):
                yield number, cell.strip()
        elif stripped:
            line = number if not parts else line
            parts.append(stripped[begins.end() :] if begins else stripped)


def _prose(text: str) -> str:
    """The text without code, comments and addresses: inline code, or an option of a command, is
    one word, with which a sentence may begin; a link is its text."""
    text = re.sub(r"(?<!`)`[^`\n]+`(?!`)|(?<!\S)--[a-z][a-z-]+", "Code", text)
    return re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", blanked(text))


def faults(page: str) -> Iterator[str]:
    """What to write otherwise, each with its line."""
    for line, paragraph in _paragraphs(page):
        for pattern, instead in SAY.items():
            for found in re.finditer(rf"\b(?:{pattern})\b", paragraph, re.IGNORECASE):
                yield f'{page}:{line}: "{found[0]}": say {instead}'
        for sentence in _END.split(paragraph):
            words = re.findall(r"[\w'’-]+", sentence)
            if len(words) > MOST_WORDS:
                yield f"{page}:{line}: a sentence of {len(words)} words: {sentence[:60]}…"
