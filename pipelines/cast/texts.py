"""Strings, kept as they stand, and JSON."""

from __future__ import annotations

import base64
import json
import math
import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.cast.cells import bytes_of, without
from pipelines.cast.fault import Cast, fault, flags
from schemas.contract import Column


def cast_texts(cells: pa.Array, column: Column) -> Cast:
    """The cells themselves; too long ones are bad."""
    longest = column.max_length
    # A text has at most as many characters as bytes.
    if longest is None or not (np.diff(bytes_of(cells)[1]) > longest).any():
        return cells, []
    wrong = flags(pc.greater(pc.utf8_length(cells), longest))
    faults = fault("length", "{value} is longer than {most:,} characters", wrong, most=longest)
    return without(cells, wrong), faults


def cast_bytes(cells: pa.Array, column: Column) -> Cast:
    """The cells' own text, where it is base64 of as many bytes as the column may hold."""
    encoded = cells.dictionary_encode()
    sizes = [_size(cell) for cell in encoded.dictionary.to_pylist()]
    bad = pa.array([size is None for size in sizes], pa.bool_())
    wrong = flags(bad.take(encoded.indices))
    faults = fault("type", "{value} is not base64", wrong)
    if (most := column.max_length) is not None:
        long = pa.array([size is not None and size > most for size in sizes], pa.bool_())
        longer = flags(long.take(encoded.indices))
        faults += fault("length", "{value} is longer than {most:,} bytes", longer, most=most)
        wrong = wrong | longer
    return without(cells, wrong), faults


def _size(cell: str) -> int | None:
    """How many bytes a base64 text stands for; None if it is none."""
    try:
        return len(base64.b64decode(cell, validate=True))
    except ValueError:
        return None


def cast_json(cells: pa.Array) -> Cast:
    """The cells' own text, where it is JSON."""
    encoded = cells.dictionary_encode()
    bad = pa.array([_is_bad_json(cell) for cell in encoded.dictionary.to_pylist()], pa.bool_())
    wrong = flags(bad.take(encoded.indices))
    return without(cells, wrong), fault("type", "{value} is not JSON", wrong)


def _is_bad_json(cell: str) -> bool:
    """Whether BigQuery's PARSE_JSON (numbers rounded) refuses it: no JSON, a number that no double
    holds, half of a surrogate pair, or nested too deep."""
    try:
        value = json.loads(cell, parse_constant=_refuse, parse_float=_finite, parse_int=_finite)
        if _ESCAPED_SURROGATE.search(cell):
            # A half that is left alone cannot be written down.
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return True
    return cell.count("[") + cell.count("{") > _MAX_DEPTH and _depth(value) > _MAX_DEPTH


# https://cloud.google.com/bigquery/docs/reference/standard-sql/data-types#json_type
_MAX_DEPTH = 500
_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def _refuse(name: str) -> float:
    raise ValueError(name)


def _finite(digits: str) -> float:
    value = float(digits)
    return value if math.isfinite(value) else _refuse(digits)


def _depth(value: object) -> int:
    """How many arrays and objects stand within each other."""
    depth, level = 0, [value]
    while level := [each for each in level if isinstance(each, dict | list)]:
        depth += 1
        level = [
            inner for each in level for inner in (each.values() if isinstance(each, dict) else each)
        ]
    return depth
