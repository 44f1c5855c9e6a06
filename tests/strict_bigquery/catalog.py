"""Tables and views as the emulator has them, for the analyzer, with what the rules ask of them."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from zetasql.wasi._pb2.zetasql.public import simple_table_pb2, type_pb2

_KINDS = {
    "STRING": "STRING", "BYTES": "BYTES", "INTEGER": "INT64", "INT64": "INT64", "FLOAT": "DOUBLE",
    "FLOAT64": "DOUBLE", "BOOLEAN": "BOOL", "BOOL": "BOOL", "NUMERIC": "NUMERIC",
    "BIGNUMERIC": "BIGNUMERIC", "DATE": "DATE", "DATETIME": "DATETIME", "TIME": "TIME",
    "TIMESTAMP": "TIMESTAMP", "JSON": "JSON", "GEOGRAPHY": "GEOGRAPHY", "INTERVAL": "INTERVAL",
}  # fmt: skip
_JOBS = (
    ("creation_time", "TIMESTAMP"), ("project_id", "STRING"), ("user_email", "STRING"),
    ("job_id", "STRING"), ("job_type", "STRING"), ("statement_type", "STRING"),
    ("state", "STRING"), ("total_bytes_billed", "INTEGER"), ("total_slot_ms", "INTEGER"),
    ("parent_job_id", "STRING"),
)  # fmt: skip


@dataclass(frozen=True)
class Table:
    """A table or view."""

    project: str
    dataset: str
    name: str
    resource: Mapping[str, Any]

    @property
    def label(self) -> str:
        """As messages name it: project:dataset.table."""
        return f"{self.project}:{self.dataset}.{self.name}"

    @property
    def fields(self) -> list[Mapping[str, Any]]:
        """Its columns."""
        return list(self.resource.get("schema", {}).get("fields", []))

    @property
    def partition_column(self) -> str | None:
        """The column it is partitioned by."""
        by = self.resource.get("timePartitioning") or self.resource.get("rangePartitioning") or {}
        return by.get("field")

    @property
    def needs_filter(self) -> bool:
        """Whether every query must name partitions."""
        by = self.resource.get("timePartitioning") or {}
        return bool(self.resource.get("requirePartitionFilter") or by.get("requirePartitionFilter"))

    @cached_property
    def fingerprint(self) -> str:
        """What the analyzer's verdict depends on."""
        facts = [self.fields, self.partition_column, self.needs_filter]
        return json.dumps(facts, sort_keys=True)

    def proto(self, path: tuple[str, ...]) -> Any:
        """The table for the analyzer, under the path by which a statement calls it."""
        found = simple_table_pb2.SimpleTableProto(name=path[-1], full_name=".".join(path))
        for each in self.fields:
            column = found.column.add()
            column.name = each["name"]
            column.type.CopyFrom(type_of_field(each))
        return found


def created(statement: Any) -> Any:
    """The table that an analyzed CREATE TABLE makes, for the analyzer."""
    base = statement
    while "column_definition_list" not in base.DESCRIPTOR.fields_by_name:
        base = base.parent
    columns = base.column_definition_list
    while "name_path" not in base.DESCRIPTOR.fields_by_name:
        base = base.parent
    found = simple_table_pb2.SimpleTableProto(
        name=base.name_path[-1], full_name=".".join(base.name_path)
    )
    for each in columns:
        column = found.column.add()
        column.name = each.name
        column.type.CopyFrom(each.type)
    return found


def type_of_field(field: Mapping[str, Any]) -> Any:
    """A column's type."""
    kind = field["type"].upper()
    found = type_pb2.TypeProto()
    if kind in ("RECORD", "STRUCT"):
        found.type_kind = type_pb2.TYPE_STRUCT
        for each in field["fields"]:
            inner = found.struct_type.field.add()
            inner.field_name = each["name"]
            inner.field_type.CopyFrom(type_of_field(each))
    else:
        found.type_kind = type_pb2.TypeKind.Value(f"TYPE_{_KINDS[kind]}")
    return array_of(found) if field.get("mode") == "REPEATED" else found


def array_of(element: Any) -> Any:
    """The type of arrays of that."""
    found = type_pb2.TypeProto(type_kind=type_pb2.TYPE_ARRAY)
    found.array_type.element_type.CopyFrom(element)
    return found


def type_named(name: str) -> Any:
    """A type as SQL writes it, such as STRING or ARRAY<INT64>."""
    name = name.strip().upper() or "STRING"
    if name.startswith("ARRAY<"):
        return array_of(type_named(name[6:-1]))
    return type_of_field({"type": name.partition("(")[0]})


def type_of_parameter(declared: Mapping[str, Any]) -> Any:
    """A query parameter's type."""
    if declared["type"] == "ARRAY":
        return array_of(type_of_parameter(declared["arrayType"]))
    return type_of_field({"type": declared["type"]})


class Catalog:
    """The tables of one emulator, asked for once and kept until something changes them."""

    def __init__(self, get: Callable[[str], Mapping[str, Any] | None]) -> None:
        self._get, self._known = get, dict[str, Table | None]()
        self._lock = threading.Lock()

    def forget(self) -> None:
        """Something has been made, changed or removed."""
        with self._lock:
            self._known.clear()

    def find(self, written: str, project: str, default_dataset: str | None) -> Table | None:
        """The table that a statement calls so; None if there is none."""
        if "INFORMATION_SCHEMA.JOBS" in written.upper():
            fields = [{"name": name, "type": kind} for name, kind in _JOBS]
            return Table(project, "INFORMATION_SCHEMA", "JOBS", {"schema": {"fields": fields}})
        parts = written.split(".")
        if len(parts) == 1 and default_dataset:
            parts = [default_dataset, *parts]
        if len(parts) == 2:
            parts = [project, *parts]
        if len(parts) != 3:
            return None
        path = "/bigquery/v2/projects/{}/datasets/{}/tables/{}".format(*parts)
        with self._lock:
            if path in self._known:
                return self._known[path]
        resource = self._get(path)
        found = Table(parts[0], parts[1], parts[2], resource) if resource else None
        with self._lock:
            self._known[path] = found
        return found
