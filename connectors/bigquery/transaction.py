"""The transaction: SQL that commits a batch's rows together with their bookkeeping, or nothing.

Identifiers are checked and quoted by `names`, partitions rendered by `partitions`; everything else
is a query parameter. What the script names itself begins with `_etl_`, which no column of a
contract may: a column `t` or `_now` would hide an alias or a variable, and BigQuery would say
nothing.
"""

# ruff: noqa: S608

from __future__ import annotations

from dataclasses import dataclass

from connectors.bigquery import names
from connectors.bigquery.errors import OTHER_GENERATION, STAGING_INCOMPLETE
from connectors.bigquery.loader import Staged
from connectors.bigquery.partitions import Partitioning
from connectors.bigquery.ranking import UNDER, ranked_rows, same_key
from connectors.bigquery.records import (
    Tables,
    insert_commit,
    insert_inline_rejects,
    insert_rejected_rows,
)
from schemas.batch import WriteMode
from schemas.contract import Contract


@dataclass(frozen=True, kw_only=True, slots=True)
class Pruned:
    """Conditions of constants only, by which BigQuery leaves out partitions of the target `_etl_t`.

    None means that no partition can hold such rows, TRUE that the table has no partitions.
    With `leaving` some files leave, whose rows are where `gone` says;
    `replaced` where rows stand in the way of staged ones, `corrected` where those of earlier
    corrections of the same file are. With `placed` staged rows may have to give way, too: to rows
    of later files, which for `replace_partition` are all those `held` (the same of the staged rows
    `_etl_r`: `held_staged`).
    """

    leaving: bool = False
    replaced: str | None = None
    gone: str | None = None
    placed: bool = False
    corrected: str | None = None
    held: str | None = None
    held_staged: str | None = None


def script(
    contract: Contract, mode: WriteMode, staged: Staged, tables: Tables, pruned: Pruned
) -> str:
    """The whole script. It does nothing if the batch has committed; see `records.parameters`. It
    fails if the table's last commit is not the one that the ledger knows of.

    Both are asked within the transaction, and every transaction of the batch empties the
    same staging table: of two that run side by side, BigQuery lets one commit
    (https://cloud.google.com/bigquery/docs/transactions#transaction_concurrency).
    """
    body = "".join(f"{each};\n" for each in statements(contract, mode, staged, tables, pruned))
    return (
        "DECLARE _etl_last INT64;\n"
        "DECLARE _etl_now TIMESTAMP DEFAULT CURRENT_TIMESTAMP();\n"
        "BEGIN TRANSACTION;\n"
        f"SET _etl_last = ({last_commit(tables)});\n"
        f"IF _etl_last >= 0 THEN\n"
        f"IF _etl_last != @before THEN RAISE USING MESSAGE = '{OTHER_GENERATION}'; END IF;\n"
        f"{_checks(staged)}{body}"
        "END IF;\n"
        "COMMIT TRANSACTION;"
    )


def last_commit(tables: Tables) -> str:
    """The query for the generation of the table's last commit, 0 for none; -1 if the batch itself
    has committed. One question, for each is billed for 10 MB at least."""
    return (
        "SELECT IF(COUNTIF(batch_id = @batch) > 0, -1,"
        " IFNULL(MAX(IF(`table` = @target, generation, NULL)), 0))"
        f" FROM {tables.commits} WHERE committed_at >= @since"
    )


def statements(
    contract: Contract, mode: WriteMode, staged: Staged, tables: Tables, pruned: Pruned
) -> list[str]:
    """What the script does to the tables, in order."""
    has_removals = pruned.leaving or mode is not WriteMode.APPEND or pruned.placed
    found: list[str] = []
    if has_removals:
        found.append(
            "CREATE TEMP TABLE _etl_removals"
            " (file_id STRING, `rows` INT64, reason STRING, by_batch STRING)"
        )
    if pruned.leaving:
        found += _leaving(tables, pruned)
    staging = names.table(*staged.table.split("."))
    if staged.has_rows:
        found += _data(contract, mode, staging, tables, pruned)
    if staged.rejects:
        found.append(insert_rejected_rows(names.table(*staged.rejects.split(".")), tables))
    if staged.inline_rejects:
        found.append(insert_inline_rejects(tables))
    found += [insert_commit(tables, has_removals=has_removals), f"TRUNCATE TABLE {staging}"]
    return found


def key_match(contract: Contract, staging: str) -> str:
    """The condition that a row of the target `_etl_t` has the key of a staged row."""
    return f"EXISTS (SELECT 1 FROM {staging} AS _etl_s WHERE {same_key(contract)})"


def holders_sql(contract: Contract, table: str, where: str) -> str:
    """The query for the partitions and files of rows that stay, where the condition holds, each
    with the time of its oldest row."""
    by = Partitioning(contract, "_etl_t") if contract.partition is not None else None
    return (
        f"SELECT {by.bucket() if by else 'NULL'} AS `_etl_start`, _etl_t.`_etl_file`,"
        " MIN(_etl_t.`_etl_loaded_at`) AS `_etl_oldest`"
        f" FROM {names.table(*table.split('.'))} AS _etl_t"
        f" WHERE {where} AND _etl_t.`_etl_file` NOT IN UNNEST(@gone) GROUP BY 1, 2"
    )


