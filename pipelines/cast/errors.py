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


def is_error(cell: str) -> bool:
    """Whether one cell of a workbook is an error."""
    return cell in _WORDS or re.match(_NUMBERED, cell) is not None


def error_mask(cells: pa.Array) -> Mask:
    """Which cells of a workbook are an error. A text that reads so counts as one: it is what a
    copy of the values leaves of an error."""
    words = pc.is_in(cells, value_set=pa.array(_WORDS, pa.string()))
    return flags(words) | flags(pc.match_substring_regex(cells, _NUMBERED))
