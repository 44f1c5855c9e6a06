"""Widening: which types of a column BigQuery puts in place of another, rows and all.

It does so only where every value of the old type is one of the new type; see "Change a column's
data type" in its documents.
"""

from __future__ import annotations

from google.cloud import bigquery

_WIDER = {
    "INT64": {"NUMERIC", "BIGNUMERIC", "FLOAT64"},
    "NUMERIC": {"BIGNUMERIC", "FLOAT64"},
}
_DIGITS = {"INT64": (19, 0), "NUMERIC": (29, 9), "BIGNUMERIC": (38, 38)}
"""How many digits stand before and after the point, where the type does not say it."""
_STANDARD = {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL"}


def standard_name(each: bigquery.SchemaField) -> str:
    """The name that SQL has for a field's type."""
    return _STANDARD.get(each.field_type, each.field_type)


def can_widen(have: bigquery.SchemaField, want: bigquery.SchemaField) -> bool:
    """Whether a column can be made one of the wanted type in place. Both differ in their types."""
    if have.mode == "REPEATED" or want.mode == "REPEATED":
        return False
    old, new = standard_name(have), standard_name(want)
    if new not in _WIDER.get(old, {old}) | {old}:
        return False
    if new == "FLOAT64":
        return True
    if new in _DIGITS:
        if old == new and have.precision is None:
            return False  # a limit is never set where there was none
        pairs = zip(_digits(have), _digits(want), strict=True)
        return all(there <= asked for there, asked in pairs)
    return want.max_length is None or (have.max_length or want.max_length + 1) <= want.max_length


def _digits(each: bigquery.SchemaField) -> tuple[int, int]:
    if each.precision is None:
        return _DIGITS[standard_name(each)]
    scale = each.scale or 0
    return (each.precision - scale, scale)
