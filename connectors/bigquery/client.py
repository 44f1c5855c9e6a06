"""The BigQuery client: credentials, small queries, and waiting for jobs."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from typing import Any

import google.auth
from google.api_core.client_options import ClientOptions
from google.api_core.exceptions import GoogleAPICallError
from google.auth import impersonated_credentials
from google.auth.credentials import AnonymousCredentials, Credentials
from google.cloud import bigquery
from google.oauth2 import service_account

from connectors.bigquery.config import BigQueryConfig
from connectors.bigquery.errors import translated
from schemas.errors import ConfigError, RetryableError

log = logging.getLogger(__name__)

REQUEST_SECONDS = 20.0
"""How long one request may take. Google's own retries go on for ten minutes."""
RETRY = bigquery.DEFAULT_RETRY.with_timeout(REQUEST_SECONDS)
STOP_SECONDS = 10.0
"""How long a job that was told to stop is watched."""

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_PAGE = 10_000
_POLL_FIRST, _POLL_LONGEST = 0.05, 1.0

type Job = bigquery.LoadJob | bigquery.QueryJob
type Parameter = bigquery.ScalarQueryParameter | bigquery.ArrayQueryParameter


def connect(config: BigQueryConfig) -> bigquery.Client:
    """A client with the configured credentials; nothing is sent yet. Raises ConfigError."""
    options = ClientOptions(api_endpoint=config.api_endpoint) if config.api_endpoint else None
    with translated("let us in"):
        return bigquery.Client(
            project=config.project,
            location=config.location,
            credentials=_credentials(config),
            client_options=options,
        )


def _credentials(config: BigQueryConfig) -> Credentials:
    if config.keyless:
        return AnonymousCredentials()
    own: Credentials
    try:
        if config.credentials_file is not None:
            own = service_account.Credentials.from_service_account_file(
                str(config.credentials_file), scopes=[_SCOPE]
            )
        else:
            own, _ = google.auth.default(scopes=[_SCOPE])
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"the service account's key file cannot be read: {error}",
            hint="see warehouse.credentials_file",
        ) from error
    if config.impersonate is None:
        return own
    return impersonated_credentials.Credentials(
        source_credentials=own, target_principal=config.impersonate, target_scopes=[_SCOPE]
    )


def query_config(
    config: BigQueryConfig, parameters: Sequence[Parameter] = ()
) -> bigquery.QueryJobConfig:
    """The settings of every query: parameters, and what it may cost in bytes and time."""
    settings = bigquery.QueryJobConfig(query_parameters=list(parameters))
    settings.use_legacy_sql = False
    settings.job_timeout_ms = int(config.job_timeout * 1000)
    if config.maximum_bytes_billed is not None:
        settings.maximum_bytes_billed = config.maximum_bytes_billed
    return settings


def rows(
    client: bigquery.Client,
    config: BigQueryConfig,
    sql: str,
    parameters: Sequence[Parameter] = (),
) -> list[tuple[Any, ...]]:
    """The rows of a query. Vendor exceptions pass through."""
    return list(each_row(client, config, sql, parameters))


def each_row(
    client: bigquery.Client,
    config: BigQueryConfig,
    sql: str,
    parameters: Sequence[Parameter] = (),
) -> Iterator[tuple[Any, ...]]:
    """The rows of a query that may have many, read page by page. Vendor exceptions pass through."""
    job = client.query(
        sql,
        job_config=query_config(config, parameters),
        retry=RETRY,
        timeout=REQUEST_SECONDS,
        job_retry=None,
    )
    found = job.result(page_size=_PAGE, retry=RETRY, timeout=config.job_timeout, job_retry=None)
    for row in found:
        yield tuple(row.values())


def wait(client: bigquery.Client, job: Job, config: BigQueryConfig) -> None:
    """Wait until the job is done, whether it succeeded or not.

    A job is told to stop `job_timeout` seconds after its creation; raises RetryableError if it
    has not stopped soon after.
    """
    limit = time.time() + config.job_timeout
    if job.created is not None:
        limit = job.created.timestamp() + config.job_timeout
    if _done_by(job, limit):
        return
    try:
        client.cancel_job(job.job_id, location=job.location, retry=RETRY, timeout=REQUEST_SECONDS)
    except GoogleAPICallError as error:
        # It may have ended in this very moment; whether it has, the job itself says.
        log.info("job %s cannot be told to stop: %s", job.job_id, error)
    if not _done_by(job, time.time() + STOP_SECONDS):
        raise RetryableError(
            f"job {job.job_id} did not end within {config.job_timeout:g} s,"
            " nor when it was told to stop"
        )


def _done_by(job: Job, limit: float) -> bool:
    pause = _POLL_FIRST
    while job.state != "DONE":
        if time.time() > limit:
            return False
        time.sleep(pause)
        pause = min(pause * 1.5, _POLL_LONGEST)
        job.reload(retry=RETRY, timeout=REQUEST_SECONDS)
    return True
