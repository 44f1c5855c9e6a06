"""Kinds of cells: what a cell looks like by itself, told by its shape."""

from __future__ import annotations

import re
from functools import lru_cache

_NUMBER = r"[+-]?(?:\d{1,3}(?:[.,'\u00a0\u202f ]\d{3})+|\d+)(?:[.,]\d+)?(?:[eE][+-]?\d+)?"
_SYMBOL = r"(?:[$€£¥₹]|[A-Z]{3}|[A-Z]{1,2}\$|R\$|kr\.?|zł|%)"
_MONTH = r"[^\W\d_]{3,12}\.?"
_DAY = (
    r"(?:\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}"
    rf"|\d{{1,2}}[- /.](?:de )?{_MONTH},?[- /.](?:de )?\d{{2,4}}|{_MONTH} \d{{1,2}},? \d{{4}})"
)
_CLOCK = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?(?: ?[aApP]\.?[mM]\.?)?"
_ZONE = r"(?: ?(?:Z|UTC|GMT|[+-]\d{2}:?\d{2}))?"
_NOT_FINITE = "[+-]?(?i:nan|inf|infinity)"
_KINDS = (
    ("number", re.compile(rf"[-+(]?(?:{_SYMBOL} ?)?{_NUMBER}(?: ?{_SYMBOL})?[-)]?|{_NOT_FINITE}")),
    ("moment", re.compile(rf"{_DAY}(?:[T ]|, ){_CLOCK}{_ZONE}")),
    ("date", re.compile(_DAY)),
    ("time", re.compile(_CLOCK)),
    ("address", re.compile(r"(?:https?|ftp|s3|gs)://\S+|www\.\S+|[^\s@,;|]+@[^\s@,;|]+\.\w+")),
    ("code", re.compile(r"[A-Za-z]{1,8}[-_/#]?\d[\w/-]*|\d+[A-Za-z-][\w-]*|[0-9a-f-]{36}")),
    ("word", re.compile(r"[^\W\d][\w'’.&/+()-]*")),
    ("text", re.compile(r"[^\s].*[^\s]|[^\s]", re.DOTALL)),
)  # fmt: skip
TYPED = frozenset({"number", "moment", "date", "time", "address"})
"""The kinds that say something about their column; the rest is text of some sort."""


@lru_cache(maxsize=65536)
def kind_of(cell: str) -> str:
    """The kind of a cell: `empty`, `number`, `moment`, `date`, `time`, `address`, `code`, `word`,
    `text`, or `blank-edged` for text with spaces at its ends."""
    if not cell:
        return "empty"
    short = cell if len(cell) <= 100 else cell[:100].rstrip() or "x"
    for name, pattern in _KINDS:
        if pattern.fullmatch(short):
            return name
    return "blank-edged"
