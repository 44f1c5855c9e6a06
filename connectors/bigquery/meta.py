"""Waybill's own tables in the warehouse: what was loaded, from which files, and what was not."""

# Names come from the configuration, which allows letters, digits and underscores only.
# ruff: noqa: S608

from __future__ import annotations

from google.cloud import bigquery

from connectors.bigquery.config import BigQueryConfig
from connectors.bigquery.freshness import freshness_query
from schemas.contract import View

type _Columns = tuple[tuple[str, str, str, str], ...]

_BATCHES: _Columns = (
    ("batch_id", "STRING", "REQUIRED", "The batch: files that one transaction loaded."),
    ("feed", "STRING", "REQUIRED", "The feed whose files they were."),
    ("table", "STRING", "REQUIRED", "The full name of the table they were loaded into."),
    ("attempt", "INT64", "REQUIRED", "Which attempt committed; earlier ones left nothing."),
    ("files", "INT64", "REQUIRED", "How many files the batch held."),
    ("rows", "INT64", "REQUIRED", "Rows of its files, those replaced within the batch included."),
    ("committed_at", "TIMESTAMP", "REQUIRED", "When its transaction ran."),
)
_FILES: _Columns = (
    ("file_id", "STRING", "REQUIRED", "The file: one version of one file at a source."),
    ("feed", "STRING", "REQUIRED", "The feed that took it in."),
    ("source", "STRING", "REQUIRED", "Where it arrived."),
    ("key", "STRING", "REQUIRED", "Its key at the source: object key, path, message and part."),
    ("version", "STRING", "REQUIRED", "Its version at the source."),
    ("name", "STRING", "REQUIRED", "Its file name."),
    ("sender", "STRING", "NULLABLE", "Who sent it, where the source knows."),
    ("sent_at", "TIMESTAMP", "REQUIRED", "When it was sent."),
    ("sha256", "STRING", "NULLABLE", "The SHA-256 of its bytes, in hexadecimal."),
    ("outcome", "STRING", "NULLABLE", "accepted, partly, quarantined, repeated or superseded."),
    ("rows_read", "INT64", "REQUIRED", "Rows in the file: loaded, rejected and dropped ones."),
    ("rows_loaded", "INT64", "REQUIRED", "Rows that were loaded."),
    ("rows_rejected", "INT64", "REQUIRED", "Rows that broke a rule; see rejected_rows."),
    ("rows_dropped", "INT64", "REQUIRED", "Rows that the feed's transform left out."),
    ("batch_id", "STRING", "REQUIRED", "The batch that loaded it."),
    ("contract_version", "STRING", "NULLABLE", "The version of the contract it was checked by."),
    ("partitions", "STRING", "REPEATED", "Starts of the partitions its rows went to."),
    ("reason", "STRING", "NULLABLE", "Why it was quarantined."),
    ("repeats", "STRING", "NULLABLE", "The file id that brought the same bytes before."),
    ("loaded_at", "TIMESTAMP", "REQUIRED", "When its batch was committed."),
    ("placed_at", "TIMESTAMP", "NULLABLE", "Its place among the loads; a replay keeps it."),
    ("place", "INT64", "NULLABLE", "Its place among files of the same placed_at, from 0."),
)
_REJECTED_ROWS: _Columns = (
    ("file_id", "STRING", "REQUIRED", "The file the row stood in."),
    ("feed", "STRING", "REQUIRED", "The feed that took it in."),
    ("table", "STRING", "REQUIRED", "The full name of the table it was meant for."),
    ("batch_id", "STRING", "REQUIRED", "The batch of the file."),
    ("member", "STRING", "NULLABLE", "The archive's member that the row stood in."),
    ("line", "INT64", "REQUIRED", "The line of the file on which the row starts, from 1."),
    ("raw", "STRING", "NULLABLE", "The row as it stood in the file."),
    ("problems", "JSON", "NULLABLE", "What was wrong: a list of column, value, rule and message."),
    ("rejected_at", "TIMESTAMP", "REQUIRED", "When the file's batch was committed."),
)
_REMOVALS: _Columns = (
    ("batch_id", "STRING", "REQUIRED", "The batch that took the rows out."),
    ("table", "STRING", "REQUIRED", "The full name of the table."),
    ("file_id", "STRING", "REQUIRED", "The file that had brought the rows."),
    ("rows", "INT64", "REQUIRED", "How many rows; below 0, how many were brought back."),
    ("reason", "STRING", "REQUIRED", "replaced, superseded, unloaded or restored."),
    ("at", "TIMESTAMP", "REQUIRED", "When the batch was committed."),
)
_FEEDS: _Columns = (
    ("feed", "STRING", "REQUIRED", "The feed."),
    ("table", "STRING", "REQUIRED", "The full name of the table it is loaded into."),
    ("since", "TIMESTAMP", "REQUIRED", "Since when it is watched."),
    ("max_age", "INT64", "NULLABLE", "Seconds: how old its newest file may get (freshness)."),
)
_EXPECTED: _Columns = (
    ("feed", "STRING", "REQUIRED", "The feed that expects a file."),
    ("expected_at", "TIMESTAMP", "REQUIRED", "When."),
    ("counts_from", "TIMESTAMP", "REQUIRED", "Files sent from then on answer it."),
    ("late_at", "TIMESTAMP", "REQUIRED", "From when on it is late without one."),
)
_TABLES: tuple[tuple[str, str, _Columns, str | None, str], ...] = (
    ("batches", "Batches that were committed.", _BATCHES, "committed_at", "batch_id"),
    ("files", "Files by the batch that loaded them.", _FILES, "loaded_at", "file_id"),
    ("rejected_rows", "Rows not loaded, and why.", _REJECTED_ROWS, "rejected_at", "file_id"),
    ("removals", "Rows taken out of a table again.", _REMOVALS, "at", "batch_id"),
    ("feeds", "The feeds that there are; see freshness.", _FEEDS, None, "feed"),
    ("expected", "When files are expected; see freshness.", _EXPECTED, None, "feed"),
)


