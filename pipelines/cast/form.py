"""Forms of dates and times: a strptime format as one expression that Arrow runs over a column.

Stricter than strptime where that would guess: two numbers that touch have all their digits, a day
of the week must be the date's own, and nothing is left over.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from pipelines.cast.months import day_names, half_names, month_names

_DIGITS = {"Y": (4, 4), "m": (1, 2), "d": (1, 2), "H": (1, 2), "I": (1, 2), "M": (1, 2),
           "S": (1, 2), "y": (2, 2), "f": (1, 6), "j": (1, 3)}  # fmt: skip
ZONE = r"Z|z| ?UTC| ?GMT|[+-][0-9]{2}:?(?:[0-9]{2})?"
_BLANKS = r"[ \t\x{A0}\x{2009}\x{202F}]+"
ISO_DATE = r"(?P<Y>[0-9]{4})-(?P<m>[0-9]{2})-(?P<d>[0-9]{2})"
ISO_TIME = r"(?P<H>[0-9]{2}):(?P<M>[0-9]{2})(?::(?P<S>[0-9]{2})(?:\.(?P<f>[0-9]{1,6})0*)?)?"
ISO_ZONE = r"(?P<z>Z| ?UTC| ?GMT|[+-][0-9]{2}(?::?[0-9]{2})?)?"


@dataclass(frozen=True, slots=True)
class Form:
    """An (RE2) expression whose named groups are strptime's letters, and what the words in it
    mean by group.

    `fixed` is the same as pieces of fixed width, if every cell has all its digits: a letter and its
    width, or a literal and 0. A zone may end it. Two-digit years up to `pivot` are of this century.
    """

    pattern: str
    words: Mapping[str, Mapping[str, int]]
    fixed: tuple[tuple[str, int], ...] = ()
    pivot: int = 68


@cache
def form_of(text: str, locale: str) -> Form:
    """The form of a strptime format; raises ValueError for a directive that is not read."""
    out: list[str] = []
    words: dict[str, Mapping[str, int]] = {}
    pieces = re.findall(r"%.|\s+|[^%\s]", text, re.DOTALL)
    for index, piece in enumerate(pieces):
        letter = piece[1:] if piece.startswith("%") and len(piece) == 2 else ""
        if piece == "%%":
            out.append("%")
        elif letter in _DIGITS:
            out.append(f"(?P<{letter}>[0-9]{{{_least(pieces, index, letter)}}})")
            # Oracle and others write nine digits, of which a microsecond needs six.
            out.append("0{0,3}" if letter == "f" else "")
        elif letter == "z":
            out.append(f"(?P<z>{ZONE})")
        elif letter in ("b", "B", "a", "A", "p"):
            group = letter.lower()
            words[group] = _words(group, locale)
            out.append(f"(?P<{group}>{_either(words[group])})")
        elif letter:
            raise ValueError(f'"%{letter}" is not read in formats of dates and times')
        else:
            out.append(_BLANKS if piece.isspace() else re.escape(piece))
    return Form(f"(?i)^{''.join(out)}$", words, _fixed(pieces))


def _fixed(pieces: list[str]) -> tuple[tuple[str, int], ...]:
    """The pieces with their widths; none if one of them has no fixed width."""
    fixed = []
    for index, piece in enumerate(pieces):
        last = index == len(pieces) - 1
        if len(piece) == 2 and piece[1] in _DIGITS and piece[1] != "f":
            fixed.append((piece[1], _DIGITS[piece[1]][1]))
        elif piece == "%z" and last:
            fixed.append(("z", 0))
        elif len(piece) == 1 and piece.isascii() and not piece.isalpha():
            fixed.append((piece, 0))
        else:
            return ()
    return tuple(fixed)


def _least(pieces: list[str], index: int, letter: str) -> str:
    """How many digits a number has: all that it can have, if another number touches it."""
    low, high = _DIGITS[letter]
    near = [*pieces[max(index - 1, 0) : index], *pieces[index + 1 : index + 2]]
    touches = any(piece[1:] in _DIGITS or piece.isdigit() for piece in near)
    return f"{high if touches and letter != 'f' else low},{high}"


def _words(group: str, locale: str) -> Mapping[str, int]:
    match group:
        case "b":
            return month_names(locale)
        case "a":
            return day_names(locale)
        case _:
            return half_names(locale)


def _either(words: Mapping[str, int]) -> str:
    """The words, the longest first, with or without the dots and blanks of abbreviations."""
    longest = sorted(words, key=len, reverse=True)
    dotted = [_dotted(word) if len(word) == 2 else re.escape(word) for word in longest]
    return rf"(?:{'|'.join(dotted)})\.?"


def _dotted(word: str) -> str:
    """`am` as `a. m` too."""
    return rf"{re.escape(word[0])}\.?{_BLANKS[:-1]}*{re.escape(word[1])}"
