"""Checksums: what is added up of a file's rows, in the warehouse and from its raw bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Context, Decimal
from enum import StrEnum

from schemas.contract import Column, Contract, Type

type Sum = int | Decimal | float
"""Exact for everything but FLOAT64, whose sums depend on the order of their rows."""

EXACT = Context(prec=200)
"""Arithmetic that rounds no sum of BIGNUMERIC values."""


class Measure(StrEnum):
    """How a column is added up: by its values, by its days since 1970, by its characters, or by how
    many of its values are there."""

    VALUE = "value"
    DAYS = "days"
    LENGTH = "length"
    PRESENT = "present"


@dataclass(frozen=True, kw_only=True, slots=True)
class FileSums:
    """The rows of one file in a table, and the sum of each measured column.

    `sizes` are sums of absolute values of FLOAT64 columns: by them it is judged what two sums may
    differ by for their order alone.
    """

    file_id: str
    rows: int
    sums: Mapping[str, Sum]
    sizes: Mapping[str, float] = field(default_factory=dict)


_NUMBERS = frozenset({Type.INT64, Type.NUMERIC, Type.BIGNUMERIC, Type.FLOAT64})


def measured(contract: Contract) -> list[tuple[Column, Measure]]:
    """The columns of a contract that can be added up, each with how: numbers and keys by what they
    are, all others by whether there is anything."""
    found: list[tuple[Column, Measure]] = []
    for column in contract.columns:
        if column.repeated:
            continue
        if column.type in _NUMBERS:
            found.append((column, Measure.VALUE))
        elif column.type is Type.DATE:
            found.append((column, Measure.DAYS))
        elif column.type is Type.STRING and column.name in contract.primary_key:
            found.append((column, Measure.LENGTH))
        else:
            found.append((column, Measure.PRESENT))
    return found
