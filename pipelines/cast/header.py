"""Headers: which cell of a file's header brings which column of the contract."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.contract import Contract
from schemas.errors import DataError

OUR_COLUMNS = ("_line", "_error")
"""What a rejects file has after the sender's own columns; ignored when it comes back."""
_SHOWN = 200


def match_header(header: Sequence[str], contract: Contract) -> dict[str, str]:
    """Which header cell brings which contract column: `{column name: header cell}`.

    A column is found by its name or one of its `headers`, whatever the case. Raises DataError
    that names every missing and every unknown column.
    """
    cells = {cell.casefold(): cell for cell in header}
    found: dict[str, str] = {}
    for column in contract.file_columns:
        for name in (column.name, *column.headers):
            if name.casefold() in cells:
                found[column.name] = cells[name.casefold()]
                break
    missing = [column.name for column in contract.file_columns if column.name not in found]
    unknown = [cell for cell in header if cell not in (*found.values(), *OUR_COLUMNS)]
    faults = []
    if missing:
        faults.append(f"line 1: the header lacks {', '.join(missing)}")
    if unknown:
        shown = ", ".join(cell[:_SHOWN] or "an unnamed column" for cell in unknown)
        faults.append(f"line 1: the contract does not know {shown}")
    if faults:
        raise DataError(
            "; ".join(faults),
            hint=f"the columns of {contract.name} are "
            + ", ".join(column.name for column in contract.file_columns),
        )
    return found
