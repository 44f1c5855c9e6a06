"""Numbers as they are written: decimal signs, thousands, units, percent, brackets, minus signs.

What a plain number is, Arrow reads at once. The rest is matched against the grammar of the declared
style and brought into plain spelling as text, so that nothing is ever rounded.
"""

from __future__ import annotations

from decimal import Decimal
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.cast.cells import bytes_at, bytes_of, made_of, without
from pipelines.cast.fault import Cast, Mask, fault, flags
from pipelines.cast.grammar import grammar_of, plain_text
from pipelines.cast.plain import apart, usual_number
from schemas.arrow import arrow_type
from schemas.contract import Column, Type
from schemas.dialect import Numbers

_ZERO, _MINUS = ord("0"), ord("-")
_WORDS = r"(?i)^(nan|[+-]?inf(inity)?)$"
_LONGEST_EXPONENT = 5
_PLAIN = Numbers()


def cast_numbers(cells: pa.Array, column: Column, numbers: Numbers, *, native: bool) -> Cast:
    """The cells as numbers of the column's type; what would have to be rounded is bad.

    `native` cells come from a format with numbers of its own, and may have an exponent.
    """
    values = _at_once(cells, column, numbers)
    if values is not None:
        return values, []

    def one_by_one(some: pa.Array) -> Cast:
        encoded = some.dictionary_encode()
        values, faults = _by_grammar(encoded.dictionary, column, numbers, native)
        return values.take(encoded.indices), [each.spread(encoded) for each in faults]

    if numbers.decimal != ".":
        return one_by_one(cells)
    return apart(
        cells,
        _plain_bytes(True, False),
        usual_number(column),
        lambda some: _at_once(some, column, numbers),
        one_by_one,
    )


def _at_once(cells: pa.Array, column: Column, numbers: Numbers) -> pa.Array | None:
    """All cells by Arrow's own cast; None unless each of them is certainly a plain number."""
    if not made_of(cells, _plain_bytes(numbers.decimal == ".", column.type is Type.FLOAT64)):
        return None
    if not numbers.leading_zeros and _has_leading_zeros(cells):
        return None
    target = arrow_type(column)
    # Arrow's decimals wrap round, without an error, when they have too many digits; it gives each
    # the digits of its scale before it looks.
    if pa.types.is_decimal(target):
        most = 76 if target.bit_width > 128 else 38
        if _longest(cells) > most - target.scale:
            return None
    try:
        values = pc.cast(cells, target)
    except pa.ArrowInvalid:
        return None
    if column.type is Type.FLOAT64 and flags(pc.is_inf(values)).any():
        return None
    return values


def _longest(cells: pa.Array) -> int:
    return int(np.diff(bytes_of(cells)[1]).max(initial=0))


@cache
def _plain_bytes(point: bool, exponent: bool) -> Mask:
    letters = b"0123456789-" + (b"." if point else b"") + (b"eE+" if exponent else b"")
    return np.array([byte in letters for byte in range(256)])


def _has_leading_zeros(cells: pa.Array) -> bool:
    first, _ = bytes_at(cells, 0)
    second, _ = bytes_at(cells, 1)
    if ((first == _ZERO) & _is_digit(second)).any():
        return True
    signed = ~_is_digit(first)
    if not signed.any():
        return False
    third, _ = bytes_at(cells, 2)
    return bool((signed & (second == _ZERO) & _is_digit(third)).any())


def _is_digit(bytes_: np.ndarray) -> Mask:
    found: Mask = (bytes_ >= _ZERO) & (bytes_ <= ord("9"))
    return found


def _by_grammar(cells: pa.Array, column: Column, numbers: Numbers, native: bool) -> Cast:
    """Cell by cell of a column: what fits the declared style, in plain spelling, then cast."""
    exponent = native or column.type is Type.FLOAT64
    fits = flags(pc.match_substring_regex(cells, grammar_of(numbers, exponent)))
    words = np.zeros(len(cells), np.bool_)
    if column.type is Type.FLOAT64:
        words = flags(pc.match_substring_regex(cells, _WORDS))
    faults = fault("type", _expected(column), ~(fits | words), example=_example(numbers, column))
    plain = plain_text(without(cells, ~fits), numbers)
    if not words.any() and (values := _at_once(plain, column, _PLAIN)) is not None:
        return values, faults
    if not numbers.leading_zeros:
        padded = flags(pc.match_substring_regex(plain, r"^-?0[0-9]"))
        faults += fault(
            "leading_zero",
            "{value} begins with a zero, which a number would lose",
            padded,
        )
        plain = without(plain, padded)
    if numbers.percent:
        plain = _hundredths(plain)
    plain = pc.replace_substring_regex(plain, r"^(-?)0+([0-9])", r"\1\2")
    if column.type is Type.FLOAT64:
        values, more = _floats(plain, cells, words)
    elif column.type is Type.INT64:
        values, more = _integers(_expanded(plain), numbers)
    else:
        values, more = _decimals(_expanded(plain), column)
    return values, faults + more


