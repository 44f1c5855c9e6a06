"""Upload: a local Parquet file to a load job, a piece at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO, cast

from google import resumable_media
from google.api_core.exceptions import from_http_response
from google.cloud import bigquery
from google.resumable_media.requests import ResumableUpload

from connectors.bigquery.config import BigQueryConfig

_GOOGLE = "https://bigquery.googleapis.com"
_PIECE_BYTES = 16 * 1024 * 1024
"""A multiple of 256 KiB: https://cloud.google.com/bigquery/docs/reference/api-uploads"""
_TIMEOUT = (10.0, 120.0)
_RETRIES = 2


def upload(
    client: bigquery.Client,
    config: BigQueryConfig,
    path: Path,
    job_id: str,
    table: str,
    settings: bigquery.LoadJobConfig,
) -> bigquery.LoadJob:
    """Send a file to a new load job into a table. Vendor exceptions pass through.

    The client's own way sends pieces of 100 MB and holds two of them in memory, so it is left to
    files that are one small piece.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        if size <= _PIECE_BYTES:
            return client.load_table_from_file(
                stream,
                table,
                size=size,
                num_retries=_RETRIES,
                job_id=job_id,
                job_config=settings,
                timeout=_TIMEOUT,
            )
        target = bigquery.TableReference.from_string(table)
        wanted = bigquery.LoadJob(job_id, None, target, client, settings).to_api_repr()
        wanted["jobReference"]["location"] = client.location
        host = config.api_endpoint or _GOOGLE
        job = _send(
            client._http,
            f"{host}/upload/bigquery/v2/projects/{client.project}/jobs?uploadType=resumable",
            wanted,
            stream,
            size,
        )
    return cast(bigquery.LoadJob, client.job_from_resource(job))


def _send(
    session: Any, url: str, wanted: dict[str, Any], stream: BinaryIO, size: int
) -> dict[str, Any]:
    """The job that an upload has begun; `wanted` is what is asked of it."""
    upload = ResumableUpload(url, _PIECE_BYTES)
    # As the library's own documentation limits its patience.
    upload._retry_strategy = resumable_media.RetryStrategy(max_retries=_RETRIES)
    try:
        upload.initiate(
            session, stream, wanted, "*/*", total_bytes=size, stream_final=False, timeout=_TIMEOUT
        )
        while not upload.finished:
            reply = upload.transmit_next_chunk(session, timeout=_TIMEOUT)
    except resumable_media.InvalidResponse as error:
        raise from_http_response(error.response) from error
    return cast(dict[str, Any], reply.json())
