"""Plain: cast usual cells in bulk, the rest one by one.

The usual ones are cast at once all the same; only the others are gone through one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.cast.cells import which_made_of, without
from pipelines.cast.fault import Cast, Mask, flags
from schemas.arrow import arrow_type
from schemas.contract import Column, Type

_DAY = (
    r"[1-9][0-9]{3}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
    r"|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))"
)
_CLOCK = r"[ T](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6})?"
_ZONE = r"(?:Z|[+-](?:0[0-9]|1[0-4]):[0-5][0-9])"

ISO_BYTES = np.array([byte in b"0123456789-: TZ.+" for byte in range(256)])
"""The bytes of usual moments, as a table of flags."""


def apart(
    cells: pa.Array,
    letters: Mask,
    usual: str,
    at_once: Callable[[pa.Array], pa.Array | None],
    one_by_one: Callable[[pa.Array], Cast],
) -> Cast:
    """The cells cast: `at_once` those that have the bytes of usual cells, or if that will not do,
    those that match the (RE2) expression of them; the others `one_by_one`, as all are if there is
    something unusual about the usual ones after all."""
    for look in (partial(which_made_of, cells, letters), partial(_which_match, cells, usual)):
        plain = look()
        if not plain.all() and (values := at_once(without(cells, ~plain))) is not None:
            at = np.flatnonzero(~plain)
            few, faults = one_by_one(cells.take(pa.array(at)))
            both = pc.replace_with_mask(values, pa.array(~plain), few)
            return both, [replace(each, at=at[each.at]) for each in faults]
    return one_by_one(cells)


def _which_match(cells: pa.Array, usual: str) -> Mask:
    """Which cells match; what is missing is as good as any."""
    return flags(pc.fill_null(pc.match_substring_regex(cells, usual), True))


def usual_number(column: Column) -> str:
    """The expression of numbers that certainly fit the column."""
    match column.type:
        case Type.INT64:
            return r"^-?(?:0|[1-9][0-9]{0,17})$"
        case Type.FLOAT64:
            return r"^-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,15})?$"
        case _:
            target = arrow_type(column)
            whole, scale = target.precision - target.scale, target.scale
            digits = rf"(?:0|[1-9][0-9]{{0,{whole - 1}}})" if whole else "0"
            return rf"^-?{digits}(?:\.[0-9]{{1,{scale}}})?$" if scale else rf"^-?{digits}$"


def usual_moment(kind: Type) -> str:
    """The expression of ISO dates, or dates and times, that exist; 29 February is not usual."""
    match kind:
        case Type.DATE:
            return f"^(?:{_DAY})$"
        case Type.DATETIME:
            return f"^(?:{_DAY}){_CLOCK}$"
        case _:
            return f"^(?:{_DAY}){_CLOCK}{_ZONE}$"