def meta_tables(config: BigQueryConfig) -> list[bigquery.Table]:
    """The tables of the meta dataset; those that grow are partitioned by day."""
    tables = []
    for name, description, columns, day, cluster in _TABLES:
        fields = [
            bigquery.SchemaField(column, kind, mode=mode, description=text)
            for column, kind, mode, text in columns
        ]
        table = bigquery.Table(f"{config.project}.{config.meta_dataset}.{name}", schema=fields)
        table.description = description
        if day is not None:
            table.time_partitioning = bigquery.TimePartitioning(field=day)
        table.clustering_fields = [cluster]
        tables.append(table)
    return tables


def meta_views(config: BigQueryConfig) -> list[View]:
    """The views of the meta dataset."""
    return [
        View(
            dataset=config.meta_dataset,
            name="loads",
            query=_loads_query(config),
            description="Per table: the last load, and files and rows in all.",
        ),
        View(
            dataset=config.meta_dataset,
            name="freshness",
            query=freshness_query(config),
            description="Per table and feed: the latest partition, the last load, when the next"
            " file is expected, and whether it is late.",
        ),
    ]


def _loads_query(config: BigQueryConfig) -> str:
    """The query of the view `loads`: per table the last load, batches, files and rows."""
    meta = f"{config.project}.{config.meta_dataset}"
    return (
        "SELECT b.`table`, b.last_load, b.batches, b.files, b.rows_loaded,"
        " IFNULL(r.rows_replaced, 0) AS rows_replaced,"
        " b.rows_loaded - IFNULL(r.rows_replaced, 0) AS rows_kept\n"
        "FROM (SELECT `table`, MAX(committed_at) AS last_load, COUNT(*) AS batches,"
        " SUM(files) AS files, SUM(`rows`) AS rows_loaded"
        f" FROM `{meta}.batches` GROUP BY `table`) AS b\n"
        "LEFT JOIN (SELECT `table`, SUM(`rows`) AS rows_replaced"
        f" FROM `{meta}.removals` GROUP BY `table`) AS r ON r.`table` = b.`table`"
    )
