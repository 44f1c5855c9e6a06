"""Waybill's own tables in the warehouse: what was loaded, from which files, and what was not.

Every commit writes one row into one log, `commits`, with its files and removals inside: BigQuery
takes 25 DML statements in ten seconds for a table, whatever they write. What people ask are views.
"""

# Names come from the configuration, which allows letters, digits and underscores only.
# ruff: noqa: S608

from __future__ import annotations

from google.cloud import bigquery

from connectors.bigquery.config import BigQueryConfig
from connectors.bigquery.freshness import freshness_query
from connectors.bigquery.tables import DAY_MS
from schemas.contract import View

type Facts = tuple[tuple[str, str, str, str], ...]

COMMITS: Facts = (
    ("batch_id", "STRING", "REQUIRED", "The batch: files that one transaction loaded."),
    ("feed", "STRING", "REQUIRED", "The feed whose files they were."),
    ("table", "STRING", "REQUIRED", "The full name of the table they were loaded into."),
    ("kind", "STRING", "REQUIRED", "load, or unload for rows that were taken out again."),
    ("attempt", "INT64", "REQUIRED", "Which attempt committed; earlier ones left nothing."),
    ("rows", "INT64", "REQUIRED", "Rows of its files, those replaced within the batch included."),
    ("committed_at", "TIMESTAMP", "REQUIRED", "When its transaction ran."),
    ("generation", "INT64", "NULLABLE", "Rises with each batch of the table; see reconcile."),
)
FILES: Facts = (
    ("file_id", "STRING", "NULLABLE", "The file: one version of one file at a source."),
    ("source", "STRING", "NULLABLE", "Where it arrived."),
    ("key", "STRING", "NULLABLE", "Its key at the source: object key, path, message and part."),
    ("version", "STRING", "NULLABLE", "Its version at the source."),
    ("name", "STRING", "NULLABLE", "Its file name."),
    ("sender", "STRING", "NULLABLE", "Who sent it, where the source knows."),
    ("sent_at", "TIMESTAMP", "NULLABLE", "When it was sent."),
    ("sha256", "STRING", "NULLABLE", "The SHA-256 of its bytes, in hexadecimal."),
    (
        "outcome",
        "STRING",
        "NULLABLE",
        "accepted, partly, quarantined, repeated, unchanged, superseded.",
    ),
    ("rows_read", "INT64", "NULLABLE", "Rows in the file: loaded, rejected and dropped ones."),
    ("rows_loaded", "INT64", "NULLABLE", "Rows that were loaded."),
    ("rows_rejected", "INT64", "NULLABLE", "Rows that broke a rule; see rejected_rows."),
    ("rows_dropped", "INT64", "NULLABLE", "Rows that the feed's transform left out."),
    ("rows_aggregated", "INT64", "NULLABLE", "Rows that the transform made others of."),
    ("contract_version", "STRING", "NULLABLE", "The version of the contract it was checked by."),
    ("reason", "STRING", "NULLABLE", "Why it was quarantined."),
    ("repeats", "STRING", "NULLABLE", "The file id that brought the same bytes before."),
    ("partitions", "STRING", "REPEATED", "Starts of the partitions its rows went to."),
    ("placed_at", "TIMESTAMP", "NULLABLE", "Its place among the loads; a replay keeps it."),
    ("place", "INT64", "NULLABLE", "Its place among files of the same placed_at, from 0."),
    ("corrects", "STRING", "NULLABLE", "The file id whose rejected rows it brings corrected."),
    ("accounted", "JSON", "NULLABLE", "Its lines: header, rows, and those passed over by reason."),
)
REMOVALS: Facts = (
    ("file_id", "STRING", "NULLABLE", "The file that had brought the rows."),
    ("rows", "INT64", "NULLABLE", "How many rows; below 0, how many were brought back."),
    ("reason", "STRING", "NULLABLE", "replaced, superseded, unloaded or restored."),
    ("by_batch", "STRING", "NULLABLE", "The later batch they gave way to, if not this one."),
)
CHANGED: Facts = (
    ("partition", "STRING", "NULLABLE", "The start of the partition; all without partitions."),
    ("reason", "STRING", "NULLABLE", "load, replacement or unload."),
)
_NESTED = (
    ("files", FILES, "Its files, in their order."),
    ("removals", REMOVALS, "Rows it took out of the table again, or brought back."),
    ("changed", CHANGED, "Partitions of the table that it may have changed, and why."),
)
_REJECTED_ROWS: Facts = (
    ("file_id", "STRING", "REQUIRED", "The file the row stood in."),
    ("feed", "STRING", "REQUIRED", "The feed that took it in."),
    ("table", "STRING", "REQUIRED", "The full name of the table it was meant for."),
    ("batch_id", "STRING", "REQUIRED", "The batch of the file."),
    ("member", "STRING", "NULLABLE", "The archive's member that the row stood in."),
    ("line", "INT64", "REQUIRED", "The line of the file on which the row starts, from 1."),
    ("raw", "STRING", "NULLABLE", "The row as it stood in the file."),
    ("problems", "JSON", "NULLABLE", "What was wrong: a list of column, value, rule and message."),
    ("params", "JSON", "NULLABLE", "The template and the values of each message, in their order."),
    ("rejected_at", "TIMESTAMP", "REQUIRED", "When the file's batch was committed."),
)
_FEEDS: Facts = (
    ("feed", "STRING", "REQUIRED", "The feed."),
    ("table", "STRING", "REQUIRED", "The full name of the table it is loaded into."),
    ("since", "TIMESTAMP", "REQUIRED", "Since when it is watched."),
    ("max_age", "INT64", "NULLABLE", "Seconds: how old its newest file may get (freshness)."),
)
_EXPECTED: Facts = (
    ("feed", "STRING", "REQUIRED", "The feed that expects a file."),
    ("expected_at", "TIMESTAMP", "REQUIRED", "When."),
    ("counts_from", "TIMESTAMP", "REQUIRED", "Files sent from then on answer it."),
    ("late_at", "TIMESTAMP", "REQUIRED", "From when on it is late without one."),
)
_MIGRATIONS: Facts = (
    ("step", "INT64", "REQUIRED", "The step that brought these tables to a newer version."),
    ("name", "STRING", "REQUIRED", "What it did."),
    ("applied_at", "TIMESTAMP", "REQUIRED", "When."),
)
_TABLES: tuple[tuple[str, str, Facts, str | None, str], ...] = (
    ("commits", "What was committed: one row a transaction.", COMMITS, "committed_at", "batch_id"),
    ("rejected_rows", "Rows not loaded, and why.", _REJECTED_ROWS, "rejected_at", "file_id"),
    ("feeds", "The feeds that there are; see freshness.", _FEEDS, None, "feed"),
    ("expected", "Files that are expected; see freshness.", _EXPECTED, None, "feed"),
    ("migrations", "Steps that changed these tables.", _MIGRATIONS, None, "step"),
)


