"""Faults: the cells of a column that are bad for one reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

type Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Fault:
    """Cells that break one rule: the positions of their rows, and the template of the sentence
    that says so. `{value}` in it is the cell, `{column}` the column's name; `values` are the rest.
    """

    rule: str
    template: str
    at: npt.NDArray[np.int64]
    values: Mapping[str, object] = field(default_factory=dict)

    def spread(self, encoded: pa.DictionaryArray) -> Fault:
        """The fault of distinct cells as the fault of all rows that have them."""
        bad = np.zeros(len(encoded.dictionary), np.bool_)
        bad[self.at] = True
        rows = np.flatnonzero(flags(pa.array(bad).take(encoded.indices)))
        return Fault(self.rule, self.template, rows, self.values)


type Cast = tuple[pa.Array, list[Fault]]
"""A column's values, null where a cell is bad, and the faults of its bad cells."""


def fault(rule: str, template: str, mask: Mask, **values: object) -> list[Fault]:
    """The fault of the rows where the mask is true; none if there are none."""
    at = np.flatnonzero(mask)
    return [Fault(rule, template, at, values)] if len(at) else []


def flags(mask: pa.Array) -> Mask:
    """An Arrow mask as a numpy one; null is false."""
    if mask.null_count:
        mask = pc.fill_null(mask, False)
    found: Mask = mask.to_numpy(zero_copy_only=False)
    return found
