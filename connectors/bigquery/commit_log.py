"""Commit log: what our own log says of batches and files. Every question is bounded by a time,
so that it reads the days since then and not the whole history."""

# Names are checked and quoted by `names`; values are parameters.
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from google.cloud import bigquery

from connectors.bigquery import names
from connectors.bigquery.records import since
from connectors.bigquery.session import Parameter, Session


class CommitLog:
    """Looks up `etl_meta.commits`. Vendor exceptions pass through."""

    def __init__(self, session: Session) -> None:
        self._session = session
        config = session.config
        self._commits = names.table(config.project, config.meta_dataset, "commits")

    def files_replaced_by(
        self, table: str, files: Collection[str], known_since: datetime | None
    ) -> list[str]:
        """Ids of files whose rows were replaced by rows of the given files."""
        return [
            file_id
            for (file_id,) in self._session.rows(
                replaced_by_sql(self._commits), about(table, files, known_since)
            )
        ]

    def row_counts(
        self, table: str, files: Collection[str], known_since: datetime | None
    ) -> dict[str, int]:
        """Row count per file now in the table, by these records."""
        found = self._session.rows(row_counts_sql(self._commits), about(table, files, known_since))
        return dict.fromkeys(files, 0) | dict(found)


def replaced_by_sql(commits: str) -> str:
    """The query behind `CommitLog.files_replaced_by`."""
    recent = "committed_at >= @since AND `table` = @target"
    return (
        "WITH recent AS (SELECT batch_id, files, removals"
        f" FROM {commits} WHERE {recent}),\n"
        "gone AS (SELECT IFNULL(r.by_batch, c.batch_id) AS batch_id, r.file_id, r.`rows` AS n"
        " FROM recent AS c CROSS JOIN UNNEST(c.removals) AS r),\n"
        "bringing AS (SELECT c.batch_id FROM recent AS c CROSS JOIN UNNEST(c.files) AS f"
        " WHERE f.file_id IN UNNEST(@files) UNION DISTINCT"
        " SELECT batch_id FROM gone WHERE file_id IN UNNEST(@files) AND n < 0)\n"
        "SELECT DISTINCT g.file_id FROM gone AS g"
        " JOIN bringing AS b ON b.batch_id = g.batch_id WHERE g.n > 0 ORDER BY g.file_id"
    )


def row_counts_sql(commits: str) -> str:
    """The query behind `CommitLog.row_counts`."""
    recent = f"FROM {commits} AS c CROSS JOIN UNNEST"
    where = "WHERE c.committed_at >= @since AND c.`table` = @target"
    return (
        "SELECT file_id, SUM(n) AS n FROM ("
        f"SELECT f.file_id, f.rows_loaded AS n {recent}(c.files) AS f"
        f" {where} AND f.file_id IN UNNEST(@files) UNION ALL"
        f" SELECT r.file_id, -r.`rows` AS n {recent}(c.removals) AS r"
        f" {where} AND r.file_id IN UNNEST(@files)) AS moved GROUP BY file_id"
    )


def outcome_sql(commits: str) -> str:
    """The query for what a batch did: whether a row is the batch's own, its rows, and what moved of
    which file, back or not. Rows that gave way to it may be noted by later batches."""
    return (
        "SELECT c.batch_id = @batch AS is_own, c.`rows` AS brought, r.file_id,"
        " IFNULL(r.`rows` < 0, FALSE) AS back,"
        " SUM(IF(IFNULL(r.by_batch, c.batch_id) = @batch, r.`rows`, 0)) AS moved"
        f" FROM {commits} AS c LEFT JOIN UNNEST(c.removals) AS r"
        " WHERE c.committed_at >= @since AND (c.batch_id = @batch OR r.by_batch = @batch)"
        " GROUP BY 1, 2, 3, 4 ORDER BY 3"
    )


def places_sql(commits: str) -> str:
    """The query for what is known of files' loads, oldest first."""
    return (
        "SELECT f.file_id, c.batch_id, c.committed_at, f.placed_at, f.place, f.rows_loaded,"
        f" f.partitions, f.corrects FROM {commits} AS c CROSS JOIN UNNEST(c.files) AS f"
        " WHERE c.committed_at >= @since AND c.`table` = @target"
        " AND f.file_id IN UNNEST(@files) ORDER BY c.committed_at"
    )


def about(table: str, files: Collection[str], known_since: datetime | None) -> list[Parameter]:
    """The parameters of both."""
    return [
        since(known_since),
        bigquery.ScalarQueryParameter("target", "STRING", table),
        bigquery.ArrayQueryParameter("files", "STRING", list(files)),
    ]