def matched_sql(contract: Contract, table: str, staging: str, where: str) -> str:
    """The query for the partitions that hold rows with a staged key."""
    match = key_match(contract, names.table(*staging.split(".")))
    return (
        f"SELECT DISTINCT {Partitioning(contract, '_etl_t').bucket()} AS `_etl_start`"
        f" FROM {names.table(*table.split('.'))} AS _etl_t WHERE {where} AND {match}"
    )


def _checks(staged: Staged) -> str:
    """Refuse to go on unless the staging tables hold what was staged."""
    return "".join(
        f"IF (SELECT COUNT(*) FROM {names.table(*table.split('.'))} AS _etl_s"
        f" WHERE _etl_s.`_etl_file` IN UNNEST(@sequence)) != {expected} THEN"
        f" RAISE USING MESSAGE = '{STAGING_INCOMPLETE}'; END IF;\n"
        for table, expected in (
            (staged.table if staged.has_rows else None, "@staged"),
            (staged.rejects, "@rejected"),
        )
        if table
    )


def _data(
    contract: Contract, mode: WriteMode, staging: str, tables: Tables, pruned: Pruned
) -> list[str]:
    """Take out what is replaced, count it by file, and insert the staged rows."""
    found: list[str] = []
    if pruned.corrected:
        found += _replacing(f"{pruned.corrected} AND {_corrected_again(staging)}", tables)
    if mode is not WriteMode.APPEND and pruned.replaced:
        where = pruned.replaced
        if mode is WriteMode.MERGE:
            match = _beaten if pruned.placed else key_match
            where += f" AND {match(contract, staging)}"
        found += _replacing(where, tables)
    ranked = ranked_rows(contract, mode, staging)
    if mode is not WriteMode.APPEND:
        lost = (
            f"SELECT _etl_k.`_etl_file` FROM ({ranked}) AS _etl_k"
            " WHERE NOT _etl_k.`_etl_kept` AND NOT _etl_k.`_etl_under`"
        )
        found.append(_removed_sql(lost))
    if pruned.placed and mode is not WriteMode.APPEND:
        found += _yielding(contract, mode, ranked, tables, pruned)
    stays = "_etl_r.`_etl_kept`"
    if pruned.placed and (free := _free(contract, mode, tables, pruned)):
        stays += f" AND {free}"
    if pruned.placed:
        back = (
            f"SELECT _etl_r.`_etl_file` FROM ({ranked}) AS _etl_r"
            f" WHERE _etl_r.`_etl_under` AND {stays}"
        )
        found.append(_removed_sql(back, "'restored'", "-COUNT(*)"))
    columns = [names.column(column.name) for column in contract.columns]
    into = ", ".join([*columns, "`_etl_file`", "`_etl_row`", "`_etl_batch`", "`_etl_loaded_at`"])
    own = [
        "_etl_r.`_etl_file`",
        "_etl_r.`_etl_row`",
        "IFNULL(_etl_u.`batch`, @batch)",
        "IFNULL(_etl_u.`at`, _etl_now)",
    ]
    values = ", ".join([*(f"_etl_r.{column}" for column in columns), *own])
    found.append(
        f"INSERT INTO {tables.target} ({into})\nSELECT {values} FROM ({ranked}) AS _etl_r"
        f" LEFT JOIN ({UNDER}) AS _etl_u ON _etl_u.`file` = _etl_r.`_etl_file` WHERE {stays}"
    )
    return found


def _corrected_again(staging: str) -> str:
    """The condition that a row of the target `_etl_t` is of an earlier correction, and its line is
    corrected once more."""
    return (
        "_etl_t.`_etl_file` IN UNNEST(@earlier) AND EXISTS"
        f" (SELECT 1 FROM {staging} AS _etl_s WHERE _etl_s.`_etl_row` = _etl_t.`_etl_row`"
        " AND _etl_s.`_etl_file` IN UNNEST(@corrections))"
    )


_INTO_REMOVALS = "INSERT INTO _etl_removals (file_id, `rows`, reason, by_batch)\n"


