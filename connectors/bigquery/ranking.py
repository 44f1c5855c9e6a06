"""Ranking: the staged rows in the table's own types, and which of them are to stay."""

# ruff: noqa: S608

from __future__ import annotations

from connectors.bigquery import names
from connectors.bigquery.partitions import Partitioning
from schemas.batch import WriteMode
from schemas.contract import Column, Contract, Type

UNDER = (
    "SELECT JSON_VALUE(_etl_f, '$.file') AS `file`, JSON_VALUE(_etl_f, '$.batch') AS `batch`,"
    " CAST(JSON_VALUE(_etl_f, '$.at') AS TIMESTAMP) AS `at`"
    " FROM UNNEST(JSON_QUERY_ARRAY(@under)) AS _etl_f"
)
"""The files under those that leave, with the batch and the time by which they had come."""


def same_key(contract: Contract) -> str:
    """The condition that a staged row `_etl_s` has the key of a row of the target `_etl_t`."""
    columns = [contract.column(name) for name in contract.primary_key]
    return " AND ".join(
        f"{_value(each, '_etl_s')} = _etl_t.{names.column(each.name)}" for each in columns
    )


def ranked_rows(contract: Contract, mode: WriteMode, staging: str) -> str:
    """The staged rows in the table's types; `_etl_kept` tells which of them are to stay, and
    `_etl_under` which are not the batch's own."""
    values = [f"{_value(each, '_etl_s')} AS {names.column(each.name)}" for each in contract.columns]
    values += ["_etl_s.`_etl_file`", "_etl_s.`_etl_row`", "_etl_place"]
    if mode is WriteMode.REPLACE_PARTITION:
        values.append("_etl_unit")
    inner = (
        f"SELECT {', '.join(values)} FROM {staging} AS _etl_s"
        " JOIN UNNEST(@sequence) AS _etl_name WITH OFFSET AS _etl_place"
        " ON _etl_name = _etl_s.`_etl_file`"
    )
    if mode is WriteMode.REPLACE_PARTITION:
        inner += " JOIN UNNEST(@units) AS _etl_unit WITH OFFSET AS _etl_of ON _etl_of = _etl_place"
    under = f"_etl_r.`_etl_file` IN (SELECT _etl_u.`file` FROM ({UNDER}) AS _etl_u)"
    return (
        f"SELECT _etl_r.*, {_kept(contract, mode)} AS `_etl_kept`, {under} AS `_etl_under`"
        f" FROM ({inner}) AS _etl_r"
    )


def _kept(contract: Contract, mode: WriteMode) -> str:
    """Of rows that replace each other, the last one stays: by file, then by line.

    For `replace_partition` it is the last file of a partition whose rows stay, and its
    corrections. Rows that nothing
    replaces are in the table already if they come from a standing file.
    """
    fresh = "_etl_r.`_etl_file` NOT IN UNNEST(@standing)"
    if mode is WriteMode.APPEND:
        return fresh
    if mode is WriteMode.REPLACE_PARTITION:
        bucket = Partitioning(contract, "_etl_r").bucket()
        return f"_etl_r._etl_unit = MAX(_etl_r._etl_unit) OVER (PARTITION BY {bucket})"
    keys = [f"_etl_r.{names.column(name)}" for name in contract.primary_key]
    unkeyed = " OR ".join(f"{key} IS NULL" for key in keys)
    last = (
        f"ROW_NUMBER() OVER (PARTITION BY {', '.join(keys)}"
        " ORDER BY _etl_r._etl_place DESC, _etl_r.`_etl_row` DESC) = 1"
    )
    return f"IF({unkeyed}, {fresh}, {last})"


def _value(column: Column, alias: str) -> str:
    """A staged column in its own type; some are staged as text."""
    name = f"{alias}.{names.column(column.name)}"
    if column.repeated:
        element = (
            "FROM_BASE64(_etl_e)"
            if column.type is Type.BYTES
            else (f"CAST(_etl_e AS {column.type})")
        )
        return (
            f"ARRAY(SELECT {element} FROM UNNEST(JSON_VALUE_ARRAY({name})) AS _etl_e"
            " WITH OFFSET AS _etl_o ORDER BY _etl_o)"
        )
    match column.type:
        case Type.BYTES:
            return f"FROM_BASE64({name})"
        case Type.JSON:
            # Exact numbers would fail the whole batch over one that a double cannot hold.
            return f"PARSE_JSON({name}, wide_number_mode => 'round')"
        case Type.BIGNUMERIC:
            return f"CAST({name} AS BIGNUMERIC)"
        case _:
            return name
