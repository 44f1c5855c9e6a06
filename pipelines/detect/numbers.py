"""Numbers: whether a column's cells are numbers, and how they are written."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from schemas.dialect import Numbers

_SPACES = "\u00a0\u202f "
_SIGN = re.compile(r"[-+\u2212]")
_SYMBOL = re.compile(
    r"US\$|R\$|A\$|C\$|[$€£¥₹₽₺₩]|(?<![A-Za-z])(?:USD|EUR|GBP|CHF|JPY|CNY|CAD|AUD|BRL|MXN|INR|SEK|NOK"
    r"|DKK|PLN|CZK|HUF|zł|kr|Kč|Ft)(?![A-Za-z])"
)
# Simplest first: a style is taken when it reads every cell.
_STYLES = (
    (".", ""),
    (",", ""),
    (".", ","),
    (",", "."),
    (",", " "),
    (".", " "),
    (".", "'"),
    (",", "'"),
    (".", "’"),
)


@dataclass(frozen=True, slots=True)
class NumberStyle:
    """How a column writes its numbers, and what they need: `whole` and `scale` are the most digits
    before and after the point. `ambiguous` if `1,234` may be read in two ways."""

    numbers: Numbers
    whole: int
    scale: int
    exponent: bool
    ambiguous: bool


def find_numbers(cells: Sequence[str], *, prefer: str = ".") -> tuple[NumberStyle | None, int]:
    """The style that reads the most cells, and how many it reads; None if none reads any.

    `prefer` is the decimal sign to take where the cells leave it open.
    """
    bare = [_bare(cell) for cell in cells]
    best: tuple[int, str, str] = (0, "", "")
    same: set[str] = set()
    for decimal, thousands in _STYLES:
        pattern = _pattern(decimal, thousands)
        read = sum(1 for each in bare if each is not None and pattern.fullmatch(each.core))
        if read > best[0]:
            best, same = (read, decimal, thousands), {decimal}
        elif read == best[0] and read:
            same.add(decimal)
    read, decimal, thousands = best
    if not read:
        return None, 0
    pattern = _pattern(decimal, thousands)
    good = [each for each in bare if each is not None and pattern.fullmatch(each.core)]
    separated = [each for each in good if re.search(r"[.,]", each.core)]
    # 1,234 and 0,5 are told apart only if some cell is no group of three digits.
    open_ = bool(separated) and all(
        re.fullmatch(r"[1-9]\d{0,2}[.,]\d{3}", each.core) for each in separated
    )
    if open_:
        mark = "," if "," in separated[0].core else "."
        decimal, thousands = (prefer, "" if prefer == mark else mark)
    return _style(good, decimal, thousands, open_), read


@dataclass(frozen=True, slots=True)
class _Bare:
    core: str
    symbol: str
    percent: bool
    brackets: bool
    trailing: bool


def _bare(cell: str) -> _Bare | None:
    """A cell without sign, currency, percent and brackets; None if no digits are left."""
    text = cell.strip()
    brackets = len(text) > 2 and text[0] == "(" and text[-1] == ")"
    text = text[1:-1].strip() if brackets else text
    symbol = _SYMBOL.search(text)
    if symbol is not None:
        text = (text[: symbol.start()] + text[symbol.end() :]).strip(_SPACES)
    percent = text.endswith("%")
    text = text.removesuffix("%").strip(_SPACES)
    trailing = len(text) > 1 and text[-1] in "-\u2212"
    text = text[:-1].strip(_SPACES) if trailing else text
    if text and _SIGN.match(text):
        text = text[1:].strip(_SPACES)
    if not text or not text[0].isascii() or not (text[0].isdigit() or text[0] in ".,"):
        return None
    core = re.sub(f"[{_SPACES}]", " ", text)
    return _Bare(core, symbol[0] if symbol else "", percent, brackets, trailing)


def _pattern(decimal: str, thousands: str) -> re.Pattern[str]:
    point = re.escape(decimal)
    if thousands:
        group = re.escape(thousands)
        whole = rf"(?:\d{{1,3}}(?:{group}\d{{3}})+|\d+)"
    else:
        whole = r"\d+"
    return re.compile(rf"(?:{whole}(?:{point}\d*)?|{point}\d+)(?:[eE][+-]?\d+)?")


def _style(good: Sequence[_Bare], decimal: str, thousands: str, open_: bool) -> NumberStyle:
    whole = scale = 0
    exponent = False
    for each in good:
        mantissa, e, _ = each.core.replace(thousands or "\0", "").lower().partition("e")
        before, _, after = mantissa.partition(decimal)
        whole, scale = max(whole, len(before)), max(scale, len(after))
        exponent = exponent or bool(e)
    symbols = tuple(sorted({each.symbol for each in good if each.symbol}))
    numbers = Numbers(
        decimal=decimal,
        thousands=thousands,
        symbols=symbols,
        percent=any(each.percent for each in good),
        brackets=any(each.brackets for each in good),
        trailing_minus=any(each.trailing for each in good),
    )
    return NumberStyle(numbers, whole, scale, exponent, open_)