def _hundredths(plain: pa.Array) -> pa.Array:
    """Plain numbers; those with a percent sign are divided by a hundred, as text."""
    percent = pc.ends_with(plain, "%")
    if not flags(percent).any():
        return plain
    moved = [_shifted(text) if text and text[-1] == "%" else text for text in plain.to_pylist()]
    return pa.array(moved, pa.string())


def _shifted(text: str) -> str:
    """`12.5%` as `0.125`, exactly."""
    if not _is_modest(text[:-1]):
        return text[:-1]
    number = Decimal(text[:-1])
    sign, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    return _spelled(Decimal((sign, digits, exponent - 2)))


def _spelled(number: Decimal) -> str:
    """A decimal in full, without zeros at the end of its fraction."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _expanded(plain: pa.Array) -> pa.Array:
    """Plain numbers without exponents: `1e-05` as `0.00001`. Absurd ones are left alone."""
    with_exponent = pc.match_substring_regex(plain, "[eE]")
    if not flags(with_exponent).any():
        return plain
    return pa.array(
        [
            _spelled(Decimal(text)) if text and "e" in text.lower() and _is_modest(text) else text
            for text in plain.to_pylist()
        ],
        pa.string(),
    )


def _is_modest(text: str) -> bool:
    exponent = text.lower().partition("e")[2]
    return len(exponent) < _LONGEST_EXPONENT


def _integers(plain: pa.Array, numbers: Numbers) -> Cast:
    broken = flags(pc.match_substring_regex(plain, r"[.eE]"))
    faults = fault(
        "type",
        "{value} has a decimal part, and a whole number such as {example} is expected",
        broken,
        example=_example(numbers, None),
    )
    plain = without(plain, broken)
    long = flags(pc.greater(pc.utf8_length(pc.utf8_ltrim(plain, "-")), 19))
    # Nineteen digits may fit or not: as decimals they all fit, and can be compared.
    wide = pc.cast(without(plain, long), pa.decimal128(38, 0))
    beyond = flags(pc.or_(pc.greater(wide, 2**63 - 1), pc.less(wide, -(2**63))))
    values = pc.cast(without(wide, beyond), pa.int64())
    return values, faults + fault(
        "overflow",
        "{value} is too large; a whole number here is at most {most:,}",
        long | beyond,
        most=2**63 - 1,
    )


def _decimals(plain: pa.Array, column: Column) -> Cast:
    target = arrow_type(column)
    whole, scale = target.precision - target.scale, target.scale
    # RE2 knows one digit as a group's number: this is the sign, a zero and the point.
    plain = pc.replace_substring_regex(plain, r"^(-?)\.", r"\10.")
    plain = pc.replace_substring_regex(plain, r"\.0*$", "")
    plain = pc.replace_substring_regex(plain, r"(\.[0-9]*[1-9])0+$", r"\1")
    absurd = flags(pc.match_substring_regex(plain, "[eE]"))
    large = absurd | flags(pc.match_substring_regex(plain, rf"^-?[1-9][0-9]{{{whole},}}"))
    fine = ~large & flags(pc.match_substring_regex(plain, rf"\.[0-9]{{{scale + 1},}}$"))
    faults = fault(
        "overflow",
        "{value} has more than {most} digits before the decimal sign",
        large,
        most=whole,
    )
    if scale:
        template = "{value} has more than {most} digits after the decimal sign"
    else:
        template = "{value} has digits after the decimal sign, and a whole number is expected"
    faults += fault("scale", template, fine, most=scale)
    return pc.cast(without(plain, large | fine), target), faults


def _floats(plain: pa.Array, cells: pa.Array, words: Mask) -> Cast:
    text = pc.if_else(pa.array(words), cells, plain) if words.any() else plain
    values = pc.cast(pc.replace_substring_regex(text, r"^\+", ""), pa.float64())
    infinite = flags(pc.is_inf(values)) & ~words
    return without(values, infinite), fault(
        "overflow", "{value} is too large for a number", infinite
    )


def _expected(column: Column) -> str:
    if column.type is Type.INT64:
        return "{value} is not a whole number such as {example}"
    return "{value} is not a number such as {example}"


def _example(numbers: Numbers, column: Column | None) -> str:
    """A number in the declared style."""
    whole = f"1{numbers.thousands}234"
    if column is None or column.type is Type.INT64:
        return whole
    if column.type is not Type.FLOAT64 and arrow_type(column).scale == 0:
        return whole
    return f"{whole}{numbers.decimal}5"
