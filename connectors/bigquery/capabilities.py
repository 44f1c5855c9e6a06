"""What BigQuery can hold, and how much of it: https://cloud.google.com/bigquery/quotas."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from schemas.capabilities import Capabilities
from schemas.contract import Type

BIGQUERY = Capabilities(
    name="BigQuery",
    types=frozenset(Type),
    # https://cloud.google.com/bigquery/quotas#standard_tables
    max_columns=10_000,
    # https://cloud.google.com/bigquery/quotas#partitioned_tables
    max_partitions=4_000,
    table_partitions=10_000,
    table_partition_changes=30_000,
    # https://cloud.google.com/bigquery/quotas#load_jobs
    max_job_bytes=15 * 1024**4,
    table_load_jobs=1_500,
    # https://cloud.google.com/docs/quotas/overview#per-day_quotas
    quota_zone=ZoneInfo("America/Los_Angeles"),
    quota_day_begins="midnight Pacific time",
)
