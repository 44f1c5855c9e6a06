"""Removals: SQL by which rows leave the table or give way, counted by the file they came with."""

# ruff: noqa: S608

from __future__ import annotations

from dataclasses import dataclass

from connectors.bigquery import names
from connectors.bigquery.partitions import Partitioning
from connectors.bigquery.ranking import same_key
from connectors.bigquery.records import (
    Tables,
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


_INTO_REMOVALS = "INSERT INTO _etl_removals (file_id, `rows`, reason, by_batch)\n"


def leaving_files(tables: Tables, pruned: Pruned) -> list[str]:
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


def replacing(where: str, tables: Tables) -> list[str]:
    """Count by file what goes, and remove it only if there is any: a DELETE is billed for what it
    reads, and takes the table from other transactions."""
    rows = f"SELECT _etl_t.`_etl_file` FROM {tables.target} AS _etl_t WHERE {where}"
    delete = f"DELETE FROM {tables.target} AS _etl_t WHERE {where}"
    return [removed_sql(rows), f"IF @@row_count > 0 THEN\n{delete};\nEND IF"]


def removed_sql(rows: str, reason: str = "'replaced'", count: str = "COUNT(*)") -> str:
    """Count the files of those rows into the removals."""
    return (
        f"{_INTO_REMOVALS}SELECT _etl_g.`_etl_file`, {count}, {reason}, CAST(NULL AS STRING)"
        f" FROM ({rows}) AS _etl_g GROUP BY _etl_g.`_etl_file`"
    )


def corrected_again(staging: str) -> str:
    """The condition that a row of the target `_etl_t` is of an earlier correction, and its line is
    corrected once more."""
    return (
        "_etl_t.`_etl_file` IN UNNEST(@earlier) AND EXISTS"
        f" (SELECT 1 FROM {staging} AS _etl_s WHERE _etl_s.`_etl_row` = _etl_t.`_etl_row`"
        " AND _etl_s.`_etl_file` IN UNNEST(@corrections))"
    )


def beaten(contract: Contract, staging: str) -> str:
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


def yielding(
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


def is_free(contract: Contract, mode: WriteMode, tables: Tables, pruned: Pruned) -> str | None:
    """The condition that no later file holds the place of a staged row `_etl_r`."""
    if mode is WriteMode.APPEND:
        return None
    if mode is WriteMode.REPLACE_PARTITION:
        return f"NOT IFNULL({pruned.held_staged}, FALSE)" if pruned.held_staged else None
    held = _held_slots(contract, mode, tables, pruned)
    if held is None:
        return None
    return f"NOT EXISTS (SELECT 1 FROM ({held}) AS _etl_h WHERE {_same_slot(contract, mode)})"
