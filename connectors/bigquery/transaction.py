"""The transaction: SQL that commits a batch's rows together with their bookkeeping, or nothing.

Identifiers are checked and quoted by `names`, partitions rendered by `partitions`; everything else
is a query parameter. What the script names itself begins with `_etl_`, which no column of a
contract may: a column `t` or `_now` would hide an alias or a variable, and BigQuery would say
nothing.
"""

# ruff: noqa: S608

from __future__ import annotations

from connectors.bigquery import names
from connectors.bigquery.errors import OTHER_GENERATION, STAGING_INCOMPLETE
from connectors.bigquery.partitions import Partitioning
from connectors.bigquery.ranking import UNDER, ranked_rows, same_key
from connectors.bigquery.records import (
    Tables,
    insert_commit,
    insert_inline_rejects,
    insert_rejected_rows,
)
from connectors.bigquery.removals import (
    Pruned,
    beaten,
    corrected_again,
    is_free,
    leaving_files,
    removed_sql,
    replacing,
    yielding,
)
from connectors.bigquery.staging import Staged
from schemas.batch import WriteMode
from schemas.contract import Contract


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
        found += leaving_files(tables, pruned)
    staging = names.table(*staged.table.split("."))
    if staged.has_rows:
        source = names.table(*staged.source.split("."))
        found += _data(contract, mode, source, tables, pruned)
    if staged.rejects:
        found.append(insert_rejected_rows(names.table(*staged.rejects.split(".")), tables))
    if staged.inline_rejects:
        found.append(insert_inline_rejects(tables))
    found += [insert_commit(tables, has_removals=has_removals), f"TRUNCATE TABLE {staging}"]
    if staged.adopted:
        # Of two tries of the batch one may have adopted it and the other not; both empty the first.
        found.append(f"TRUNCATE TABLE {names.table(*staged.adopted.split('.'))}")
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
            (staged.source if staged.has_rows else None, "@staged"),
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
        found += replacing(f"{pruned.corrected} AND {corrected_again(staging)}", tables)
    if mode is not WriteMode.APPEND and pruned.replaced:
        where = pruned.replaced
        if mode is WriteMode.MERGE:
            match = beaten if pruned.placed else key_match
            where += f" AND {match(contract, staging)}"
        found += replacing(where, tables)
    ranked = ranked_rows(contract, mode, staging)
    if mode is not WriteMode.APPEND:
        lost = (
            f"SELECT _etl_k.`_etl_file` FROM ({ranked}) AS _etl_k"
            " WHERE NOT _etl_k.`_etl_kept` AND NOT _etl_k.`_etl_under`"
        )
        found.append(removed_sql(lost))
    if pruned.placed and mode is not WriteMode.APPEND:
        found += yielding(contract, mode, ranked, tables, pruned)
    stays = "_etl_r.`_etl_kept`"
    if pruned.placed and (free := is_free(contract, mode, tables, pruned)):
        stays += f" AND {free}"
    if pruned.placed:
        back = (
            f"SELECT _etl_r.`_etl_file` FROM ({ranked}) AS _etl_r"
            f" WHERE _etl_r.`_etl_under` AND {stays}"
        )
        found.append(removed_sql(back, "'restored'", "-COUNT(*)"))
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
