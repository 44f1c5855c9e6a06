"""Error cells: what a workbook's cell holds when its formula has failed."""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.cast.fault import Mask, flags

# Excel's error values, and LibreOffice's numbered ones.
# https://learn.microsoft.com/office/vba/api/excel.xlcverror
_WORDS = (
    "#N/A", "#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#GETTING_DATA", "#SPILL!",
    "#CALC!", "#FIELD!", "#BLOCKED!", "#CONNECT!", "#UNKNOWN!", "#BUSY!", "#EXTERNAL!", "#PYTHON!",
    "#TIMEOUT!",
)  # fmt: skip
_NUMBERED = r"^Err:[0-9]{3}$"


_INEXACT, _UNCALCULATED = "#INEXACT! ", "#UNCALCULATED!"
# What the reader of sheets writes (`pipelines.parse.sheet`).


def is_error(cell: str) -> bool:
    """Whether one cell of a workbook is an error, or holds no value for another reason."""
    return (
        cell in _WORDS
        or cell == _UNCALCULATED
        or cell.startswith(_INEXACT)
        or re.match(_NUMBERED, cell) is not None
    )


def uncalculated_mask(cells: pa.Array) -> Mask:
    """Which cells of a workbook have a formula that was never calculated."""
    return flags(pc.equal(cells, _UNCALCULATED))


def inexact_mask(cells: pa.Array) -> Mask:
    """Which cells of a workbook are numbers of more digits than a spreadsheet keeps."""
    return flags(pc.starts_with(cells, _INEXACT))


def without_mark(cells: pa.Array) -> pa.Array:
    """The cells with such numbers as plain ones."""
    return pc.replace_substring_regex(cells, f"^{_INEXACT}", "")


def without_marks(cells: pa.Array) -> pa.Array:
    """The cells as people are shown them: none of our marks stood in their workbook. Other cells
    stay as they are."""
    return pc.replace_substring_regex(cells, f"^(?:{_INEXACT}|{_UNCALCULATED}$)", "")


def error_mask(cells: pa.Array) -> Mask:
    """Which cells of a workbook are an error. A text that reads so counts as one: it is what a
    copy of the values leaves of an error."""
    words = pc.is_in(cells, value_set=pa.array(_WORDS, pa.string()))
    return flags(words) | flags(pc.match_substring_regex(cells, _NUMBERED))
