"""Tables as BigQuery describes them, made from contracts."""

from __future__ import annotations

from collections.abc import Iterable

from google.cloud import bigquery
from google.cloud.bigquery.table import PrimaryKey, TableConstraints

from connectors.bigquery import names
from schemas.contract import LINEAGE, Column, Contract, RangePartition, TimePartition, Type

DAY_MS = 24 * 60 * 60 * 1000


def field_of(column: Column) -> bigquery.SchemaField:
    """The column's schema field."""
    names.column(column.name)
    facts: dict[str, object] = {
        "name": column.name,
        "type": column.type.value,
        "mode": _mode(column),
        "description": column.description,
        "precision": column.precision,
        "scale": column.scale,
        "maxLength": column.max_length,
    }
    return bigquery.SchemaField.from_api_repr(
        {name: value for name, value in facts.items() if value is not None}
    )


def _mode(column: Column) -> str:
    if column.repeated:
        return "REPEATED"
    return "REQUIRED" if column.required else "NULLABLE"


def table_of(contract: Contract, table_id: str) -> bigquery.Table:
    """The table that the contract describes, lineage columns included."""
    names.table(*table_id.split("."))
    fields = [field_of(column) for column in (*contract.columns, *LINEAGE)]
    table = bigquery.Table(table_id, schema=fields)
    table.description = contract.description
    table.labels = dict(contract.labels)
    _partition(table, contract)
    if contract.clustering:
        table.clustering_fields = list(contract.clustering)
    if contract.primary_key and contract.declares_key:
        table.table_constraints = primary_key(contract.primary_key)
    return table


def primary_key(columns: Iterable[str]) -> TableConstraints:
    """A primary key. BigQuery does not enforce it; its optimizer and its readers use it."""
    return TableConstraints(primary_key=PrimaryKey(columns=list(columns)), foreign_keys=None)


def _partition(table: bigquery.Table, contract: Contract) -> None:
    match contract.partition:
        case TimePartition() as by:
            days = by.expiration_days
            table.time_partitioning = bigquery.TimePartitioning(
                type_=by.granularity.value,
                field=by.column,
                expiration_ms=days * DAY_MS if days else None,
            )
        case RangePartition() as by:
            table.range_partitioning = bigquery.RangePartitioning(
                field=by.column,
                range_=bigquery.PartitionRange(start=by.start, end=by.end, interval=by.interval),
            )
    if contract.partition is not None:
        table.require_partition_filter = contract.require_partition_filter


def staging_fields(contract: Contract, *, direct: bool) -> list[bigquery.SchemaField]:
    """The staging table's fields: everything NULLABLE, without limits of length and digits.

    JSON, arrays and bytes are staged as text. So is BIGNUMERIC, unless the job reads our staged
    files `direct`ly: there it is the 256-bit decimal that BigQuery reads and some other readers do
    not.
    """
    lineage = [column for column in LINEAGE if column.name in ("_etl_file", "_etl_row")]

    def kind(column: Column) -> str:
        is_text = column.travels_as_text or (not direct and column.type is Type.BIGNUMERIC)
        return "STRING" if is_text else column.type.value

    return [
        bigquery.SchemaField(column.name, kind(column)) for column in (*contract.columns, *lineage)
    ]
