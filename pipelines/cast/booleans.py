"""Booleans in their declared words."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.cast.fault import Cast, fault, flags
from schemas.dialect import Booleans


def cast_booleans(cells: pa.Array, booleans: Booleans) -> Cast:
    """The cells as booleans: one of the declared words each, whatever the case."""
    words = [_lower(word) for word in (*booleans.true, *booleans.false)]
    meanings = [True] * len(booleans.true) + [False] * len(booleans.false)
    found = pc.index_in(pc.utf8_lower(cells), value_set=pa.array(words, pa.string()))
    values = pa.array(meanings, pa.bool_()).take(found)
    bad = flags(pc.and_(cells.is_valid(), values.is_null()))
    return values, fault(
        "type",
        "{value} is neither {true} nor {false}",
        bad,
        true=_listed(booleans.true),
        false=_listed(booleans.false),
    )


def _lower(word: str) -> str:
    # Arrow's own lower case, which is not Python's for every letter.
    return str(pc.utf8_lower(pa.scalar(word)).as_py())


def _listed(words: tuple[str, ...]) -> str:
    return "/".join(words)
