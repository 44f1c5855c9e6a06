"""Plan: what differs between a table that is wanted and the one that is there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from google.cloud import bigquery

from connectors.bigquery.tables import DAY_MS
from connectors.bigquery.widening import can_widen, standard_name
from connectors.protocols import Change


@dataclass(slots=True)
class Diff:
    """The changes to one table. `table` is the one that is there with the safe changes made;
    `fields` are its properties to be sent."""

    table: bigquery.Table
    changes: list[Change] = field(default_factory=list)
    fields: list[str] = field(default_factory=list)

    def safe(self, what: str, *fields: str, todo: str | None = None) -> None:
        """Note a change that is made by sending these properties."""
        self._note(what, True, todo)
        self.fields += [name for name in fields if name not in self.fields]

    def unsafe(self, what: str, todo: str) -> None:
        """Note a difference that a person must decide about."""
        self._note(what, False, todo)

    def _note(self, what: str, safe: bool, todo: str | None) -> None:
        self.changes.append(
            Change(target=str(self.table.reference), what=what, safe=safe, todo=todo)
        )


def compare(want: bigquery.Table, have: bigquery.Table) -> Diff:
    """The differences of an existing table against the wanted one."""
    diff = Diff(bigquery.Table.from_api_repr(have.to_api_repr()))
    _compare_facts(diff, want)
    _compare_columns(diff, want)
    _compare_partitions(diff, want)
    _compare_key(diff, want)
    return diff


def _compare_facts(diff: Diff, want: bigquery.Table) -> None:
    if want.description is not None and want.description != diff.table.description:
        diff.table.description = want.description
        diff.safe("change the description", "description")
    labels = {
        key: value for key, value in want.labels.items() if diff.table.labels.get(key) != value
    }
    if labels:
        diff.table.labels = {**diff.table.labels, **labels}
        diff.safe(f"set the labels {', '.join(sorted(labels))}", "labels")


def _compare_columns(diff: Diff, want: bigquery.Table) -> None:
    have = {each.name.casefold(): each for each in diff.table.schema}
    wanted = {each.name.casefold(): each for each in want.schema}
    schema = []
    for there in diff.table.schema:
        asked = wanted.get(there.name.casefold())
        if asked is None:
            diff.unsafe(
                f"column {there.name} is not in the contract",
                "describe it in the contract, or drop it:"
                f" {_alter(diff, f'DROP COLUMN `{there.name}`')}",
            )
            schema.append(there)
        else:
            schema.append(_compare_column(diff, asked, there))
    for name, asked in wanted.items():
        if name not in have:
            todo = None
            if asked.mode == "REQUIRED":
                todo = "BigQuery adds columns as NULLABLE only: older rows hold NULL"
            diff.safe(f"add column {asked.name} {type_of(asked)}", "schema", todo=todo)
            schema.append(_with(asked, mode="NULLABLE"))
    diff.table.schema = schema


def _compare_column(
    diff: Diff, want: bigquery.SchemaField, have: bigquery.SchemaField
) -> bigquery.SchemaField:
    if type_of(want) != type_of(have):
        diff.unsafe(
            f"column {have.name} is {type_of(have)}, the contract says {type_of(want)}",
            _retyping(diff, want, have),
        )
    if missing := [each for each in want.fields if each.name not in _names(have)]:
        for each in missing:
            diff.safe(f"add column {have.name}.{each.name} {type_of(each)}", "schema")
        have = bigquery.SchemaField.from_api_repr(
            {
                **have.to_api_repr(),
                "fields": [each.to_api_repr() for each in (*have.fields, *missing)],
            }
        )
    if have.mode == "REQUIRED" and want.mode == "NULLABLE":
        diff.safe(f"let column {have.name} be NULL", "schema")
        have = _with(have, mode="NULLABLE")
    elif want.mode != have.mode:
        diff.unsafe(
            f"column {have.name} is {have.mode}, the contract says {want.mode}",
            "BigQuery cannot make a column REQUIRED: say so in the contract, or make a new table",
        )
    if want.description is not None and want.description != have.description:
        diff.safe(f"change the description of column {have.name}", "schema")
        return _with(have, description=want.description)
    return have


def _retyping(diff: Diff, want: bigquery.SchemaField, have: bigquery.SchemaField) -> str:
    """How a person gives a column another type."""
    kind = type_of(want)
    if can_widen(have, want):
        change = _alter(diff, f"ALTER COLUMN `{have.name}` SET DATA TYPE {kind}")
        return f"set it in place: {change}"
    before = f"{diff.table.table_id}_before"
    return (
        f"BigQuery only widens types: say {type_of(have)} in the contract, or keep the rows in"
        f" another table ({_alter(diff, f'RENAME TO `{before}`')}), apply again, and copy them into"
        f" the new one with CAST(`{have.name}` AS {kind}), which may refuse or cut values"
    )


def _compare_partitions(diff: Diff, want: bigquery.Table) -> None:
    rebuild = "partitions cannot be changed in place: copy the rows into a new table"
    if layout(want) != layout(diff.table):
        diff.unsafe(f"the table is {layout(diff.table)}, the contract says {layout(want)}", rebuild)
    elif want.time_partitioning is not None:
        by = diff.table.time_partitioning
        if by.expiration_ms != want.time_partitioning.expiration_ms:
            by.expiration_ms = want.time_partitioning.expiration_ms
            diff.table.time_partitioning = by
            kept = f"{by.expiration_ms / DAY_MS:g} days" if by.expiration_ms else "for ever"
            diff.safe(f"keep partitions {kept}", "time_partitioning")
    wanted = bool(want.require_partition_filter)
    if wanted != bool(diff.table.require_partition_filter):
        diff.table.require_partition_filter = wanted
        word = "require" if wanted else "no longer require"
        diff.safe(f"{word} a partition filter", "require_partition_filter")
    if (want.clustering_fields or []) != (diff.table.clustering_fields or []):
        diff.unsafe(
            f"the table is clustered by {_list(diff.table.clustering_fields)},"
            f" the contract says {_list(want.clustering_fields)}",
            "set it with `bq update --clustering_fields=…`; rows already there stay as they are",
        )


def _compare_key(diff: Diff, want: bigquery.Table) -> None:
    wanted, there = key_of(want), key_of(diff.table)
    if wanted == there or not wanted:
        # A key that is not wanted any more is dropped by a statement of its own.
        return
    if there:
        diff.unsafe(
            f"the primary key is {_list(there)}, the contract says {_list(wanted)}",
            _alter(diff, "DROP PRIMARY KEY") + ", then apply again",
        )
    else:
        diff.table.table_constraints = want.table_constraints
        diff.safe(f"set the primary key {_list(wanted)}", "table_constraints")


def key_of(table: bigquery.Table) -> list[str]:
    """The columns of the table's primary key."""
    constraints = table.table_constraints
    if constraints is None or constraints.primary_key is None:
        return []
    return list(constraints.primary_key.columns)


