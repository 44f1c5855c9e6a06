"""T8: load jobs: whether a Parquet file fits the schema it is loaded by, and that the table's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from strict_bigquery.catalog import Table
from strict_bigquery.refusal import Refusal

_STANDARD = {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL", "STRUCT": "RECORD"}


def check_schema(wanted: Mapping[str, Any] | None, table: Table | None) -> None:
    """Raise Refusal if a load job's own schema is not the table's."""
    if table is None or not wanted:
        return
    there = {each["name"].casefold(): each for each in table.fields}
    for each in wanted["fields"]:
        known = there.get(each["name"].casefold())
        if known is None:
            raise Refusal(
                "invalid", f"Provided Schema does not match Table {table.label}. Cannot add fields"
                f" (field: {each['name']})",
            )  # fmt: skip
        if _type(known) != _type(each):
            raise Refusal(
                "invalid", f"Provided Schema does not match Table {table.label}. Field"
                f" {each['name']} has changed type from {known['type']} to {each['type']}",
            )  # fmt: skip


def check_parquet(path: Path, fields: list[Mapping[str, Any]]) -> None:
    """Raise Refusal if the file's columns are not of the types of the fields.

    https://cloud.google.com/bigquery/docs/loading-data-cloud-storage-parquet#type_conversions
    """
    try:
        schema = pq.read_schema(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise _unreadable(f"Input file is not in Parquet format. {error}") from error
    types = {name.casefold(): schema.field(name).type for name in schema.names}
    for each in fields:
        found = types.get(each["name"].casefold())
        if found is None:
            if each.get("mode") == "REQUIRED":
                raise _unreadable(f"Parquet column '{each['name']}' is missing")
        elif not _fits(found, each):
            raise _unreadable(
                f"Parquet column '{each['name']}' has type {found} which does not match the target"
                f" cpp_type {each['type']}."
            )


def _unreadable(what: str) -> Refusal:
    return Refusal("invalid", f"Error while reading data, error message: {what}")


def _type(field: Mapping[str, Any]) -> tuple[str, bool]:
    name = field["type"].upper()
    return _STANDARD.get(name, name), field.get("mode") == "REPEATED"


def _fits(found: pa.DataType, field: Mapping[str, Any]) -> bool:
    name, repeated = _type(field)
    if repeated:
        return pa.types.is_list(found) and _fits(found.value_type, {**field, "mode": "NULLABLE"})
    types = pa.types
    match name:
        case "STRING":
            return bool(types.is_string(found) or types.is_large_string(found))
        case "BYTES":
            return bool(types.is_binary(found) or types.is_large_binary(found))
        case "INT64":
            return bool(types.is_integer(found))
        case "FLOAT64":
            return bool(types.is_floating(found))
        case "BOOL":
            return bool(types.is_boolean(found))
        case "DATE":
            return bool(types.is_date32(found))
        case "TIME":
            return bool(types.is_time(found) and found.unit in ("us", "ms"))
        case "TIMESTAMP":
            return bool(
                types.is_timestamp(found) and found.tz is not None and found.unit in ("us", "ms")
            )
        case "DATETIME":
            return bool(
                types.is_timestamp(found) and found.tz is None and found.unit in ("us", "ms")
            )
        case "NUMERIC":
            return bool(types.is_decimal128(found) and found.scale <= 9 and found.precision <= 38)
        case "BIGNUMERIC":
            return bool(types.is_decimal(found))
    # JSON, GEOGRAPHY and RECORD do not come from a Parquet file of ours.
    return False
