"""Totals in a sample: which of the rows that read like totals add up the others."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipelines.detect.found import Finding
from pipelines.parse.totals import LOOKS_LIKE, Sums, amount_of
from schemas.dialect import Numbers

_STYLES = (Numbers(decimal=".", thousands=","), Numbers(decimal=",", thousands="."))
_LOOKS_LIKE = re.compile(LOOKS_LIKE)
_OFTEN = 3
"""A word that comes so often without adding anything up is a value of its column."""


@dataclass(frozen=True, slots=True)
class FoundTotals:
    """The positions of the rows that are totals, or may be; the contract's `totals` and
    `rows_like`; and what is to be said of them."""

    at: frozenset[int]
    totals: str
    rows_like: str
    findings: tuple[Finding, ...]


def find_totals(rows: Sequence[Sequence[str]], width: int) -> FoundTotals:
    """What the rows that read like totals are: those that add up, those that come so often that
    they are rows, and those of which it cannot be said."""
    likely = {at: first for at, row in enumerate(rows) if (first := _first(row)) and
              len(first) <= 80 and _LOOKS_LIKE.match(first)}  # fmt: skip
    if not likely or width < 2:
        return FoundTotals(frozenset(), "", "", ())
    best = max((_adding_up(rows, likely, width, style) for style in _STYLES), key=len)
    counts: dict[str, list[bool]] = {}
    for at, first in likely.items():
        counts.setdefault(first.lower(), []).append(at in best)
    totals = [word for word, told in counts.items() if all(told)]
    often = [word for word, told in counts.items() if len(told) >= _OFTEN and not any(told)]
    found = []
    if totals:
        found.append(_found(", ".join(totals)[:60], 0.85, "their numbers add up the rows above"))
    if often:
        words = f"{', '.join(often)[:40]} comes again and again and adds up nothing: a row's value"
        found.append(_found("none", 0.7, words))
    open_ = [word for word in counts if word not in totals and word not in often]
    if open_:
        said = (
            f'"{open_[0][:30]}" reads like a total and does not add up the rows: it is rejected'
            " until `totals` or `rows_like` says what it is: ASK THE SENDER"
        )
        found.append(_found("not sure", 0.4, said))
    at_ = frozenset(at for at, first in likely.items() if first.lower() not in often)
    return FoundTotals(at_, _pattern(totals), _pattern(often), tuple(found))


def _pattern(words: Sequence[str]) -> str:
    if not words:
        return ""
    return "(?i)" + "|".join(re.escape(word).replace("\\ ", " ") for word in words)


def _adding_up(
    rows: Sequence[Sequence[str]], likely: dict[int, str], width: int, style: Numbers
) -> set[int]:
    sums, found = Sums(width, style), set()
    for at, row in enumerate(rows):
        amounts = [amount_of(cell, style) for cell in row]
        if at in likely:
            agree = sums.agree(row)
            if agree or (agree is None and not any(amounts)):
                found.add(at)
                sums.passed_total()
                continue
        if len(row) == width:
            nothing = float("nan")
            sums.add([np.array([each[0] if each else nothing]) for each in amounts])
    return found


def _first(row: Sequence[str]) -> str:
    return next((cell.strip() for cell in row if cell.strip()), "")


def _found(value: str, confidence: float, evidence: str) -> Finding:
    return Finding(what="totals", value=value, confidence=confidence, evidence=evidence)