def meta_tables(config: BigQueryConfig) -> list[bigquery.Table]:
    """The tables of the meta dataset, as they should be."""
    tables = []
    for name, description, columns, day, cluster in _TABLES:
        fields = _fields(columns)
        if name == "commits":
            fields += [
                bigquery.SchemaField(inner, "RECORD", "REPEATED", text, fields=_fields(facts))
                for inner, facts, text in _NESTED
            ]
        table = bigquery.Table(f"{config.project}.{config.meta_dataset}.{name}", schema=fields)
        table.description = description
        if day is not None:
            keep = config.rejected_days if name == "rejected_rows" else None
            table.time_partitioning = bigquery.TimePartitioning(
                field=day, expiration_ms=keep * DAY_MS if keep else None
            )
        table.clustering_fields = [cluster]
        tables.append(table)
    return tables


def _fields(facts: Facts) -> list[bigquery.SchemaField]:
    return [
        bigquery.SchemaField(name, kind, mode=mode, description=text)
        for name, kind, mode, text in facts
    ]


def meta_views(config: BigQueryConfig) -> list[View]:
    """The views of the meta dataset."""
    commits = f"`{config.project}.{config.meta_dataset}.commits`"
    made = (
        ("batches", _batches(commits), "Batches that were committed."),
        ("file_loads", _file_loads(commits), "Every load of every file: a replay is one more."),
        ("files", _files(commits), "Files as their last load recorded them, one row a file."),
        ("removals", _removals(commits), "Rows taken out of a table again, by file."),
        ("changes", _changes(commits), "Which partitions of which tables changed when, and why."),
        ("loads", _loads(commits), "Per table: the last load, and files and rows in all."),
        (
            "freshness",
            freshness_query(config),
            "Per table and feed: the latest partition, the last load, when the next file is"
            " expected, and whether it is late.",
        ),
    )
    return [
        View(dataset=config.meta_dataset, name=name, query=query, description=text)
        for name, query, text in made
    ]


