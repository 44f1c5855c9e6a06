"""Audit: what a table holds of each file, beside what was recorded; and rows found by a condition.

The condition is its user's own SQL on their own warehouse, which their role bounds. Still it is
taken apart and written anew (`condition.py`), so that it can be nothing but one condition of a
SELECT.
"""

# Names are checked and quoted by `names`; values are parameters.
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

from google.cloud import bigquery

from connectors.bigquery import names
from connectors.bigquery.condition import condition
from connectors.bigquery.config import BigQueryConfig
from connectors.bigquery.partitions import Partitioning
from connectors.bigquery.records import since as since_parameter
from connectors.bigquery.session import Parameter, Session
from connectors.protocols import FileAudit, FoundRow, LoadCounts
from schemas.accounted import Accounted
from schemas.checksum import EXACT, FileSums, Measure, Sum, measured
from schemas.contract import LINEAGE, Column, Contract, Type

_LINEAGE = tuple(column.name for column in LINEAGE)


def file_audits(
    session: Session, contract: Contract, table: str, since: datetime | None
) -> Iterator[FileAudit]:
    """The tallies of the table's files, by file id: one query, so all as of one moment."""
    sql, given = file_audits_sql(session.config, contract, table, since)
    return (_file_audit(row) for row in session.each_row(sql, given))


def _file_audit(row: tuple[Any, ...]) -> FileAudit:
    (file_id, feed, count, loaded, removed, rejected, touched, outcome, *figures) = row
    last = None
    if figures[0] is not None:
        read, brought, bad, dropped, aggregated, lines = figures
        last = LoadCounts(
            outcome=outcome,
            read=read,
            loaded=brought,
            rejected=bad,
            dropped=dropped,
            aggregated=aggregated or 0,
            accounted=Accounted.from_text(lines),
        )
    return FileAudit(
        file_id=file_id,
        feed=feed,
        rows=count or 0,
        loaded=loaded or 0,
        removed=removed or 0,
        rejected_rows=rejected or 0,
        partitions=frozenset(each for each in (touched or "").split(",") if each),
        last=last,
    )


def file_audits_sql(
    config: BigQueryConfig, contract: Contract, table: str, since: datetime | None
) -> tuple[str, list[Parameter]]:
    """The query behind `tallies`, and its parameters.

    With `since` only files that were loaded since then are counted, and of the target only the
    partitions are read that may hold their rows.
    """

    def meta(name: str) -> str:
        return names.table(config.project, config.meta_dataset, name)

    target, commits = names.table(*table.split(".")), meta("commits")
    where = "TRUE"
    if contract.partition is not None:
        where = Partitioning(contract, "_etl_t").anywhere()
    mine = "c.committed_at >= @since AND c.`table` = @target"
    loads = (
        "SELECT f.file_id, c.batch_id, c.feed, f.outcome, f.rows_read, f.rows_loaded,"
        " f.rows_rejected, f.rows_dropped, f.rows_aggregated,"
        " TO_JSON_STRING(f.accounted) AS accounted, ARRAY_TO_STRING(f.partitions, ',') AS touched,"
        " ROW_NUMBER() OVER (PARTITION BY f.file_id ORDER BY c.committed_at DESC) AS age"
        f" FROM {commits} AS c CROSS JOIN UNNEST(c.files) AS f WHERE {mine}"
    )
    recent = "" if since is None else " AND _etl_t.`_etl_loaded_at` >= @since"
    sql = (
        "WITH\n"
        "present AS (SELECT _etl_t.`_etl_file` AS file_id, COUNT(*) AS n"
        f" FROM {target} AS _etl_t WHERE {where}{recent} GROUP BY _etl_t.`_etl_file`),\n"
        f"loads AS ({loads}),\n"
        "sums AS (SELECT file_id, SUM(rows_loaded) AS loaded, STRING_AGG(touched, ',') AS touched"
        " FROM loads GROUP BY file_id),\n"
        "gone AS (SELECT r.file_id, SUM(r.`rows`) AS n"
        f" FROM {commits} AS c CROSS JOIN UNNEST(c.removals) AS r WHERE {mine}"
        " GROUP BY r.file_id),\n"
        "bad AS (SELECT file_id, batch_id, COUNT(*) AS n"
        f" FROM {meta('rejected_rows')} WHERE rejected_at >= @since AND `table` = @target"
        " GROUP BY file_id, batch_id),\n"
        "ids AS (SELECT file_id FROM present UNION DISTINCT SELECT file_id FROM sums)\n"
        "SELECT ids.file_id, l.feed, present.n AS in_table, sums.loaded, gone.n AS removed,"
        " bad.n AS rejected, sums.touched, l.outcome, l.rows_read, l.rows_loaded,"
        " l.rows_rejected, l.rows_dropped, l.rows_aggregated, l.accounted\n"
        "FROM ids LEFT JOIN present ON present.file_id = ids.file_id"
        " LEFT JOIN sums ON sums.file_id = ids.file_id"
        " LEFT JOIN gone ON gone.file_id = ids.file_id"
        " LEFT JOIN loads AS l ON l.file_id = ids.file_id AND l.age = 1"
        " LEFT JOIN bad ON bad.file_id = l.file_id AND bad.batch_id = l.batch_id\n"
        "ORDER BY ids.file_id"
    )
    return sql, [since_parameter(since), bigquery.ScalarQueryParameter("target", "STRING", table)]


