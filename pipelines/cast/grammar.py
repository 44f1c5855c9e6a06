"""The grammar of written numbers, as regular expressions that Arrow runs over whole columns."""

from __future__ import annotations

import re
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.cast.cells import made_of
from pipelines.cast.fault import flags
from schemas.dialect import Numbers

# A blank between groups or before a unit: space, no-break, thin and narrow no-break space.
_BLANK = r"[ \x{A0}\x{2009}\x{202F}]"
_MINUS = r"[-\x{2212}]"
_SIGN = r"[-+\x{2212}]"
# What may be part of the number itself.
_PART = frozenset("0123456789-+\u2212()%eE")
_UNBLANK = np.array([0x20 < byte < 0x80 for byte in range(256)])


@cache
def grammar_of(numbers: Numbers, exponent: bool) -> str:
    """The (RE2) expression of all numbers in the declared style.

    Separators must stand at groups of three, and there is at most one sign and one unit.
    """
    point = re.escape(numbers.decimal)
    digits = r"[0-9]+"
    if numbers.thousands:
        digits = rf"(?:[0-9]+|[1-9][0-9]{{0,2}}(?:{_separator(numbers)}[0-9]{{3}})+)"
    number = rf"(?:{digits}(?:{point}[0-9]*)?|{point}[0-9]+)"
    if exponent:
        number += r"(?:[eE][+-]?[0-9]+)?"
    if numbers.percent:
        number += rf"(?:{_BLANK}*%)?"
    forms = [rf"{_SIGN}?{number}"]
    unsigned = [number]
    if numbers.symbols:
        unit = _units(numbers)
        unsigned += [rf"{unit}{_BLANK}*{number}", rf"{number}{_BLANK}*{unit}"]
        forms += [
            rf"{_SIGN}?{unit}{_BLANK}*{number}",
            rf"{unit}{_BLANK}*{_SIGN}{number}",
            rf"{_SIGN}?{number}{_BLANK}*{unit}",
        ]
    if numbers.brackets:
        forms += [rf"\({each}\)" for each in unsigned]
        if numbers.symbols:
            unit = _units(numbers)
            forms += [rf"{unit}{_BLANK}*\({number}\)", rf"\({number}\){_BLANK}*{unit}"]
    if numbers.trailing_minus:
        forms += [rf"{each}{_MINUS}" for each in unsigned]
        if numbers.symbols:
            forms.append(rf"{number}{_MINUS}{_BLANK}*{_units(numbers)}")
    return rf"^(?:{'|'.join(forms)})$"


def plain_text(cells: pa.Array, numbers: Numbers) -> pa.Array:
    """Cells that fit the grammar, in the spelling of plain numbers: `-1234.5`, with `%` or an
    exponent at their end if they have one."""
    cells = _without_units(cells, numbers)
    if any(_any_has(cells, sign) for sign in "+-(\u2212"):
        below = pc.match_substring_regex(cells, rf"^{_BLANK}*{_MINUS}|{_MINUS}{_BLANK}*$|\(")
        cells = pc.replace_substring_regex(cells, rf"^{_BLANK}*{_SIGN}|{_MINUS}{_BLANK}*$|[()]", "")
        signs = pc.if_else(below, "-", "")
        cells = pc.binary_join_element_wise(signs, cells, "")
    if not made_of(cells, _UNBLANK):
        cells = pc.replace_substring_regex(cells, _BLANK, "")
    if numbers.thousands == "'":
        cells = pc.replace_substring_regex(cells, _separator(numbers), "")
    elif numbers.thousands:
        cells = pc.replace_substring(cells, numbers.thousands, "")
    if numbers.decimal != ".":
        cells = pc.replace_substring(cells, numbers.decimal, ".")
    if _any_has(cells, ".%") or flags(pc.match_substring_regex(cells, r"\.([eE]|$)")).any():
        cells = pc.replace_substring_regex(cells, r"\.([%eE]|$)", r"\1")
    return cells


def _without_units(cells: pa.Array, numbers: Numbers) -> pa.Array:
    if not numbers.symbols:
        return cells
    for symbol in sorted(numbers.symbols, key=len, reverse=True):
        if _PART.isdisjoint(symbol) and numbers.decimal not in symbol:
            cells = pc.replace_substring(cells, symbol, "")
    unit = _units(numbers)
    if all(_PART.isdisjoint(each) and numbers.decimal not in each for each in numbers.symbols):
        return cells
    cells = pc.replace_substring_regex(cells, rf"^([-+(\x{{2212}}]?){unit}", r"\1")
    return pc.replace_substring_regex(cells, rf"(?:{unit})([-\x{{2212}})]?)$", r"\1")


def _any_has(cells: pa.Array, text: str) -> bool:
    return bool(flags(pc.match_substring(cells, text)).any())


def _units(numbers: Numbers) -> str:
    longest = sorted(numbers.symbols, key=len, reverse=True)
    return rf"(?:{'|'.join(map(re.escape, longest))})"


def _separator(numbers: Numbers) -> str:
    match numbers.thousands:
        case " " | "\u00a0" | "\u2009" | "\u202f":
            return _BLANK
        case "'" | "\u2019":
            return r"['\x{2019}]"
        case sign:
            return re.escape(sign)
