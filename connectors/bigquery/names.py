"""Names of datasets, tables and columns, as they may stand in SQL."""

from __future__ import annotations

import re

from schemas.errors import ContractError

_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:\-]{0,1023}")
_COLUMN = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,299}")


def table(*parts: str) -> str:
    """The quoted full name of a table; raises ContractError for a name BigQuery would not take."""
    for part in parts:
        if not _PART.fullmatch(part):
            raise ContractError(f"{part!r} is not a name for a BigQuery table or dataset")
    return f"`{'.'.join(parts)}`"


def column(name: str) -> str:
    """The quoted name of a column; raises ContractError for a name BigQuery would not take."""
    if not _COLUMN.fullmatch(name):
        raise ContractError(
            f"{name!r} is not a name for a BigQuery column",
            hint="use letters, digits and underscores",
        )
    return f"`{name}`"
