"""Freshness for analysts: what is expected, published into two small tables, and the view of it.

The view compares with the clock itself, so that it is true whenever it is asked.
"""

# Names come from the configuration, which allows letters, digits and underscores only; values are
# parameters.
# ruff: noqa: S608

from __future__ import annotations

import json
from collections.abc import Sequence

from google.cloud import bigquery

from connectors.bigquery.config import BigQueryConfig
from connectors.bigquery.session import Parameter
from schemas.sla import ExpectedFile, FeedPromise


def freshness_query(config: BigQueryConfig) -> str:
    """The query of the view `freshness`: a row for each feed and its table.

    It follows `pipelines.monitor.freshness`: files in force count by when they were
    sent, and the earliest promise that only a further file can keep is the one shown.
    """
    meta = f"{config.project}.{config.meta_dataset}"
    return f"""\
WITH gone AS (
  SELECT file_id, MAX(`at`) AS gone_at FROM `{meta}.removals`
  WHERE reason IN ('superseded', 'unloaded') GROUP BY file_id
),
standing AS (
  SELECT f.feed, f.sent_at, f.partitions FROM `{meta}.files` AS f
  LEFT JOIN gone AS g ON g.file_id = f.file_id
  WHERE f.outcome IN ('accepted', 'partly') AND f.sent_at <= CURRENT_TIMESTAMP()
    AND (g.gone_at IS NULL OR g.gone_at < f.loaded_at)
),
newest AS (SELECT feed, MAX(sent_at) AS last_sent FROM standing GROUP BY feed),
latest AS (
  SELECT s.feed, COALESCE(
    CAST(MAX(SAFE_CAST(p AS INT64)) AS STRING), MAX(NULLIF(p, 'null'))
  ) AS latest_partition
  FROM standing AS s CROSS JOIN UNNEST(s.partitions) AS p GROUP BY s.feed
),
last AS (
  SELECT feed, MAX(committed_at) AS last_load FROM `{meta}.batches` WHERE files > 0 GROUP BY feed
),
due AS (
  SELECT w.feed, TIMESTAMP_ADD(IFNULL(n.last_sent, w.since), INTERVAL w.max_age SECOND)
    AS expected_at, TIMESTAMP_ADD(IFNULL(n.last_sent, w.since), INTERVAL w.max_age SECOND)
    AS late_at
  FROM `{meta}.feeds` AS w LEFT JOIN newest AS n ON n.feed = w.feed
  WHERE w.max_age IS NOT NULL
  UNION ALL
  SELECT e.feed, e.expected_at, e.late_at FROM `{meta}.expected` AS e
  LEFT JOIN newest AS n ON n.feed = e.feed
  WHERE n.last_sent IS NULL OR e.counts_from > n.last_sent
),
next AS (
  SELECT feed, expected_at, late_at FROM (
    SELECT feed, expected_at, late_at,
      ROW_NUMBER() OVER (PARTITION BY feed ORDER BY late_at, expected_at) AS place FROM due
  ) AS ordered WHERE place = 1
)
SELECT w.`table`, w.feed, p.latest_partition, l.last_load, n.last_sent, d.expected_at, d.late_at,
  d.late_at <= CURRENT_TIMESTAMP() AS late
FROM `{meta}.feeds` AS w
LEFT JOIN latest AS p ON p.feed = w.feed
LEFT JOIN last AS l ON l.feed = w.feed
LEFT JOIN newest AS n ON n.feed = w.feed
LEFT JOIN next AS d ON d.feed = w.feed"""


def publishing(
    config: BigQueryConfig, promises: Sequence[FeedPromise], expected: Sequence[ExpectedFile]
) -> tuple[str, list[Parameter]]:
    """The script that replaces both tables in one transaction, and its parameters."""
    meta = f"{config.project}.{config.meta_dataset}"
    sql = (
        "BEGIN TRANSACTION;\n"
        f"TRUNCATE TABLE `{meta}.feeds`;\n"
        f"INSERT INTO `{meta}.feeds` (feed, `table`, since, max_age)\n"
        "SELECT JSON_VALUE(r, '$.feed'), JSON_VALUE(r, '$.table'),"
        " CAST(JSON_VALUE(r, '$.since') AS TIMESTAMP), CAST(JSON_VALUE(r, '$.max_age') AS INT64)"
        " FROM UNNEST(JSON_QUERY_ARRAY(@watched)) AS r;\n"
        f"TRUNCATE TABLE `{meta}.expected`;\n"
        f"INSERT INTO `{meta}.expected` (feed, expected_at, counts_from, late_at)\n"
        "SELECT JSON_VALUE(r, '$.feed'), CAST(JSON_VALUE(r, '$.expected_at') AS TIMESTAMP),"
        " CAST(JSON_VALUE(r, '$.counts_from') AS TIMESTAMP),"
        " CAST(JSON_VALUE(r, '$.late_at') AS TIMESTAMP)"
        " FROM UNNEST(JSON_QUERY_ARRAY(@expected)) AS r;\n"
        "COMMIT TRANSACTION;"
    )
    feeds = [
        {
            "feed": each.feed,
            "table": each.table,
            "since": each.since.isoformat(),
            "max_age": int(each.max_age.total_seconds()) if each.max_age is not None else None,
        }
        for each in promises
    ]
    times = [
        {
            "feed": each.feed,
            "expected_at": each.expected_at.isoformat(),
            "counts_from": each.counts_from.isoformat(),
            "late_at": each.late_at.isoformat(),
        }
        for each in expected
    ]
    return sql, [
        bigquery.ScalarQueryParameter("watched", "STRING", json.dumps(feeds)),
        bigquery.ScalarQueryParameter("expected", "STRING", json.dumps(times)),
    ]
