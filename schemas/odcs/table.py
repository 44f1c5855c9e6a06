"""What a contract says of its table as a whole: primary key, clustering, labels, description.

The limits are BigQuery's: https://cloud.google.com/bigquery/quotas and
https://cloud.google.com/bigquery/docs/primary-foreign-keys
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from schemas.contract import Column, Type
from schemas.odcs.file import Faults, Where

_LABEL = re.compile(r"[a-z0-9_-]{0,63}")
_CLUSTERABLE = frozenset(Type) - {Type.FLOAT64, Type.JSON, Type.TIME, Type.BYTES}
_KEY_TYPES = frozenset(Type) - {Type.FLOAT64, Type.JSON, Type.TIME}
_MAX_LABELS, _MAX_KEY, _MAX_CLUSTERING = 64, 16, 4
_MAX_DESCRIPTION, _MAX_COLUMN_DESCRIPTION = 16_384, 1_024


def read_key(
    names: Sequence[str], columns: Sequence[Column], where: Where, faults: Faults
) -> tuple[str, ...]:
    """The columns of the primary key."""
    types = {column.name: column.type for column in columns}
    if len(names) > _MAX_KEY:
        faults.add(where, f"the primary key has {len(names)} columns; BigQuery takes {_MAX_KEY}")
    for name in names:
        if name in types and types[name] not in _KEY_TYPES:
            faults.add(where, f"{name} is a {types[name]}, which cannot be in a primary key")
    return tuple(names)


def read_clustering(
    given: Any, columns: Sequence[Column], where: Where, faults: Faults
) -> tuple[str, ...]:
    """The columns of `clusteredBy`."""
    names = [str(name) for name in given] if isinstance(given, list) else [str(given)]
    types = {column.name: column.type for column in columns if not column.repeated}
    if len(names) > _MAX_CLUSTERING:
        faults.add(where, f"clusteredBy names {len(names)} columns; BigQuery takes up to four")
    for name in names:
        if name not in types:
            faults.add(where, f'clusteredBy names "{name}", which is not a column (or is an array)')
        elif types[name] not in _CLUSTERABLE:
            faults.add(where, f"BigQuery cannot cluster by {name}, a {types[name]}")
    return tuple(names)


def read_labels(given: Any, where: Where, faults: Faults) -> dict[str, str]:
    """The mapping `labels`."""
    if not isinstance(given, dict):
        faults.add(where, "labels must be a mapping")
        return {}
    labels = {str(key): str(value) for key, value in given.items()}
    if len(labels) > _MAX_LABELS:
        faults.add(where, f"{len(labels)} labels; BigQuery takes {_MAX_LABELS}")
    for key, value in labels.items():
        if not key or not key[0].isalpha() or not all(map(_LABEL.fullmatch, (key, value))):
            faults.add(
                where,
                f'label "{key}: {value}": up to 63 lower-case letters, digits, _ and -',
            )
    return labels


def read_lookback(given: Any, where: Where, faults: Faults) -> int | None:
    """`mergeLookbackDays`: how many days back a merge looks."""
    if given is None:
        return None
    if not isinstance(given, int) or isinstance(given, bool) or given < 1:
        faults.add(where, "mergeLookbackDays is a number of days, from 1")
        return None
    return given


def check_description(text: str | None, where: Where, faults: Faults, *, of_column: bool) -> None:
    """Note a description that is too long."""
    most = _MAX_COLUMN_DESCRIPTION if of_column else _MAX_DESCRIPTION
    if text is not None and len(text) > most:
        faults.add(where, f"the description has {len(text):,} characters; BigQuery takes {most:,}")
