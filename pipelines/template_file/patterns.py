"""Texts that a regular expression matches, made from it."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from importlib import import_module
from typing import Any

from schemas.regex import RegexError, regex

# It has no types; `schemas.regex` reads patterns by it, too.
_parser: Any = import_module("re._parser")

_LONGEST = 300
_CLASSES = {
    _parser.CATEGORY_DIGIT: "1",
    _parser.CATEGORY_WORD: "A",
    _parser.CATEGORY_SPACE: " ",
    _parser.CATEGORY_NOT_DIGIT: "A",
    _parser.CATEGORY_NOT_WORD: "-",
    _parser.CATEGORY_NOT_SPACE: "A",
}
_LIKED = "A1a0bcXYZ23456789-_. /"
"""What stands in a made-up text, if the pattern leaves it open: the first that it allows."""


def matching(pattern: str, least: int = 0) -> Iterator[str]:
    """Texts that the pattern matches, of at least so many characters if it can be; nothing, if
    none is found."""
    for more in dict.fromkeys((0, least, 1)):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                text = _Maker(more, _LIKED).text(_parser.parse(pattern))
            if regex(pattern).search(text):
                yield text
        except (_NothingError, RegexError, RecursionError, OverflowError, ValueError):
            continue


class _NothingError(Exception):
    """No text is found."""


class _Maker:
    """Makes a text of a parsed pattern; what may be repeated is, up to a length that is wanted."""

    def __init__(self, wanted: int, liked: str) -> None:
        self._wanted, self._liked, self._size = wanted, liked, 0

    def text(self, tree: Iterable[tuple[Any, Any]]) -> str:
        """The text; raises _NothingError."""
        made = "".join(self._piece(op, value) for op, value in tree)
        if len(made) > _LONGEST:
            raise _NothingError
        return made

    def _piece(self, op: Any, value: Any) -> str:
        if op is _parser.LITERAL:
            return self._counted(chr(value))
        if op is _parser.NOT_LITERAL:
            return self._counted(next(each for each in self._liked if ord(each) != value))
        if op is _parser.ANY:
            return self._counted("A")
        if op is _parser.IN:
            return self._counted(self._one_of(value))
        if op is _parser.AT:
            return ""
        if op is _parser.BRANCH:
            return self.text(value[1][0])
        if op is _parser.SUBPATTERN:
            return self.text(value[3])
        if op in (_parser.MAX_REPEAT, _parser.MIN_REPEAT):
            return self._repeated(*value)
        raise _NothingError

    def _counted(self, char: str) -> str:
        self._size += 1
        return char

    def _repeated(self, low: int, high: Any, body: Any) -> str:
        if low > _LONGEST:
            raise _NothingError
        parts = [self.text(body) for _ in range(low)]
        most = _LONGEST if high is _parser.MAXREPEAT else min(high, _LONGEST)
        while len(parts) < most and self._size < self._wanted:
            before = self._size
            parts.append(self.text(body))
            if self._size == before:
                break
        return "".join(parts)

    def _one_of(self, items: list[tuple[Any, Any]]) -> str:
        is_negated = items[0][0] is _parser.NEGATE
        for char in self._liked:
            if any(_has(item, char) for item in items[is_negated:]) is not is_negated:
                return char
        if is_negated:
            raise _NothingError
        op, value = items[0]
        if op is _parser.CATEGORY:
            return _CLASSES[value]
        return chr(value if op is _parser.LITERAL else value[0])


def _has(item: tuple[Any, Any], char: str) -> bool:
    op, value = item
    if op is _parser.LITERAL:
        return bool(ord(char) == value)
    if op is _parser.RANGE:
        return bool(value[0] <= ord(char) <= value[1])
    kinds = {
        _parser.CATEGORY_DIGIT: char.isdigit(),
        _parser.CATEGORY_WORD: char.isalnum() or char == "_",
        _parser.CATEGORY_SPACE: char.isspace(),
        _parser.CATEGORY_NOT_DIGIT: not char.isdigit(),
        _parser.CATEGORY_NOT_WORD: not (char.isalnum() or char == "_"),
        _parser.CATEGORY_NOT_SPACE: not char.isspace(),
    }
    return kinds[value]
