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
    With `leaving` some files leave, whose rows are where `gone` says;
    `replaced` where rows stand in the way of staged
    ones. With `placed` staged rows may have to give way, too: to rows of later files, which for
    `replace_partition` are all those `held` (the same of the staged rows `r`: `held_staged`).
    """

    leaving: bool = False
    replaced: str | None = None
    gone: str | None = None
    placed: bool = False
    held: str | None = None
    held_staged: str | None = None


def script(
    contract: Contract, mode: WriteMode, staged: Staged, tables: Tables, pruned: Pruned
) -> str:
    """The whole script. It does nothing if the batch has committed; see `records.parameters`."""
    statements: list[str] = []
    if pruned.leaving:
        statements += _leaving(tables, pruned)
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
    if mode is not WriteMode.APPEND and pruned.replaced:
        where = pruned.replaced
        if mode is WriteMode.MERGE:
            match = _beaten if pruned.placed else key_match
            where += f" AND {match(contract, staging)}"
        statements += _replacing(where, tables)
    ranked = _ranked(contract, mode, staging)
    if mode is not WriteMode.APPEND:
        lost = f"SELECT `_etl_file` FROM ({ranked}) AS k WHERE NOT `_etl_kept` AND NOT `_etl_under`"
        statements.append(_removed_sql(lost, tables))
    if pruned.placed and mode is not WriteMode.APPEND:
        statements += _yielding(contract, mode, ranked, tables, pruned)
    stays = "r.`_etl_kept`"
    if pruned.placed and (free := _free(contract, mode, tables, pruned)):
        stays += f" AND {free}"
    if pruned.placed:
        back = f"SELECT `_etl_file` FROM ({ranked}) AS r WHERE `_etl_under` AND {stays}"
        statements.append(_removed_sql(back, tables, "'restored'", "-COUNT(*)"))
    columns = [names.column(column.name) for column in contract.columns]
    into = ", ".join([*columns, "`_etl_file`", "`_etl_row`", "`_etl_batch`", "`_etl_loaded_at`"])
    own = ["r.`_etl_file`", "r.`_etl_row`", "IFNULL(u.`batch`, @batch)", "IFNULL(u.`at`, _now)"]
    values = ", ".join([*(f"r.{column}" for column in columns), *own])
    statements.append(
        f"INSERT INTO {tables.target} ({into})\nSELECT {values} FROM ({ranked}) AS r"
        f" LEFT JOIN ({_UNDER}) AS u ON u.`file` = r.`_etl_file` WHERE {stays}"
    )
    return statements


_UNDER = (
    "SELECT JSON_VALUE(f, '$.file') AS `file`, JSON_VALUE(f, '$.batch') AS `batch`,"
    " CAST(JSON_VALUE(f, '$.at') AS TIMESTAMP) AS `at`"
    " FROM UNNEST(JSON_QUERY_ARRAY(@under)) AS f"
)


def _leaving(tables: Tables, pruned: Pruned) -> list[str]:
    """Take out all rows of the files that leave; each is noted, even if no row of it is left."""
    where = f"{pruned.gone or 'FALSE'} AND t.`_etl_file` IN UNNEST(@gone)"
    return [
        f"INSERT INTO {tables.removals} (batch_id, `table`, file_id, `rows`, reason, `at`)\n"
        "SELECT @batch, @target, l.`file`, COUNT(g.`_etl_file`), l.reason, _now FROM"
        " (SELECT JSON_VALUE(f, '$.file') AS `file`, JSON_VALUE(f, '$.reason') AS reason"
        " FROM UNNEST(JSON_QUERY_ARRAY(@leaving)) AS f) AS l LEFT JOIN"
        f" (SELECT t.`_etl_file` FROM {tables.target} AS t WHERE {where}) AS g"
        " ON g.`_etl_file` = l.`file` GROUP BY l.`file`, l.reason",
        f"DELETE FROM {tables.target} AS t WHERE {where}",
    ]


def _replacing(where: str, tables: Tables) -> list[str]:
    return [
        _removed_sql(f"SELECT t.`_etl_file` FROM {tables.target} AS t WHERE {where}", tables),
        f"DELETE FROM {tables.target} AS t WHERE {where}",
    ]


def _removed_sql(
    rows: str, tables: Tables, reason: str = "'replaced'", count: str = "COUNT(*)"
) -> str:
    """Count the files of those rows into the removals."""
    return (
        f"INSERT INTO {tables.removals}"
        " (batch_id, `table`, file_id, `rows`, reason, `at`)\n"
        f"SELECT @batch, @target, `_etl_file`, {count}, {reason}, _now"
        f" FROM ({rows}) AS g GROUP BY `_etl_file`"
    )


def _beaten(contract: Contract, staging: str) -> str:
    """The condition that a row of the target `t` has the key of a staged row of a later file."""
    columns = [contract.column(name) for name in contract.primary_key]
    same = " AND ".join(f"{_value(each, 's')} = t.{names.column(each.name)}" for each in columns)
    return (
        f"EXISTS (SELECT 1 FROM {staging} AS s"
        " JOIN UNNEST(@sequence) AS sn WITH OFFSET AS sp ON sn = s.`_etl_file`"
        " CROSS JOIN UNNEST(@sequence) AS tn WITH OFFSET AS tp"
        f" WHERE {same} AND tn = t.`_etl_file` AND tp < sp)"
    )


def _held_slots(contract: Contract, mode: WriteMode, tables: Tables, pruned: Pruned) -> str | None:
    """What later files hold: key (or partition) and a batch by which they came. What is earlier
    is gone from the table by then."""
    if mode is WriteMode.MERGE:
        slots, within = (
            [f"t.{names.column(name)}" for name in contract.primary_key],
            pruned.replaced,
        )
    else:
        slots, within = [Partitioning(contract, "t").bucket()], pruned.held
    if within is None:
        return None
    named = ", ".join(f"{slot} AS `k{number}`" for number, slot in enumerate(slots))
    groups = ", ".join(f"`k{number}`" for number in range(len(slots)))
    return (
        f"SELECT {named}, MIN(t.`_etl_batch`) AS `_etl_by` FROM {tables.target} AS t"
        f" WHERE {within} GROUP BY {groups}"
    )


def _yielding(
    contract: Contract, mode: WriteMode, ranked: str, tables: Tables, pruned: Pruned
) -> list[str]:
    """Count brought rows that give way to later files, as if the later batch had removed them."""
    held = _held_slots(contract, mode, tables, pruned)
    if held is None:
        return []
    return [
        f"INSERT INTO {tables.removals} (batch_id, `table`, file_id, `rows`, reason, `at`)\n"
        "SELECT h.`_etl_by`, @target, r.`_etl_file`, COUNT(*), 'replaced', _now"
        f" FROM ({ranked}) AS r JOIN ({held}) AS h ON {_same_slot(contract, mode)}"
        " WHERE r.`_etl_kept` AND NOT r.`_etl_under` GROUP BY h.`_etl_by`, r.`_etl_file`"
    ]


def _same_slot(contract: Contract, mode: WriteMode) -> str:
    if mode is WriteMode.MERGE:
        return " AND ".join(
            f"h.`k{number}` = r.{names.column(name)}"
            for number, name in enumerate(contract.primary_key)
        )
    bucket = Partitioning(contract, "r").bucket()
    return f"(h.`k0` = {bucket} OR (h.`k0` IS NULL AND {bucket} IS NULL))"


def _free(contract: Contract, mode: WriteMode, tables: Tables, pruned: Pruned) -> str | None:
    """The condition that no later file holds the place of a staged row `r`."""
    if mode is WriteMode.APPEND:
        return None
    if mode is WriteMode.REPLACE_PARTITION:
        return f"NOT IFNULL({pruned.held_staged}, FALSE)" if pruned.held_staged else None
    held = _held_slots(contract, mode, tables, pruned)
    if held is None:
        return None
    return f"NOT EXISTS (SELECT 1 FROM ({held}) AS h WHERE {_same_slot(contract, mode)})"


def _ranked(contract: Contract, mode: WriteMode, staging: str) -> str:
    """The staged rows in the table's types; `_etl_kept` tells which of them are to stay, and
    `_etl_under` which are not the batch's own."""
    values = [f"{_value(each, 's')} AS {names.column(each.name)}" for each in contract.columns]
    inner = (
        f"SELECT {', '.join([*values, 's.`_etl_file`', 's.`_etl_row`', '`_etl_place`'])}"
        f" FROM {staging} AS s JOIN UNNEST(@sequence) AS `_etl_name` WITH OFFSET AS `_etl_place`"
        " ON `_etl_name` = s.`_etl_file`"
    )
    under = f"`_etl_file` IN (SELECT `file` FROM ({_UNDER}) AS u)"
    return (
        f"SELECT *, {_kept(contract, mode)} AS `_etl_kept`, {under} AS `_etl_under`"
        f" FROM ({inner}) AS r"
    )


def _kept(contract: Contract, mode: WriteMode) -> str:
    """Of rows that replace each other, the last one stays: by file, then by line.

    For `replace_partition` it is the last file of a partition whose rows stay. Rows that nothing
    replaces are in the table already if they come from a standing file.
    """
    fresh = "r.`_etl_file` NOT IN UNNEST(@standing)"
    if mode is WriteMode.APPEND:
        return fresh
    if mode is WriteMode.REPLACE_PARTITION:
        bucket = Partitioning(contract, "r").bucket()
        return f"`_etl_place` = MAX(`_etl_place`) OVER (PARTITION BY {bucket})"
    keys = [f"r.{names.column(name)}" for name in contract.primary_key]
    unkeyed = " OR ".join(f"{key} IS NULL" for key in keys)
    last = (
        f"ROW_NUMBER() OVER (PARTITION BY {', '.join(keys)}"
        " ORDER BY `_etl_place` DESC, `_etl_row` DESC) = 1"
    )
    return f"IF({unkeyed}, {fresh}, {last})"


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
