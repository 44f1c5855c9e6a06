"""Regular expressions over what others send: read as Python's, run by RE2 in linear time.

Python's own engine tries every way in which a text could match, which a text can be made for. RE2
(https://github.com/google/re2/wiki/Syntax) does not, and so has no lookaround and no
backreferences. Its `\\d`, `\\w` and `\\s` know ASCII only, and its `$` no line end before the end
of the text, so that an expression is taken apart and written anew for it.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from functools import lru_cache
from importlib import import_module
from typing import Any

import re2

# It has no types; Python's own parser is what tells how it reads a pattern.
_parser: Any = import_module("re._parser")

_DIGIT, _WORD, _SPACE = r"\p{Nd}", r"\p{L}\p{N}_", r"\t-\r\x1c-\x20\x85\p{Z}"
_CLASSES = {
    _parser.CATEGORY_DIGIT: _DIGIT,
    _parser.CATEGORY_WORD: _WORD,
    _parser.CATEGORY_SPACE: _SPACE,
}
_NOT_CLASSES = {
    _parser.CATEGORY_NOT_DIGIT: r"\P{Nd}",
    _parser.CATEGORY_NOT_WORD: f"[^{_WORD}]",
    _parser.CATEGORY_NOT_SPACE: f"[^{_SPACE}]",
}
_PLACES = {
    _parser.AT_BEGINNING_STRING: r"\A",
    _parser.AT_END_STRING: r"\z",
    _parser.AT_BOUNDARY: r"\b",
    _parser.AT_NON_BOUNDARY: r"\B",
}
_NO_MORE_THAN = 1000
"""RE2 repeats a piece no more often."""


class RegexError(ValueError):
    """An expression that is none, or that cannot be run in linear time; says what to do."""


class Regex:
    """An expression that is run over data."""

    def __init__(self, pattern: str, *, ignore_case: bool = False) -> None:
        """Raises RegexError."""
        self.pattern = pattern
        flags = re.IGNORECASE if ignore_case else 0
        self._somewhere = _compiled(_translated(pattern, flags, r"(?:\n?\z)"))
        self._whole = _compiled(_translated(pattern, flags, r"\z"))

    def search(self, text: str) -> bool:
        """Whether the text has it anywhere."""
        return self._somewhere.search(_bytes(text)) is not None

    def fullmatch(self, text: str) -> bool:
        """Whether it is the whole text."""
        return self._whole.fullmatch(_bytes(text)) is not None


@lru_cache(maxsize=512)
def regex(pattern: str, *, ignore_case: bool = False) -> Regex:
    """The expression, made once; raises RegexError."""
    return Regex(pattern, ignore_case=ignore_case)


def fault_of(pattern: str, *, also_as_written: bool = False) -> str | None:
    """Why an expression is not read, in a sentence; None if it is. Arrow, which runs some over
    whole columns, takes them as they are written."""
    try:
        regex(pattern)
        if also_as_written:
            linear(pattern)
    except RegexError as error:
        return str(error)
    return None


def linear(expression: str) -> Any:
    """An expression in RE2's own words, compiled."""
    return _compiled(expression)


def _bytes(text: str) -> bytes:
    # What is no Unicode (half a surrogate pair) is a question mark here, and matches as one.
    return text.encode("utf-8", "replace")


