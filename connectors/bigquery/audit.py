"""Audit: what a table holds of each file, beside what was recorded; and rows found by a condition.

The condition is its user's own SQL on their own warehouse, which their role bounds. Still it is
taken apart and written anew, so that it can be nothing but one condition of a SELECT.
"""

# Names are checked and quoted by `names`; values are parameters.
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Iterator

from google.cloud import bigquery

from connectors.bigquery import names
from connectors.bigquery.client import each_row
from connectors.bigquery.config import BigQueryConfig
from connectors.bigquery.partitions import Partitioning
from connectors.protocols import FoundRow, LoadCounts, Tally
from schemas.contract import LINEAGE, Contract
from schemas.errors import DataError

_LINEAGE = tuple(column.name for column in LINEAGE)


def tallies(
    client: bigquery.Client, config: BigQueryConfig, contract: Contract, table: str
) -> Iterator[Tally]:
    """The tallies of the table's files, by file id: one query, so all as of one moment."""
    found = each_row(
        client,
        config,
        _tallies_sql(config, contract, table),
        [bigquery.ScalarQueryParameter("target", "STRING", table)],
    )
    for row in found:
        (file_id, feed, count, loaded, removed, rejected, touched, outcome, *figures) = row
        last = None
        if figures[0] is not None:
            read, brought, bad, dropped = figures
            last = LoadCounts(
                outcome=outcome, read=read, loaded=brought, rejected=bad, dropped=dropped
            )
        yield Tally(
            file_id=file_id,
            feed=feed,
            rows=count or 0,
            loaded=loaded or 0,
            removed=removed or 0,
            rejected_rows=rejected or 0,
            partitions=frozenset(each for each in (touched or "").split(",") if each),
            last=last,
        )


def _tallies_sql(config: BigQueryConfig, contract: Contract, table: str) -> str:
    def meta(name: str) -> str:
        return names.table(config.project, config.meta_dataset, name)

    target = names.table(*table.split("."))
    where = "TRUE"
    if contract.partition is not None:
        where = Partitioning(contract, "t").anywhere()
    loads = (
        "SELECT f.file_id, f.batch_id, f.feed, f.outcome, f.rows_read, f.rows_loaded,"
        " f.rows_rejected, f.rows_dropped, ARRAY_TO_STRING(f.partitions, ',') AS touched,"
        " ROW_NUMBER() OVER (PARTITION BY f.file_id ORDER BY f.loaded_at DESC) AS age"
        f" FROM {meta('files')} AS f JOIN {meta('batches')} AS b ON b.batch_id = f.batch_id"
        " WHERE b.`table` = @target"
    )
    return (
        "WITH\n"
        "there AS (SELECT t.`_etl_file` AS file_id, COUNT(*) AS n"
        f" FROM {target} AS t WHERE {where} GROUP BY t.`_etl_file`),\n"
        f"loads AS ({loads}),\n"
        "sums AS (SELECT file_id, SUM(rows_loaded) AS loaded, STRING_AGG(touched, ',') AS touched"
        " FROM loads GROUP BY file_id),\n"
        f"gone AS (SELECT file_id, SUM(`rows`) AS n FROM {meta('removals')}"
        " WHERE `table` = @target GROUP BY file_id),\n"
        f"bad AS (SELECT file_id, batch_id, COUNT(*) AS n FROM {meta('rejected_rows')}"
        " WHERE `table` = @target GROUP BY file_id, batch_id),\n"
        "ids AS (SELECT file_id FROM there UNION DISTINCT SELECT file_id FROM sums)\n"
        "SELECT ids.file_id, l.feed, there.n, sums.loaded, gone.n, bad.n, sums.touched, l.outcome,"
        " l.rows_read, l.rows_loaded, l.rows_rejected, l.rows_dropped\n"
        "FROM ids LEFT JOIN there ON there.file_id = ids.file_id"
        " LEFT JOIN sums ON sums.file_id = ids.file_id"
        " LEFT JOIN gone ON gone.file_id = ids.file_id"
        " LEFT JOIN loads AS l ON l.file_id = ids.file_id AND l.age = 1"
        " LEFT JOIN bad ON bad.file_id = l.file_id AND bad.batch_id = l.batch_id\n"
        "ORDER BY ids.file_id"
    )


def find_rows(
    client: bigquery.Client,
    config: BigQueryConfig,
    contract: Contract,
    table: str,
    where: str,
    limit: int,
) -> list[FoundRow]:
    """The first rows of the table for which the condition holds."""
    columns = [column.name for column in contract.columns]
    listed = ", ".join(f"t.{names.column(name)}" for name in (*columns, *_LINEAGE))
    safe = "TRUE"
    if contract.partition is not None:
        safe = Partitioning(contract, "t").anywhere()
    sql = (
        f"SELECT {listed}\nFROM {names.table(*table.split('.'))} AS t\n"
        f"WHERE {safe} AND ({condition(where)})\n"
        "ORDER BY t.`_etl_loaded_at` DESC, t.`_etl_row` LIMIT @most"
    )
    found = []
    for row in each_row(
        client, config, sql, [bigquery.ScalarQueryParameter("most", "INT64", limit)]
    ):
        values = dict(zip((*columns, *_LINEAGE), row, strict=True))
        file_id, place, batch_id, loaded_at = (values.pop(name) for name in _LINEAGE)
        found.append(
            FoundRow(
                values=values, file_id=file_id, row=place, batch_id=batch_id, loaded_at=loaded_at
            )
        )
    return found


def condition(where: str) -> str:
    """The condition, parsed and written anew; raises DataError unless it is a single one.

    Comments, further statements and unbalanced brackets do not outlive that, and nothing in it may
    be anything but a condition, whose sub-queries may only SELECT.
    """
    import sqlglot
    from sqlglot import exp

    try:
        parsed = sqlglot.parse(where, read="bigquery")
    except sqlglot.errors.SqlglotError as error:
        said = str(error).split("\n", 1)[0]
        raise DataError(f"the condition is not SQL: {said}", hint=_EXAMPLE) from error
    if len(parsed) != 1 or parsed[0] is None:
        raise DataError("one condition is expected", hint=_EXAMPLE)
    tree = parsed[0]
    refused = (exp.DML, exp.DDL, exp.Command, exp.Into)
    inside = [node for node in tree.walk() if isinstance(node, refused)]
    if not isinstance(tree, exp.Condition) or any(
        not isinstance(node, exp.Query) for node in inside
    ):
        raise DataError("that is a statement, not a condition", hint=_EXAMPLE)
    return tree.sql(dialect="bigquery", comments=False)


_EXAMPLE = "such as --where \"order_id = 'SO-000761'\""
