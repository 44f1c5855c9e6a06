"""Dialects in contracts: the customProperties `dialect`, `numbers` and `booleans` into records."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from dataclasses import fields
from enum import StrEnum
from typing import Any

from schemas.dialect import Booleans, Dialect, Extra, Format, Numbers, Ragged
from schemas.odcs.file import Faults, Where
from schemas.regex import fault_of

_ENUMS: dict[str, type[StrEnum]] = {
    "format": Format,
    "ragged": Ragged,
    "extra": Extra,
    "stray_quotes": Extra,
}


def read_dialect(given: Any, where: Where, faults: Faults) -> Dialect:
    """The dialect of a contract; a fault for each key that is unknown or wrong."""
    values = _values(given, Dialect, "dialect", where, faults)
    dialect = Dialect(**values)
    for wrong in _faults(dialect):
        faults.add(where, f"dialect.{wrong}")
    return dialect


def read_numbers(given: Any, where: Where, faults: Faults) -> Numbers:
    """How numbers are written; a fault for each key that is unknown or wrong."""
    numbers = Numbers(**_values(given, Numbers, "numbers", where, faults))
    if len(numbers.decimal) != 1 or numbers.decimal == numbers.thousands:
        faults.add(where, "numbers.decimal is one character, and not the thousands sign")
    if len(numbers.thousands) > 1 or any(
        sign.isdigit() or sign in "+-()%" for sign in (numbers.decimal, numbers.thousands) if sign
    ):
        faults.add(where, "numbers.thousands is one character or none; neither sign is part of one")
    if not all(symbol.strip() and not symbol.strip().isdigit() for symbol in numbers.symbols):
        faults.add(where, "numbers.symbols are signs and units, such as € or kg")
    return numbers


def read_booleans(given: Any, where: Where, faults: Faults) -> Booleans:
    """The words for true and false; a fault for each key that is unknown or wrong."""
    booleans = Booleans(**_values(given, Booleans, "booleans", where, faults))
    both = {word.lower() for word in booleans.true} & {word.lower() for word in booleans.false}
    if both:
        faults.add(where, f'booleans: "{min(both)}" is both true and false')
    return booleans


def _values(
    given: Any, record: type[Any], name: str, where: Where, faults: Faults
) -> dict[str, Any]:
    """The mapping's values by field, each of the type of the field's default."""
    usual = record()
    known = [field.name for field in fields(record)]
    if not isinstance(given, dict):
        faults.add(where, f"{name} must be a mapping of {', '.join(known)}")
        return {}
    values: dict[str, Any] = {}
    # YAML 1.1 takes the keys `true` and `false` for booleans.
    for key, value in ((str(key).lower(), value) for key, value in given.items()):
        if key not in known:
            faults.unknown(where, key, known)
            continue
        if key == "fields":
            # Read with the table's columns: schemas/odcs/fixed.py.
            continue
        try:
            values[key] = _read(key, value, getattr(usual, key), where, faults)
        except ValueError as error:
            faults.add(where, f"{name}.{key} {error}")
    return values


def _read(key: str, value: Any, usual: Any, where: Where, faults: Faults) -> Any:
    """One value as its field wants it; ValueError says what it must be."""
    match usual:
        case StrEnum():
            if value not in list(_ENUMS[key]):
                raise ValueError(f'"{value}" is not one of {", ".join(_ENUMS[key])}')
            return _ENUMS[key](value)
        case bool():
            return _of(bool, value, "is true or false")
        case int():
            if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                raise ValueError("is a number of lines, 0 or more")
            return value
        case tuple():
            if not isinstance(value, list) or any(isinstance(each, dict | list) for each in value):
                raise ValueError("is a list of words")
            return tuple(_word(each) for each in value)
        case Numbers():
            return read_numbers(value, where, faults)
        case Booleans():
            return read_booleans(value, where, faults)
        case _:
            return _of(str, value, "is a text; put it in quotes")


def _word(value: Any) -> str:
    """A word that YAML may have taken for something else: `yes`, `null`, `1`."""
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _of[T](kind: type[T], value: Any, must: str) -> T:
    if not isinstance(value, kind):
        raise ValueError(must)
    return value


def _is_sign(text: str) -> bool:
    """Whether it is nothing, or one character that every CSV reader takes."""
    return len(text) <= 1 and text.isascii()


def _overlap(delimiter: str, quote: str, escape: str) -> bool:
    return any(sign and sign in other for sign, other in (
        (quote, delimiter), (escape, delimiter), (quote, escape),
    ))  # fmt: skip


_CHECKS: tuple[tuple[Callable[[Dialect], bool], str], ...] = (
    (lambda each: not each.delimiter, "delimiter is one or more characters"),
    (lambda each: not _is_sign(each.quote), "quote is one character or none"),
    (lambda each: not _is_sign(each.escape), "escape is one character or none"),
    (
        lambda each: _overlap(each.delimiter, each.quote, each.escape),
        "delimiter, quote and escape must be different characters",
    ),
    (
        lambda each: any(sign in "\r\n" for sign in (*each.delimiter, *each.quote, *each.escape)),
        "delimiter, quote and escape are no line ends (those are line_end)",
    ),
    (
        lambda each: each.skip_initial_space and each.delimiter.isspace(),
        "skip_initial_space needs a delimiter that is no blank",
    ),
    (lambda each: "\x00" in each.delimiter + each.quote, "delimiter and quote are not NUL"),
)


def _faults(dialect: Dialect) -> list[str]:
    """What is wrong with the dialect as a whole."""
    found = [what for is_wrong, what in _CHECKS if is_wrong(dialect)]
    try:
        codecs.lookup(dialect.encoding)
        # Some codecs turn bytes into bytes, and are refused here.
        b"".decode(dialect.encoding)
    except (LookupError, UnicodeError):
        found.append(f'encoding "{dialect.encoding}" is not known')
    for name in ("totals", "rows_like"):
        pattern = getattr(dialect, name)
        if fault := fault_of(pattern, also_as_written=True):
            found.append(f'{name} "{pattern}": {fault}')
    is_fixed = dialect.format is Format.FIXED
    if dialect.header_cells and not dialect.columns and not is_fixed:
        found.append("header_cells need columns: the names that go with them, in their order")
    return found