def _compiled(expression: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    try:
        return re2.compile(expression.encode("utf-8", "replace"), options)
    except re2.error as error:
        said = error.args[0] if error.args else error
        said = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
        raise RegexError(f"RE2 cannot run it: {said}") from error


def _translated(pattern: str, flags: int, end: str) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            tree = _parser.parse(pattern, flags)
            return _Writer(tree.state.flags, end).written(tree)
        except (re.error, OverflowError) as error:
            raise RegexError(f"it is not a regular expression: {error}") from error
        except RecursionError:
            raise RegexError("it nests too deeply") from None


class _Writer:
    """Writes a parsed expression in RE2's words, under some flags."""

    def __init__(self, flags: int, end: str) -> None:
        self._flags, self._end = flags, end

    def written(self, tree: Iterable[tuple[Any, Any]]) -> str:
        """The expression; raises RegexError for what RE2 has not."""
        inner = "".join(self._piece(op, value) for op, value in tree)
        return f"(?i:{inner})" if self._flags & re.IGNORECASE else inner

    def _piece(self, op: Any, value: Any) -> str:
        if op is _parser.LITERAL:
            return _char(value)
        if op is _parser.NOT_LITERAL:
            return f"[^{_char(value)}]"
        if op is _parser.ANY:
            return r"(?s:.)" if self._flags & re.DOTALL else r"[^\n]"
        if op is _parser.IN:
            return self._set(value)
        if op is _parser.AT:
            return self._place(value)
        if op is _parser.BRANCH:
            return f"(?:{'|'.join(self.written(each) for each in value[1])})"
        if op is _parser.SUBPATTERN:
            _, added, removed, body = value
            return f"(?:{_Writer((self._flags | added) & ~removed, self._end).written(body)})"
        if op in (_parser.MAX_REPEAT, _parser.MIN_REPEAT):
            return self._repeat(*value) + ("?" if op is _parser.MIN_REPEAT else "")
        raise RegexError(
            f"{_NAMES.get(op, 'a part of it')} cannot be run in linear time: write it without"
        )

    def _repeat(self, low: int, high: Any, body: Any) -> str:
        often = "" if high is _parser.MAXREPEAT else str(high)
        if max(low, 0 if high is _parser.MAXREPEAT else high) > _NO_MORE_THAN:
            raise RegexError(f"it repeats more than {_NO_MORE_THAN:,} times: check lengths instead")
        return f"(?:{self.written(body)}){{{low},{often}}}"

    def _set(self, items: list[tuple[Any, Any]]) -> str:
        is_negated = items[0][0] is _parser.NEGATE
        inside, beside = "", []
        for op, value in items[is_negated:]:
            if op is _parser.LITERAL:
                inside += _char(value)
            elif op is _parser.RANGE:
                inside += f"{_char(value[0])}-{_char(value[1])}"
            elif self._flags & re.ASCII:
                inside += _ASCII[value]
            elif value in _CLASSES:
                inside += _CLASSES[value]
            else:
                beside.append(_NOT_CLASSES[value])
        if is_negated and beside:
            raise RegexError(r"a set such as [^\W] is not read: write [\w]")
        if is_negated:
            return f"[^{inside}]"
        choices = ([f"[{inside}]"] if inside else []) + beside
        return choices[0] if len(choices) == 1 else f"(?:{'|'.join(choices)})"

    def _place(self, where: Any) -> str:
        lines = self._flags & re.MULTILINE
        if where is _parser.AT_BEGINNING:
            return "(?m:^)" if lines else r"\A"
        if where is _parser.AT_END:
            return "(?m:$)" if lines else self._end
        return _PLACES[where]


_ASCII = {
    _parser.CATEGORY_DIGIT: r"\d",
    _parser.CATEGORY_NOT_DIGIT: r"\D",
    _parser.CATEGORY_WORD: r"\w",
    _parser.CATEGORY_NOT_WORD: r"\W",
    _parser.CATEGORY_SPACE: r"\t-\r ",
    _parser.CATEGORY_NOT_SPACE: r"\x00-\x08\x0e-\x1f!-\x{10ffff}",
}
_NAMES = {
    _parser.ASSERT: "lookaround",
    _parser.ASSERT_NOT: "lookaround",
    _parser.GROUPREF: "a backreference",
    _parser.GROUPREF_EXISTS: "a condition on a group",
    _parser.ATOMIC_GROUP: "an atomic group",
    _parser.POSSESSIVE_REPEAT: "a possessive repetition",
}


def _char(code: int) -> str:
    return rf"\x{{{code:x}}}"
