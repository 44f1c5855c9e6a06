"""Arrays: JSON lists of scalars, every element read as the column's type."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pyarrow as pa

from pipelines.cast.cells import without
from pipelines.cast.fault import Cast, fault
from schemas.contract import Column

_ELEMENT = '{value} has an element that is no {kind}, such as ["a", "b"]'


def cast_arrays(cells: pa.Array, column: Column, convert: Callable[[pa.Array], Cast]) -> Cast:
    """The lists as JSON of their elements' texts, which the warehouse casts; null where a cell is
    no list of such scalars. BigQuery's arrays hold no nulls."""
    lists = [None if cell is None else _elements(cell) for cell in cells.to_pylist()]
    flat = [each for some in lists if some for each in some]
    values, faults = convert(pa.array(flat, pa.string()))
    texts = values.cast(pa.string()).to_pylist()
    broken = np.zeros(len(flat), np.bool_)
    for each in faults:
        broken[each.at] = True
    wrong = np.zeros(len(cells), np.bool_)
    found: list[str | None] = []
    at = 0
    for index, some in enumerate(lists):
        if some is None:
            wrong[index] = cells[index].is_valid
            found.append(None)
            continue
        span = slice(at, at + len(some))
        at += len(some)
        # An empty text is nothing to a cast, and may be an element.
        whole = [text if text is not None else "" for text in texts[span]]
        wrong[index] = bool(broken[span].any())
        found.append(json.dumps(whole, ensure_ascii=False))
    array = pa.array(found, pa.string())
    return without(array, wrong), fault("type", _ELEMENT, wrong, kind=str(column.type))


def _elements(cell: str) -> list[str] | None:
    """The elements' texts, numbers with their own digits; None for what is no list of scalars."""
    try:
        found = json.loads(cell, parse_int=str, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, list):
        return None
    texts = []
    for each in found:
        if isinstance(each, bool):
            texts.append("true" if each else "false")
        elif isinstance(each, str):
            texts.append(each)
        else:
            return None
    return texts
