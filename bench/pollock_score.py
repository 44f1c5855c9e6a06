"""Pollock's score: how much of a clean table was loaded from a polluted file.

Vitagliano et al., "Pollock: A Data Loading Benchmark", VLDB 2023. Ten figures between 0 and 1,
added up: success, and precision, recall and F1 of header cells, records and cells, as multisets.
Precision is the common part over the clean one, recall over the loaded one, as the paper's own
code has it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache

_DATES = ("%d/%m/%Y", "%Y-%m-%d", "%m/%d/%Y", "%d.%m.%Y")
_TIMES = ("%H:%M", "%H:%M:%S")
_BOOLEANS = {"true": "1", "yes": "1", "false": "0", "no": "0"}
_NUMBER = re.compile(r"[$€£]?\s*([+-]?\d+(?:,\d{3})*(?:\.\d+)?)\s*[$€£]?")


def score(clean: Sequence[Sequence[str]], loaded: Sequence[Sequence[str]] | None) -> float:
    """The score of one file, 0 to 10: its rows, the header first, against the clean ones.

    `loaded` None means that the system gave an error.
    """
    if loaded is None:
        return 0.0
    if not clean:
        return 10.0
    head, body = clean[0], clean[1:]
    loaded_head = loaded[0] if loaded else ()
    loaded_body = loaded[1:]
    return 1.0 + sum(
        (
            sum(_measures(map(normal, head), map(normal, loaded_head))),
            sum(_measures(map(_record, body), map(_record, loaded_body))),
            sum(_measures(_cells(body), _cells(loaded_body))),
        )
    )


def weighted(scores: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """The mean of the files' scores, each counted as often as its kind of dirt is found."""
    known = [name for name in scores if name in weights]
    return sum(scores[name] * weights[name] for name in known) / sum(
        weights[name] for name in known
    )


def _measures(clean: Iterable[str], loaded: Iterable[str]) -> tuple[float, float, float]:
    """Precision, recall and F1 of two multisets; nothing to find is all found."""
    wanted, got = Counter(clean), Counter(loaded)
    if not wanted:
        return 1.0, 1.0, 1.0
    common = (wanted & got).total()
    if not common:
        return 0.0, 0.0, 0.0
    precision, recall = common / wanted.total(), common / got.total()
    return precision, recall, 2 * precision * recall / (precision + recall)


def _record(cells: Sequence[str]) -> str:
    return "".join(normal(cell) or "null" for cell in cells)


def _cells(rows: Sequence[Sequence[str]]) -> Iterable[str]:
    return (cell for row in rows for cell in row)


@lru_cache(maxsize=100_000)
def normal(cell: str) -> str:
    """A cell by its value: booleans as 0 and 1, numbers, currencies, dates and times in one form,
    text in lower case."""
    text = cell.strip()
    if text.lower() in _BOOLEANS:
        return _BOOLEANS[text.lower()]
    if match := _NUMBER.fullmatch(text):
        return f"{float(match[1].replace(',', '')):g}"
    for form in (*_DATES, *_TIMES):
        try:
            return datetime.strptime(text, form).isoformat()
        except ValueError:
            continue
    return text.lower()
