"""Padding: codes such as `00123` that all have as many digits, and have lost their leading zeros in
a spreadsheet that took them for numbers."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.drift import Profile

_MOST = 0.9
"""So much of a column's cells must be digits alone; the others are marks for what is missing."""


def width_of(texts: Sequence[str]) -> int:
    """How many digits the codes of a column have, if all have as many and some begin with zero;
    0 if not."""
    if not any(text.lstrip().startswith("0") for text in texts):
        return 0  # of most columns this is enough to know
    codes = _codes(texts)
    widths = {len(code) for code in codes}
    if len(widths) != 1 or not any(code.startswith("0") for code in codes):
        return 0
    return widths.pop()


def lost_width(texts: Sequence[str], before: Sequence[Profile]) -> int | None:
    """How many digits each code of the earlier files had, if now none begins with zero and some are
    shorter; None if nothing is lost. `before` are those that can be compared with."""
    widths = {each.width for each in before}
    width = widths.pop() if len(widths) == 1 else None
    if not width:
        return None
    codes = _codes(texts)
    if not codes or any(code.startswith("0") and len(code) > 1 for code in codes):
        return None
    lengths = [len(code) for code in codes]
    return width if min(lengths) < width >= max(lengths) else None


def _codes(texts: Sequence[str]) -> list[str]:
    cells = [text.strip() for text in texts]
    codes = [cell for cell in cells if cell.isascii() and cell.isdigit()]
    return codes if len(codes) >= _MOST * len(cells) else []