def _batches(commits: str) -> str:
    return (
        "SELECT c.batch_id, c.feed, c.`table`, c.kind, c.attempt,"
        " ARRAY_LENGTH(c.files) AS files, c.`rows`, c.committed_at\n"
        f"FROM {commits} AS c"
    )


def _file_columns(alias: str) -> str:
    return ", ".join(f"{alias}.`{name}`" for name, _, _, _ in FILES)


def _file_loads(commits: str) -> str:
    return (
        f"SELECT {_file_columns('f')}, c.feed, c.`table`, c.batch_id,"
        " c.committed_at AS loaded_at\n"
        f"FROM {commits} AS c CROSS JOIN UNNEST(c.files) AS f"
    )


def _files(commits: str) -> str:
    loads = (
        f"SELECT {_file_columns('f')}, c.feed, c.`table`, c.batch_id,"
        " c.committed_at AS loaded_at, ROW_NUMBER() OVER"
        " (PARTITION BY f.file_id ORDER BY c.committed_at DESC) AS age"
        f" FROM {commits} AS c CROSS JOIN UNNEST(c.files) AS f"
    )
    return (
        f"SELECT {_file_columns('l')}, l.feed, l.`table`, l.batch_id, l.loaded_at\n"
        f"FROM ({loads}) AS l WHERE l.age = 1"
    )


def _removals(commits: str) -> str:
    return (
        "SELECT IFNULL(r.by_batch, c.batch_id) AS batch_id, c.`table`, r.file_id, r.`rows`,"
        " r.reason, c.committed_at AS `at`\n"
        f"FROM {commits} AS c CROSS JOIN UNNEST(c.removals) AS r"
    )


def _changes(commits: str) -> str:
    return (
        "SELECT c.`table`, p.`partition`, p.reason, c.feed, c.batch_id,"
        " c.committed_at AS changed_at\n"
        f"FROM {commits} AS c CROSS JOIN UNNEST(c.`changed`) AS p"
    )


def _loads(commits: str) -> str:
    """Per table the last load, batches, files and rows."""
    return (
        "SELECT b.`table`, b.last_load, b.batches, b.files, b.rows_loaded, b.rows_replaced,"
        " b.rows_loaded - b.rows_replaced AS rows_kept\n"
        "FROM (SELECT c.`table`, MAX(c.committed_at) AS last_load, COUNT(*) AS batches,"
        " SUM(ARRAY_LENGTH(c.files)) AS files, SUM(c.`rows`) AS rows_loaded,"
        " SUM((SELECT IFNULL(SUM(r.`rows`), 0) FROM UNNEST(c.removals) AS r)) AS rows_replaced"
        f" FROM {commits} AS c GROUP BY c.`table`) AS b"
    )
