"""Cells: quick looks at the bytes of a column of strings, so that the usual case costs little."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.cast.fault import Mask, flags

# Bytes that may belong to white space: ASCII blanks, and anything beyond ASCII.
_MAYBE_SPACE = np.array([byte <= 0x20 or byte >= 0x80 for byte in range(256)])


def bytes_of(cells: pa.Array) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """The UTF-8 bytes of the cells, and where in them each cell begins (and the last one ends)."""
    _, offsets, data = cells.buffers()
    if offsets is None or not len(cells):
        return np.zeros(1, np.uint8), np.zeros(len(cells) + 1, np.int64)
    at = np.frombuffer(offsets, np.int32)[cells.offset : cells.offset + len(cells) + 1]
    text = np.frombuffer(data, np.uint8) if data is not None and data.size else np.zeros(1, "u1")
    return text, at.astype(np.int64)


def trimmed(cells: pa.Array) -> pa.Array:
    """The cells without white space around them."""
    text, at = bytes_of(cells)
    full = at[1:] > at[:-1]
    first, last = text[at[:-1][full]], text[at[1:][full] - 1]
    if not (_MAYBE_SPACE[first] | _MAYBE_SPACE[last]).any():
        return cells
    return pc.utf8_trim_whitespace(cells)


def null_mask(cells: pa.Array, words: Sequence[str]) -> Mask:
    """Which cells are not there, or are one of the words that stand for nothing."""
    missing = flags(cells.is_null()) if cells.null_count else np.zeros(len(cells), np.bool_)
    lengths = np.diff(bytes_of(cells)[1])
    if any((lengths == len(word.encode())).any() for word in words):
        missing = missing | flags(pc.is_in(cells, value_set=pa.array(words, pa.string())))
    return missing


def without(cells: pa.Array, mask: Mask) -> pa.Array:
    """The cells, null where the mask is true; a null string has no bytes."""
    if not mask.any():
        return cells
    # if_else would leave the bytes of a null string in place, for others to stumble over.
    kept = pa.array(~mask, mask=mask)
    return pc.filter(cells, kept, null_selection_behavior="emit_null")


def made_of(cells: pa.Array, allowed: npt.NDArray[np.bool_]) -> bool:
    """Whether all bytes of all cells are among those that a table of 256 flags allows."""
    text, at = bytes_of(cells)
    return bool(allowed[text[at[0] : at[-1]]].all())


def which_made_of(cells: pa.Array, allowed: npt.NDArray[np.bool_]) -> Mask:
    """Which cells have no byte but those that a table of 256 flags allows."""
    text, at = bytes_of(cells)
    made = np.ones(len(cells), np.bool_)
    others = np.flatnonzero(~allowed[text[at[0] : at[-1]]]) + at[0]
    # Of cells that begin at one place only the last has a byte there.
    made[np.searchsorted(at, others, side="right") - 1] = False
    return made


def bytes_at(
    cells: pa.Array, place: int, default: int = 0
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """The byte at a place of each cell, `default` where the cell is too short; and all lengths."""
    text, at = bytes_of(cells)
    lengths = np.diff(at)
    where = np.minimum(at[:-1] + place, len(text) - 1)
    return np.where(lengths > place, text[where], default).astype(np.uint8), lengths
