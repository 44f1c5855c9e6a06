"""Matching names against a feed's glob: `**` crosses folders, `*`, `?` and `[…]` do not."""

from __future__ import annotations

import fnmatch
import glob
import re
from functools import lru_cache

OUR_SUFFIXES = (".receipt.json", ".receipt.txt", ".rejected.csv")
"""What our own answers end with; a source never lists them."""

_SET = re.compile(r"\[!?\]?[^\]/]*\]")
_PLACE = "\ue000"


@lru_cache(maxsize=256)
def compile_match(pattern: str, *, ignore_case: bool = False) -> re.Pattern[str]:
    """The glob as a regular expression that matches whole keys, whose folders end in `/`."""
    # glob.translate lets a set such as [!a] match a slash, so sets are put in afterwards:
    # https://github.com/python/cpython/issues/130942
    sets = _SET.findall(pattern)
    expression = glob.translate(
        _SET.sub(_PLACE, pattern), recursive=True, include_hidden=True, seps="/"
    )
    for each in sets:
        translated = fnmatch.translate(each).removeprefix("(?s:").removesuffix(r")\Z")
        expression = expression.replace(_PLACE, f"(?!/){translated}", 1)
    return re.compile(expression, re.IGNORECASE if ignore_case else 0)


def static_prefix(pattern: str) -> str:
    """The part of a glob before its first wildcard: every match starts with it."""
    return re.split(r"[*?\[]", pattern, maxsplit=1)[0]


def is_ours(key: str) -> bool:
    """Whether a key names one of our own answers."""
    return key.endswith(OUR_SUFFIXES)