def _leaving(tables: Tables, pruned: Pruned) -> list[str]:
    """Take out all rows of the files that leave; each is noted, even if no row of it is left.

    Where no partition can hold such rows the target is not touched: a table that requires a
    partition filter would refuse a DELETE that names none.
    """
    leaving = (
        "SELECT JSON_VALUE(_etl_f, '$.file') AS `file`, JSON_VALUE(_etl_f, '$.reason') AS reason"
        " FROM UNNEST(JSON_QUERY_ARRAY(@leaving)) AS _etl_f"
    )
    if pruned.gone is None:
        return [
            f"{_INTO_REMOVALS}SELECT _etl_l.`file`, 0, _etl_l.reason, CAST(NULL AS STRING)"
            f" FROM ({leaving}) AS _etl_l"
        ]
    where = f"{pruned.gone} AND _etl_t.`_etl_file` IN UNNEST(@gone)"
    return [
        f"{_INTO_REMOVALS}SELECT _etl_l.`file`, COUNT(_etl_g.`_etl_file`), _etl_l.reason,"
        f" CAST(NULL AS STRING) FROM ({leaving}) AS _etl_l LEFT JOIN"
        f" (SELECT _etl_t.`_etl_file` FROM {tables.target} AS _etl_t WHERE {where}) AS _etl_g"
        " ON _etl_g.`_etl_file` = _etl_l.`file` GROUP BY _etl_l.`file`, _etl_l.reason",
        f"DELETE FROM {tables.target} AS _etl_t WHERE {where}",
    ]


def _replacing(where: str, tables: Tables) -> list[str]:
    """Count by file what goes, and remove it only if there is any: a DELETE is billed for what it
    reads, and takes the table from other transactions."""
    rows = f"SELECT _etl_t.`_etl_file` FROM {tables.target} AS _etl_t WHERE {where}"
    delete = f"DELETE FROM {tables.target} AS _etl_t WHERE {where}"
    return [_removed_sql(rows), f"IF @@row_count > 0 THEN\n{delete};\nEND IF"]


def _removed_sql(rows: str, reason: str = "'replaced'", count: str = "COUNT(*)") -> str:
    """Count the files of those rows into the removals."""
    return (
        f"{_INTO_REMOVALS}SELECT _etl_g.`_etl_file`, {count}, {reason}, CAST(NULL AS STRING)"
        f" FROM ({rows}) AS _etl_g GROUP BY _etl_g.`_etl_file`"
    )


def _beaten(contract: Contract, staging: str) -> str:
    """The condition that a row of the target `_etl_t` has the key of a staged row of a later
    file."""
    return (
        f"EXISTS (SELECT 1 FROM {staging} AS _etl_s"
        " JOIN UNNEST(@sequence) AS _etl_sn WITH OFFSET AS _etl_sp"
        " ON _etl_sn = _etl_s.`_etl_file`"
        " CROSS JOIN UNNEST(@sequence) AS _etl_tn WITH OFFSET AS _etl_tp"
        f" WHERE {same_key(contract)} AND _etl_tn = _etl_t.`_etl_file` AND _etl_tp < _etl_sp)"
    )


def _held_slots(contract: Contract, mode: WriteMode, tables: Tables, pruned: Pruned) -> str | None:
    """What later files hold: key (or partition) and a batch by which they came. What is earlier
    is gone from the table by then."""
    if mode is WriteMode.MERGE:
        slots, within = (
            [f"_etl_t.{names.column(name)}" for name in contract.primary_key],
            pruned.replaced,
        )
    else:
        slots, within = [Partitioning(contract, "_etl_t").bucket()], pruned.held
    if within is None:
        return None
    named = ", ".join(f"{slot} AS `_etl_k{number}`" for number, slot in enumerate(slots))
    groups = ", ".join(f"`_etl_k{number}`" for number in range(len(slots)))
    return (
        f"SELECT {named}, MIN(_etl_t.`_etl_batch`) AS `_etl_by` FROM {tables.target} AS _etl_t"
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
        f"{_INTO_REMOVALS}SELECT _etl_r.`_etl_file`, COUNT(*), 'replaced', _etl_h.`_etl_by`"
        f" FROM ({ranked}) AS _etl_r JOIN ({held}) AS _etl_h ON {_same_slot(contract, mode)}"
        " WHERE _etl_r.`_etl_kept` AND NOT _etl_r.`_etl_under`"
        " GROUP BY _etl_h.`_etl_by`, _etl_r.`_etl_file`"
    ]


def _same_slot(contract: Contract, mode: WriteMode) -> str:
    if mode is WriteMode.MERGE:
        return " AND ".join(
            f"_etl_h.`_etl_k{number}` = _etl_r.{names.column(name)}"
            for number, name in enumerate(contract.primary_key)
        )
    bucket = Partitioning(contract, "_etl_r").bucket()
    both_null = f"(_etl_h.`_etl_k0` IS NULL AND {bucket} IS NULL)"
    return f"(_etl_h.`_etl_k0` = {bucket} OR {both_null})"


def _free(contract: Contract, mode: WriteMode, tables: Tables, pruned: Pruned) -> str | None:
    """The condition that no later file holds the place of a staged row `_etl_r`."""
    if mode is WriteMode.APPEND:
        return None
    if mode is WriteMode.REPLACE_PARTITION:
        return f"NOT IFNULL({pruned.held_staged}, FALSE)" if pruned.held_staged else None
    held = _held_slots(contract, mode, tables, pruned)
    if held is None:
        return None
    return f"NOT EXISTS (SELECT 1 FROM ({held}) AS _etl_h WHERE {_same_slot(contract, mode)})"