def layout(table: bigquery.Table) -> str:
    """How the table is partitioned, in words."""
    if (by := table.time_partitioning) is not None:
        return f"partitioned by {by.type_} of {by.field or '_PARTITIONTIME'}"
    if (ranges := table.range_partitioning) is not None:
        width = ranges.range_
        return (
            f"partitioned by {ranges.field}"
            f" from {width.start} to {width.end} in steps of {width.interval}"
        )
    return "not partitioned"


def type_of(each: bigquery.SchemaField) -> str:
    """The field's type as SQL writes it: NUMERIC(10, 2), STRING(20), INT64."""
    name = standard_name(each)
    if each.max_length is not None:
        name += f"({each.max_length})"
    elif each.precision is not None:
        name += f"({each.precision}, {each.scale or 0})"
    return f"ARRAY<{name}>" if each.mode == "REPEATED" else name


def _names(each: bigquery.SchemaField) -> set[str]:
    return {inner.name for inner in each.fields}


def _with(each: bigquery.SchemaField, **changes: str) -> bigquery.SchemaField:
    return bigquery.SchemaField.from_api_repr({**each.to_api_repr(), **changes})


def _alter(diff: Diff, what: str) -> str:
    return f"ALTER TABLE `{diff.table.reference}` {what}"


def _list(values: Iterable[str] | None) -> str:
    return ", ".join(values or ()) or "nothing"
