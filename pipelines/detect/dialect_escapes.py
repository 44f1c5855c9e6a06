"""Escapes: which character takes a quote its meaning in a sample of text."""

from __future__ import annotations

import re
from functools import lru_cache


def escapes(sample: str, quote: str, delimiter: str) -> list[str]:
    """The characters that may escape a quote in the sample; first "", which is none."""
    # MySQL writes so even without quotes: a NULL, and a tab, a line end or a backslash in a cell.
    mysql = re.search(r"\\[\t\n\\]", sample) and re.search(
        r"(?:^|[\t,;|\n])\\N(?:[\t,;|\r\n]|$)", sample
    )
    marks = ["\\", "\0"] if quote else []
    found = [each for each in marks if _may_escape(sample, each, quote, delimiter)]
    return ["", *(["\\"] if mysql and "\\" not in found else []), *found]


def _may_escape(sample: str, escape: str, quote: str, delimiter: str) -> bool:
    """Whether quotes behind the escape are rather parts of cells than what a quote behind any other
    character is. Where a cell ends in that very character and a quote, as in `"0\\""\"`, to escape
    the first of its quotes would tear it."""
    if escape + quote not in sample:
        return False
    return _torn(sample, escape, quote, delimiter) <= _torn(sample, "", quote, delimiter)


@lru_cache(maxsize=64)
def _torn(sample: str, escape: str, quote: str, delimiter: str) -> int:
    """How many cells have a quote where it can mean nothing: behind the one that ends them, or
    within a cell that did not begin with one."""
    q, edge = re.escape(quote), re.escape(delimiter)
    ends = rf"(?={edge}|[\r\n]|\Z)"
    inner = rf"[^{q}{re.escape(escape)}]|{re.escape(escape)}." if escape else f"[^{q}]|{q}{q}"
    rest = rf"(?:(?!{edge})[^\r\n])*+"
    cell = re.compile(
        rf"(?:\A|(?<=[\r\n])|{edge} ?)(?:{q}(?:{inner})*+{q}{ends}|({rest}))", re.DOTALL
    )
    return sum(1 for found in cell.finditer(sample) if quote in (found[1] or ""))
