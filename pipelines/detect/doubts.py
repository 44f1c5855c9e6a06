"""Doubts: what looks like a number, a boolean or a date of this century and may be none."""

from __future__ import annotations

import re
from collections.abc import Sequence

_PHONE = re.compile(r"\+[0-9][0-9 ().-]{6,}")
_CODE = re.compile(r"[0-9]+[eE][0-9]+")
_FRACTION = re.compile(r"[+-]?[0-9]+[.,][0-9]+")
_COUNTRY = re.compile(
    r"(?i)(^|_)(country|land|laender|pais|pays|paese|nation|nationality|iso|iso2|code|lang|language"
    r"|locale|market|state|region|currency|cc|origin|destination)(_|$)"
)
_FLAG = re.compile(
    r"(?i)^(is|has|can|es|tiene|con|ist|hat)_|(flag|active|activo|activa|enabled|deleted|valid|paid"
    r"|pagado|ok|done|confirmed|aktiv|actif|attivo|vip|new|nuevo|optin|opt_in|consent)$"
)
_COUNTRIES = frozenset(["NO", "SI", "NE", "JA", "SE", "ON", "IT"])
_BIRTH = re.compile(
    r"(?i)(^|[_\W])(dob|birth|birthday|birthdate|born|nacimiento|nac|geburt|geburtsdatum|geboren|naissance|nascita"
    r"|nascimento)|birth"
)


def is_flag(name: str) -> bool:
    """Whether a column's name is that of a yes or no."""
    return bool(_FLAG.search(name))


def is_birth(name: str) -> bool:
    """Whether a column's name is that of days on which people are born."""
    return bool(_BIRTH.search(name))


def why_text(cells: Sequence[str]) -> str:
    """Why cells that read as numbers are text all the same; empty if they are numbers."""
    phones = [cell for cell in cells if _PHONE.fullmatch(cell)]
    if phones:
        return f"{len(phones):,} begin with + as telephone numbers do (such as {phones[0]})"
    codes = [cell for cell in cells if _CODE.fullmatch(cell)]
    exponents = [cell for cell in cells if re.search(r"[0-9.][eE][+-]?[0-9]", cell)]
    # R writes 1e3 among measurements such as 1012.3; codes have no fractions.
    measured = sum(1 for cell in cells if _FRACTION.fullmatch(cell))
    if codes and len(codes) == len(exponents) and measured * 2 < len(cells):
        return f"{len(codes):,} have an E between digits, as codes do (such as {codes[0]})"
    return ""


def why_no_boolean(name: str, words: Sequence[str]) -> str:
    """Why a column of two words, or of one, is not taken for yes and no; empty if it is."""
    if is_flag(name):
        return ""
    distinct = set(words)
    if _COUNTRY.search(name):
        return "the name is that of codes, such as those of countries"
    if distinct <= _COUNTRIES:
        return "they may be yes and no, or codes of countries or languages: ASK THE SENDER"
    one = len({word.lower() for word in distinct}) == 1
    if one and next(iter(distinct)).lower() not in ("true", "false"):
        return "there is but one word; it may be yes or no, or anything else: ASK THE SENDER"
    return ""
