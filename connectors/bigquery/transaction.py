"""The transaction: SQL that commits a batch's rows together with their bookkeeping, or nothing.

Identifiers are checked and quoted by `names`, partitions rendered by `partitions`; everything else
is a query parameter.
"""

# ruff: noqa: S608

from __future__ import annotations

from dataclasses import dataclass

from connectors.bigquery import names
from connectors.bigquery.errors import STAGING_INCOMPLETE
from connectors.bigquery.loader import Staged
from connectors.bigquery.partitions import Partitioning
from connectors.bigquery.records import (
    Tables,
    insert_batch,
    insert_files,
    insert_rejected_rows,
)
from schemas.batch import WriteMode
from schemas.contract import Column, Contract, Type


@dataclass(frozen=True, kw_only=True, slots=True)
class Pruned:
    """Conditions of constants only, by which BigQuery leaves out partitions of the target `t`.

    None means that no partition can hold such rows, TRUE that the table has no partitions.
    `replayed` are files whose rows the table already has from an earlier load.
    """

    replaced: str | None = None
    replayed: tuple[str, ...] = ()
    replayed_within: str | None = None


def script(
    contract: Contract, mode: WriteMode, staged: Staged, tables: Tables, pruned: Pruned
) -> str:
    """The whole script. It does nothing if the batch has committed; see `records.parameters`."""
    statements: list[str] = []
    if staged.table:
        statements += _data(contract, mode, names.table(*staged.table.split(".")), tables, pruned)
    if staged.rejects:
        statements.append(insert_rejected_rows(names.table(*staged.rejects.split(".")), tables))
    statements += [insert_files(tables), insert_batch(tables)]
    body = "\n".join(f"{statement};" for statement in statements)
    return (
        "DECLARE _committed BOOL DEFAULT"
        f" (SELECT COUNT(*) > 0 FROM {tables.batches} WHERE batch_id = @batch);\n"
        "DECLARE _now TIMESTAMP DEFAULT CURRENT_TIMESTAMP();\n"
        "IF NOT _committed THEN\n"
        f"{_checks(staged)}"
        f"BEGIN TRANSACTION;\n{body}\nCOMMIT TRANSACTION;\n"
        "END IF;"
    )


def key_match(contract: Contract, staging: str) -> str:
    """The condition that a row of the target `t` has the key of a staged row."""
    columns = [contract.column(name) for name in contract.primary_key]
    same = " AND ".join(f"{_value(each, 's')} = t.{names.column(each.name)}" for each in columns)
    return f"EXISTS (SELECT 1 FROM {staging} AS s WHERE {same})"


def _checks(staged: Staged) -> str:
    """Refuse to go on unless the staging tables hold what was staged."""
    return "".join(
        f"IF (SELECT COUNT(*) FROM {names.table(*table.split('.'))}"
        f" WHERE `_etl_file` IN UNNEST(@sequence)) != {expected} THEN"
        f" RAISE USING MESSAGE = '{STAGING_INCOMPLETE}'; END IF;\n"
        for table, expected in ((staged.table, "@staged"), (staged.rejects, "@rejected"))
        if table
    )


def _data(
    contract: Contract, mode: WriteMode, staging: str, tables: Tables, pruned: Pruned
) -> list[str]:
    """Take out what is replaced, count it by file, and insert the staged rows."""
    statements: list[str] = []
    if pruned.replayed and pruned.replayed_within:
        where = f"{pruned.replayed_within} AND t.`_etl_file` IN UNNEST(@replayed)"
        statements += _removal(where, tables)
    if mode is not WriteMode.APPEND and pruned.replaced:
        where = pruned.replaced
        if mode is WriteMode.MERGE:
            where += f" AND {key_match(contract, staging)}"
        statements += _removal(where, tables)
    ranked = _ranked(contract, mode, staging)
    if mode is not WriteMode.APPEND:
        statements.append(
            _removed_sql(f"SELECT `_etl_file` FROM ({ranked}) WHERE NOT `_etl_kept`", tables)
        )
    columns = [names.column(column.name) for column in contract.columns]
    into = ", ".join([*columns, "`_etl_file`", "`_etl_row`", "`_etl_batch`", "`_etl_loaded_at`"])
    values = ", ".join([*columns, "`_etl_file`", "`_etl_row`", "@batch", "_now"])
    statements.append(
        f"INSERT INTO {tables.target} ({into})\nSELECT {values} FROM ({ranked}) WHERE `_etl_kept`"
    )
    return statements


def _removal(where: str, tables: Tables) -> list[str]:
    return [
        _removed_sql(f"SELECT t.`_etl_file` FROM {tables.target} AS t WHERE {where}", tables),
        f"DELETE FROM {tables.target} AS t WHERE {where}",
    ]


def _removed_sql(rows: str, tables: Tables) -> str:
    """Count the files of those rows into the removals."""
    return (
        f"INSERT INTO {tables.removals}"
        " (batch_id, `table`, file_id, `rows`, reason, `at`)\n"
        "SELECT @batch, @target, `_etl_file`, COUNT(*), 'replaced', _now"
        f" FROM ({rows}) GROUP BY `_etl_file`"
    )


def _ranked(contract: Contract, mode: WriteMode, staging: str) -> str:
    """The staged rows in the table's types; `_etl_kept` tells which of them are to stay."""
    values = [f"{_value(each, 's')} AS {names.column(each.name)}" for each in contract.columns]
    inner = (
        f"SELECT {', '.join([*values, 's.`_etl_file`', 's.`_etl_row`', '`_etl_place`'])}"
        f" FROM {staging} AS s JOIN UNNEST(@sequence) AS `_etl_name` WITH OFFSET AS `_etl_place`"
        " ON `_etl_name` = s.`_etl_file`"
    )
    return f"SELECT *, {_kept(contract, mode)} AS `_etl_kept` FROM ({inner}) AS r"


def _kept(contract: Contract, mode: WriteMode) -> str:
    """Of rows that replace each other, the last one stays: by file, then by line.

    For `replace_partition` it is the last file of a partition whose rows stay.
    """
    if mode is WriteMode.APPEND:
        return "TRUE"
    if mode is WriteMode.REPLACE_PARTITION:
        bucket = Partitioning(contract, "r").bucket()
        return f"`_etl_place` = MAX(`_etl_place`) OVER (PARTITION BY {bucket})"
    keys = [f"r.{names.column(name)}" for name in contract.primary_key]
    unkeyed = " OR ".join(f"{key} IS NULL" for key in keys)
    last = (
        f"ROW_NUMBER() OVER (PARTITION BY {', '.join(keys)}"
        " ORDER BY `_etl_place` DESC, `_etl_row` DESC) = 1"
    )
    return f"({unkeyed} OR {last})"


def _value(column: Column, alias: str) -> str:
    """A staged column in its own type; some are staged as text."""
    name = f"{alias}.{names.column(column.name)}"
    match column.type:
        case Type.JSON:
            return f"PARSE_JSON({name})"
        case Type.BIGNUMERIC:
            return f"CAST({name} AS BIGNUMERIC)"
        case _:
            return name
