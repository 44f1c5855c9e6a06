"""Strings, kept as they stand, and JSON."""

from __future__ import annotations

import json

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


def cast_json(cells: pa.Array) -> Cast:
    """The cells' own text, where it is JSON."""
    encoded = cells.dictionary_encode()
    bad = pa.array([_is_bad_json(cell) for cell in encoded.dictionary.to_pylist()], pa.bool_())
    wrong = flags(bad.take(encoded.indices))
    return without(cells, wrong), fault("type", "{value} is not JSON", wrong)


def _is_bad_json(cell: str) -> bool:
    try:
        json.loads(cell, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return True
    return False


def _refuse_constant(name: str) -> object:
    raise ValueError(name)
