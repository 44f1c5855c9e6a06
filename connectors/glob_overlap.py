"""Overlapping globs: whether two of them match the same key, shown by one that both do."""

from __future__ import annotations

import re
from functools import lru_cache

_PART = re.compile(r"\*+|\?|\[!?\]?[^\]/]*\]|.", re.DOTALL)
_MOST_FOLDERS = 4


def common_key(one: str, other: str) -> str | None:
    """A key that both globs should match; None if there is none. Sets of characters are taken to
    have some in common, so whoever asks tries the key."""
    for first in _without_folders(one):
        for second in _without_folders(other):
            found = _Walk(tuple(_PART.findall(first)), tuple(_PART.findall(second))).key(0, 0)
            if found is not None:
                return found
    return None


def _without_folders(pattern: str) -> list[str]:
    """The glob with each `**/` as some folder, and as none."""
    found = [""]
    for number, part in enumerate(pattern.split("**/")):
        if number == 0:
            found = [part]
        elif number > _MOST_FOLDERS:
            found = [f"{each}**/{part}" for each in found]
        else:
            found = [f"{each}{folder}{part}" for each in found for folder in ("", "**/")]
    return found


class _Walk:
    """Two globs walked side by side; each pair of places is looked at once."""

    def __init__(self, one: tuple[str, ...], other: tuple[str, ...]) -> None:
        self._one, self._other = one, other
        self.key = lru_cache(maxsize=None)(self._key)

    def _key(self, at: int, beside: int) -> str | None:
        """The rest of a key that both match from here on."""
        one, other = self._one[at : at + 1], self._other[beside : beside + 1]
        if not one and not other:
            return ""
        ways: list[tuple[str, int, int]] = []
        if one and other:
            letter = _common(one[0], other[0])
            if letter is not None:
                ways.append((letter, at + (not _is_many(one[0])), beside + 1))
                ways.append((letter, at + 1, beside + (not _is_many(other[0]))))
        if one and _is_many(one[0]):
            ways.append(("", at + 1, beside))
        if other and _is_many(other[0]):
            ways.append(("", at, beside + 1))
        for letter, next_at, next_beside in ways:
            rest = self.key(next_at, next_beside)
            if rest is not None:
                return letter + rest
        return None


def _is_many(part: str) -> bool:
    return part.startswith("*")


def _common(one: str, other: str) -> str | None:
    """A character that both parts match."""
    if len(one) == 1 and one not in "*?":
        if len(other) == 1 and other not in "*?":
            return one if one == other else None
        if other.startswith("[") and len(other) > 1:
            return one if re.fullmatch(_class(other), one) else None
        return one if one != "/" or len(other) > 1 else None
    if len(other) == 1 and other not in "*?":
        return _common(other, one)
    for each in (one, other):
        if each.startswith("[") and len(each) > 1:
            return next((c for c in "x0aA1_-9Zz" if re.fullmatch(_class(each), c)), None)
    return "x"


def _class(part: str) -> str:
    body = part[1:-1]
    negated, body = ("^", body[1:]) if body.startswith("!") else ("", body)
    return f"[{negated}{body.replace(chr(92), chr(92) * 2).replace('[', chr(92) + '[')}]"
