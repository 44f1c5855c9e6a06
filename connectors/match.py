"""Matching names against a feed's glob: `**` crosses folders, `*`, `?` and `[…]` do not."""

from __future__ import annotations

import glob
import re
from functools import lru_cache

from schemas.regex import linear

OUR_SUFFIXES = (".receipt.json", ".receipt.txt", ".rejected.csv")
"""What our own answers end with; a source never lists them."""

_SET = re.compile(r"\[!?\]?[^\]/]*\]")
_PLACE = "\ue000"


class Glob:
    """A glob that is matched in linear time, whatever the keys are."""

    def __init__(self, expression: str) -> None:
        self._compiled = linear(expression)

    def match(self, key: str) -> object | None:
        """What is true if the whole key is as the glob says; None if it is not."""
        found: object | None = self._compiled.fullmatch(key.encode("utf-8", "replace"))
        return found


@lru_cache(maxsize=256)
def compile_match(pattern: str, *, ignore_case: bool = False) -> Glob:
    """The glob, made once; it matches whole keys, whose folders end in `/`."""
    # glob.translate lets a set such as [!a] match a slash, so sets are put in afterwards:
    # https://github.com/python/cpython/issues/130942
    sets = _SET.findall(pattern)
    expression = glob.translate(
        _SET.sub(_PLACE, pattern), recursive=True, include_hidden=True, seps="/"
    ).removesuffix(r"\Z")
    for each in sets:
        expression = expression.replace(_PLACE, _one_of(each), 1)
    return Glob(f"(?i){expression}" if ignore_case else expression)


def _one_of(text: str) -> str:
    """A set as a class of characters, which has no slash."""
    body = text[1:-1]
    is_negated, body = body.startswith("!"), body.removeprefix("!")
    if not body:
        return re.escape(text)
    ranges: list[tuple[str, str]] = []
    while body:
        is_range = len(body) > 2 and body[1] == "-"
        ranges.append((body[0], body[2] if is_range else body[0]))
        body = body[3 if is_range else 1 :]
    if is_negated:
        ranges.append(("/", "/"))
    else:
        ranges = [
            part for low, high in ranges for part in ((low, min(high, ".")), (max(low, "0"), high))
        ]
    inside = "".join(
        f"\\x{{{ord(low):x}}}-\\x{{{ord(high):x}}}" for low, high in ranges if low <= high
    )
    if not inside:
        return r"[^\x00-\x{10ffff}]"
    return f"[^{inside}]" if is_negated else f"[{inside}]"


def static_prefix(pattern: str) -> str:
    """The part of a glob before its first wildcard: every match starts with it."""
    return re.split(r"[*?\[]", pattern, maxsplit=1)[0]


def is_ours(key: str) -> bool:
    """Whether a key names one of our own answers."""
    return key.endswith(OUR_SUFFIXES)
