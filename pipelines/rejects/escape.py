"""Formula cells: disarmed in the rejects we give back, and restored when those are dropped again.

See https://owasp.org/www-community/attacks/CSV_Injection
"""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.compute as pc

_FORMULA = r"'*[=+\-@\t\r]"
_STARTS = re.compile(_FORMULA)
_NUMBER = re.compile(r"[+-][0-9][0-9.,'\u00a0\u202f ]*+(?:[eE][+-]?[0-9]++)?\s*+[%€$£]?")


def harmless(cell: str) -> str:
    """The cell, with an apostrophe before anything a spreadsheet would run as a formula.

    Signed numbers stay. A cell that has apostrophes of its own there gets one more, so that
    `restored` can take back just ours.
    """
    if not _STARTS.match(cell) or _NUMBER.fullmatch(cell):
        return cell
    return "'" + cell


def restored_cell(cell: str) -> str:
    """The cell without the apostrophe that `harmless` added."""
    return cell[1:] if cell.startswith("'") and _STARTS.match(cell) else cell


def restored(cells: pa.Table) -> pa.Table:
    """The cells of one of our rejects files without the apostrophes that `harmless` added."""
    columns = [
        pc.replace_substring_regex(column, rf"^'({_FORMULA})", r"\1") for column in cells.columns
    ]
    return pa.table(columns, names=cells.column_names)