def file_sums(session: Session, contract: Contract, table: str) -> Iterator[FileSums]:
    """The rows of each file in the table, and the sums of what is measured of them."""
    columns = measured(contract)
    for file_id, rows, *sums in session.each_row(sums_sql(contract, table)):
        parts = iter(sums)
        totals = {column.name: _total(column, how, parts) for column, how in columns}
        yield FileSums(file_id=file_id, rows=rows, sums=totals)


def _total(column: Column, how: Measure, parts: Iterator[Any]) -> Sum:
    """One column's sum, of as many columns of the result as `_added` has made of it."""
    if how is not Measure.VALUE:
        return int(next(parts) or 0)
    if column.type not in _SPLIT:
        return float(next(parts) or 0.0)
    high, low = (Decimal(next(parts) or 0) for _ in range(2))
    return EXACT.fma(round(high), Decimal(_SPLIT[column.type]), low)


def sums_sql(contract: Contract, table: str) -> str:
    """The query behind `file_sums`."""
    where = "TRUE"
    if contract.partition is not None:
        where = Partitioning(contract, "_etl_t").anywhere()
    added = [
        each
        for column, how in measured(contract)
        for each in _added(column.type, f"_etl_t.{names.column(column.name)}", how)
    ]
    sums = "".join(f", SUM({each}) AS _etl_sum{number}" for number, each in enumerate(added))
    return (
        f"SELECT _etl_t.`_etl_file` AS file_id, COUNT(*) AS n{sums}"
        f" FROM {names.table(*table.split('.'))} AS _etl_t WHERE {where} GROUP BY 1"
    )


_SPLIT = {Type.INT64: 10**9, Type.NUMERIC: 10**15, Type.BIGNUMERIC: 10**19}
"""Where values are split into a high and a low part: a sum of whole ones leaves their type."""


def _added(type_: Type, column: str, how: Measure) -> list[str]:
    """What is summed up of a column; none of the sums can leave its type's range."""
    match how:
        case Measure.DAYS:
            return [f"UNIX_DATE({column})"]
        case Measure.LENGTH:
            return [f"CHAR_LENGTH({column})"]
        case Measure.PRESENT:
            return [f"IF({column} IS NULL, 0, 1)"]
    if type_ not in _SPLIT:
        return [column]
    at = str(_SPLIT[type_]) if type_ is Type.INT64 else f"{type_} '{_SPLIT[type_]}'"
    return [f"DIV({column}, {at})", f"MOD({column}, {at})"]


def find_rows(
    session: Session,
    contract: Contract,
    table: str,
    where: str,
    limit: int,
    since: datetime | None,
) -> list[FoundRow]:
    """The first rows of the table for which the condition holds, loaded since then."""
    columns = [column.name for column in contract.columns]
    sql, given = find_sql(contract, table, where, limit, since)
    found = []
    for row in session.each_row(sql, given):
        values = dict(zip((*columns, *_LINEAGE), row, strict=True))
        file_id, place, batch_id, loaded_at = (values.pop(name) for name in _LINEAGE)
        found.append(
            FoundRow(
                values=values, file_id=file_id, row=place, batch_id=batch_id, loaded_at=loaded_at
            )
        )
    return found


def find_sql(
    contract: Contract, table: str, where: str, limit: int, since: datetime | None
) -> tuple[str, list[Parameter]]:
    """The query behind `find_rows`, and its parameters. Raises DataError for what is no
    condition."""
    columns = [column.name for column in contract.columns]
    listed = ", ".join(f"_etl_t.{names.column(name)}" for name in (*columns, *_LINEAGE))
    safe = "TRUE"
    if contract.partition is not None:
        safe = Partitioning(contract, "_etl_t").anywhere()
    sql = (
        f"SELECT {listed}\nFROM {names.table(*table.split('.'))} AS _etl_t\n"
        f"WHERE {safe} AND _etl_t.`_etl_loaded_at` >= @since AND ({condition(where, columns)})\n"
        "ORDER BY _etl_t.`_etl_loaded_at` DESC, _etl_t.`_etl_row` LIMIT @most"
    )
    return sql, [since_parameter(since), bigquery.ScalarQueryParameter("most", "INT64", limit)]
