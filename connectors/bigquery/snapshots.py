"""Snapshots: a table as it was, kept beside it for some days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from google.cloud import bigquery
from google.cloud.bigquery.job.copy_ import OperationType

from connectors.bigquery.session import REQUEST_SECONDS, RETRY, Session, job_labels


def take_snapshot(session: Session, table: str, target: str, days: int) -> None:
    """Copy a table into a new snapshot. Vendor exceptions pass through."""
    settings = bigquery.CopyJobConfig(labels=job_labels())
    settings.operation_type = OperationType.SNAPSHOT
    settings.destination_encryption_configuration = session.encryption()
    expires = datetime.now(UTC) + timedelta(days=days)
    settings._properties["copy"]["destinationExpirationTime"] = expires.isoformat()
    job = session.client.copy_table(
        table, target, job_config=settings, retry=RETRY, timeout=REQUEST_SECONDS
    )
    session.wait(job)
    if job.error_result:
        job.result()
