"""Totals: rows that add up the others, told by their words and, where possible, their numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.parse.chunk import Chunk
from pipelines.parse.registry import reader_of
from schemas.dialect import Format, Numbers

type Floats = npt.NDArray[np.float64]

_WORDS = (
    r"(?:(?:grand|sub|sum|overall|page|report|running)[ -]?)?"
    r"(?:total|totals|totales|totaux|totale|totaal|gesamtsumme|gesamt|summe|suma total|razem)"
    r"(?: general| général| generale| geral| sum| amount)?\s*(?:[:=]\s*.{0,60})?"
)
LOOKS_LIKE = f"(?i)^(?:{_WORDS})$"
"""A whole cell that says that its row is one of totals."""
BEGINS_LIKE = rf"(?i)^(?:{_WORDS})(?:\s|$)"
"""The beginning of a line that says so, without the blanks before it."""
_BEGINNINGS = frozenset(
    first + second
    for pair in ("to", "gr", "su", "ov", "pa", "re", "ru", "ge", "ra")
    for first in (pair[0], pair[0].upper())
    for second in (pair[1], pair[1].upper())
)
_MAY_BEGIN = np.zeros(65536, np.bool_)
for _pair in _BEGINNINGS:
    _MAY_BEGIN[ord(_pair[0]) * 256 + ord(_pair[1])] = True


@cache
def whole(pattern: str) -> str:
    """A regular expression that a cell must match from its beginning to its end."""
    flags = re.match(r"\(\?[a-zA-Z]+\)", pattern)
    start = flags[0] if flags else ""
    return f"{start}^(?:{pattern.removeprefix(start)})$"


def first_filled(chunk: Chunk) -> pa.Array:
    """The first cell of each row that is not empty, without blanks around it."""
    columns = chunk.cells.columns
    found = _trimmed(columns[0])
    for column in columns[1:]:
        empty = pc.equal(found, "")
        if not pc.any(empty).as_py():
            break
        found = pc.if_else(empty, _trimmed(column), found)
    return found


def _trimmed(column: pa.ChunkedArray) -> pa.Array:
    cells = column.combine_chunks()
    return pc.utf8_trim_whitespace(pc.fill_null(cells, "") if cells.null_count else cells)


def may_be_total(first: pa.Array) -> npt.NDArray[np.int64]:
    """Where the first filled cell reads as that of a row of totals does."""
    _, offsets, data = first.buffers()
    if not len(first) or data is None or not data.size:
        return np.zeros(0, np.int64)
    at = np.frombuffer(offsets, np.int32)[first.offset : first.offset + len(first) + 1]
    text = np.frombuffer(data, np.uint8)
    long = np.diff(at) >= 5
    begin = np.where(long, at[:-1], 0)
    pairs = text[begin].astype(np.int64) * 256 + text[np.minimum(begin + 1, len(text) - 1)]
    likely = np.flatnonzero(long & _MAY_BEGIN[pairs])
    if not len(likely):
        return likely
    return likely[_matching(first.take(pa.array(likely)), LOOKS_LIKE)]


def _matching(cells: pa.Array, pattern: str) -> npt.NDArray[np.int64]:
    mask = pc.match_substring_regex(cells, pattern)
    return np.flatnonzero(mask.to_numpy(zero_copy_only=False).astype(np.bool_))


def has_words(format_: Format) -> bool:
    """Whether files of that format are written for people too, who put totals below their rows."""
    return reader_of(format_).traits.has_totals


class Sums:
    """What the numbers of each column add up to: of all rows so far, and of those since the last
    total."""

    def __init__(self, width: int, numbers: Numbers) -> None:
        self._numbers = numbers
        self._all, self._since = np.zeros(width), np.zeros(width)
        self._counts = np.zeros(width, np.int64)

    def add(self, amounts: Sequence[Floats]) -> None:
        """Take in the amounts of some rows, column by column; what is no number is NaN."""
        for at, column in enumerate(amounts):
            total = float(np.nansum(column)) if len(column) else 0.0
            self._all[at] += total
            self._since[at] += total
            self._counts[at] += int(np.count_nonzero(~np.isnan(column)))

    def passed_total(self) -> None:
        """A row of totals was passed over: what follows adds up anew."""
        self._since[:] = 0

    def agree(self, cells: Sequence[str | None]) -> bool | None:
        """Whether a row's numbers are the sums of the rows above; None if nothing can be compared.

        A row with as many cells as columns is compared column by column, another one by its numbers
        wherever they stand. Some columns, such as prices and shares, are not summed up: more of its
        numbers must be sums than not, for one alone may be so by chance.
        """
        width = len(self._all)
        pairs: list[tuple[float, float, list[int]]] = []
        for at, cell in enumerate(cells):
            amount = amount_of(cell or "", self._numbers)
            if amount is not None:
                where = [at] if len(cells) == width else list(range(width))
                pairs.append((*amount, [each for each in where if self._counts[each]]))
        pairs = [each for each in pairs if each[2]]
        if not pairs:
            return None
        hits = [self._is_sum(value, unit, where) for value, unit, where in pairs]
        right = sum(hit and pair[0] != 0 for hit, pair in zip(hits, pairs, strict=True))
        return right > hits.count(False) or all(hits)

    def _is_sum(self, value: float, unit: float, where: Sequence[int]) -> bool:
        return any(
            abs(value - total) <= unit * 0.501 + 1e-9 * abs(total)
            for at in where
            for total in (float(self._all[at]), float(self._since[at]))
        )


def amounts_of(chunk: Chunk, numbers: Numbers) -> list[Floats]:
    """The numbers of a chunk, column by column; NaN where a cell is none."""
    return [_amounts(column.combine_chunks(), numbers) for column in chunk.cells.columns]


def _amounts(cells: pa.Array, numbers: Numbers) -> Floats:
    plain = pc.replace_substring_regex(cells, _noise(numbers), "")
    if numbers.decimal != ".":
        plain = pc.replace_substring(plain, numbers.decimal, ".")
    is_number = pc.match_substring_regex(plain, r"^[-+]?[0-9]+(?:\.[0-9]*)?$")
    kept = pc.if_else(pc.fill_null(is_number, False), plain, None)
    values = pc.cast(pc.replace_substring_regex(kept, r"^\+", ""), pa.float64())
    found: Floats = pc.fill_null(values, float("nan")).to_numpy(zero_copy_only=False)
    return found


def _noise(numbers: Numbers) -> str:
    """What may stand in a number without changing it: thousands signs, blanks, currencies."""
    symbols = "".join(f"|{re.escape(each)}" for each in numbers.symbols)
    thousands = f"|{re.escape(numbers.thousands)}" if numbers.thousands else ""
    return rf"[ \x{{A0}}\x{{202F}}$€£¥]{thousands}{symbols}"


def amount_of(cell: str, numbers: Numbers) -> tuple[float, float] | None:
    """A cell's number, and the value of its last digit; None if it is none."""
    found = float(_amounts(pa.array([cell], pa.string()), numbers)[0])
    if np.isnan(found):
        return None
    digits = re.sub(r"[^0-9]+$", "", cell).rpartition(numbers.decimal)
    decimals = len(re.sub(r"\D", "", digits[2])) if digits[1] else 0
    return found, 10.0**-decimals


def matching(first: pa.Array, pattern: str) -> npt.NDArray[np.int64]:
    """Where a cell matches a pattern from its beginning to its end; none if there is no pattern."""
    return _matching(first, whole(pattern)) if pattern else np.zeros(0, np.int64)
