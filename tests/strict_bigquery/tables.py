"""T7: what a table, a view or a dataset may be: https://cloud.google.com/bigquery/docs/schemas."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from strict_bigquery.refusal import Refusal

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,299}")
_RESERVED_PREFIXES = (
    "_TABLE_",
    "_FILE_",
    "_PARTITION",
    "_ROW_TIMESTAMP",
    "__ROOT__",
    "_COLIDENTIFIER",
)
_RESERVED = {"_CHANGE_TYPE", "_CHANGE_SEQUENCE_NUMBER", "_CHANGE_TIMESTAMP"}
_KEY_TYPES = {
    "BIGNUMERIC", "BOOL", "BOOLEAN", "BYTES", "DATE", "DATETIME", "INT64", "INTEGER", "NUMERIC",
    "STRING", "TIMESTAMP",
}  # fmt: skip
_CLUSTER_TYPES = _KEY_TYPES - {"BYTES"} | {"GEOGRAPHY", "RANGE"}
_HOUR_MS = 60 * 60 * 1000
MOST_COLUMN_DESCRIPTION = 1_024
MOST_DESCRIPTION = 16_384
MOST_COLUMNS = 10_000
MOST_LABELS = 64
MOST_KEY = 16
MOST_CLUSTERING = 4


def check_dataset(resource: Mapping[str, Any]) -> None:
    """Raise Refusal for a dataset that cannot be."""
    check_labels(resource)
    expiration = resource.get("defaultTableExpirationMs")
    if expiration is not None and int(expiration) < _HOUR_MS:
        _refuse("Invalid value for default table expiration: the minimum is 3600000 milliseconds")
    travel = resource.get("maxTimeTravelHours")
    if travel is not None and not (48 <= int(travel) <= 168 and int(travel) % 24 == 0):
        _refuse("Invalid value for max_time_travel_hours: it must be 48 to 168, in steps of 24")


def check_table(resource: Mapping[str, Any], before: Mapping[str, Any] | None = None) -> None:
    """Raise Refusal for a table or a view that cannot be, or cannot become so from `before`."""
    check_labels(resource)
    if len((resource.get("description") or "").encode()) > MOST_DESCRIPTION:
        _refuse("Table description is too long")
    fields = list((resource.get("schema") or {}).get("fields", []))
    _check_fields(fields)
    types = {each["name"].casefold(): each for each in fields}
    key = ((resource.get("tableConstraints") or {}).get("primaryKey") or {}).get("columns") or []
    _check_key(key, types)
    _check_clustering(resource, types)
    by = resource.get("timePartitioning") or {}
    expiration = by.get("expirationMs")
    if expiration is not None and int(expiration) < 1:
        _refuse("Partition expiration must be positive")
    if before is not None and fields:
        _check_change(fields, list((before.get("schema") or {}).get("fields", [])))


def check_labels(resource: Mapping[str, Any]) -> None:
    """Raise Refusal for labels that cannot be."""
    labels = resource.get("labels") or {}
    if len(labels) > MOST_LABELS:
        _refuse(f"Number of labels exceeds the limit of {MOST_LABELS}")
    for key, value in labels.items():
        if not key or len(key) > 63 or not key[0].isalpha() or not _is_label(key):
            _refuse(f"Invalid label key: {key!r}")
        if value is not None and (len(value) > 63 or not _is_label(value)):
            _refuse(f"Invalid label value: {value!r}")


def _is_label(text: str) -> bool:
    return all((each.isalnum() and not each.isupper()) or each in "-_" for each in text)


def _check_fields(fields: list[Mapping[str, Any]]) -> None:
    if len(fields) > MOST_COLUMNS:
        _refuse(f"Too many columns: {len(fields)}; the limit is {MOST_COLUMNS}")
    seen = set()
    for each in fields:
        name = each["name"]
        if not _NAME.fullmatch(name):
            _refuse(f'Invalid field name "{name}". Fields must contain the allowed characters, and'
                    " be at most 300 characters long.")  # fmt: skip
        if name.upper() in _RESERVED or name.upper().startswith(_RESERVED_PREFIXES):
            _refuse(f"Invalid field name: {name} is a reserved name")
        if name.casefold() in seen:
            _refuse(f"Duplicate field name: {name}")
        seen.add(name.casefold())
        if len(each.get("description") or "") > MOST_COLUMN_DESCRIPTION:
            _refuse(f"The description for field {name} is too long. The maximum length is 1024"
                    " characters.")  # fmt: skip
        if each.get("precision") is not None:
            _check_digits(each)
        if "fields" in each:
            _check_fields(each["fields"])


def _check_digits(each: Mapping[str, Any]) -> None:
    precision, scale = int(each["precision"]), int(each.get("scale") or 0)
    most, least = (29, 9) if each["type"] == "NUMERIC" else (38, 38)
    if scale > least or not max(1, scale) <= precision <= scale + most:
        _refuse(f"Invalid precision {precision} and scale {scale} of field {each['name']}")


def _check_key(key: list[str], types: Mapping[str, Mapping[str, Any]]) -> None:
    if len(key) > MOST_KEY:
        _refuse(f"Primary key has {len(key)} columns; the limit is {MOST_KEY}")
    for name in key:
        each = types.get(name.casefold())
        if each is None:
            _refuse(f"Primary key column {name} is not in the table")
        elif each["type"].upper() not in _KEY_TYPES or each.get("mode") == "REPEATED":
            _refuse(f"Primary key column {name} has unsupported type {each['type']}")


def _check_clustering(resource: Mapping[str, Any], types: Mapping[str, Mapping[str, Any]]) -> None:
    names = (resource.get("clustering") or {}).get("fields") or []
    if len(names) > MOST_CLUSTERING:
        _refuse(f"Clustering takes {MOST_CLUSTERING} columns at most")
    for name in names:
        each = types.get(name.casefold())
        if each is not None and each["type"].upper() not in _CLUSTER_TYPES:
            _refuse(f"Clustering is not supported on column {name} of type {each['type']}")


def _check_change(fields: list[Mapping[str, Any]], before: list[Mapping[str, Any]]) -> None:
    now = {each["name"].casefold(): each for each in fields}
    there = {each["name"].casefold(): each for each in before}
    for name, each in there.items():
        if name not in now:
            _refuse(f"Provided Schema does not match Table. Field {each['name']} is missing in new"
                    " schema")  # fmt: skip
        elif (each.get("mode") or "NULLABLE") == "NULLABLE" and now[name].get("mode") == "REQUIRED":
            _refuse(f"Provided Schema does not match Table. Field {each['name']} has changed mode"
                    " from NULLABLE to REQUIRED")  # fmt: skip
    for name, each in now.items():
        if name not in there and there and each.get("mode") == "REQUIRED":
            _refuse(f"Provided Schema does not match Table. Cannot add required fields to an"
                    f" existing schema. (field: {each['name']})")  # fmt: skip


def _refuse(message: str) -> None:
    raise Refusal("invalid", message)
