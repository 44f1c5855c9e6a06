"""A session: jobs that carry labels, have bounds, are waited for, and whose bill is kept."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from google.api_core.exceptions import GoogleAPICallError
from google.cloud import bigquery

from connectors.bigquery.config import BigQueryConfig
from schemas.cost import Cost
from schemas.errors import RetryableError, WaybillError

log = logging.getLogger(__name__)

REQUEST_SECONDS = 20.0
"""How long one request may take. Google's own retries go on for ten minutes."""
RETRY = bigquery.DEFAULT_RETRY.with_timeout(REQUEST_SECONDS)
STOP_SECONDS = 10.0
"""How long a job that was told to stop is watched."""

_PAGE = 10_000
_POLL_FIRST, _POLL_LONGEST = 0.05, 1.0
_LABEL_CHARACTERS = 63
_NOT_OF_A_LABEL = re.compile(r"[^a-z0-9_-]+")

type Job = bigquery.LoadJob | bigquery.QueryJob | bigquery.CopyJob
type Parameter = bigquery.ScalarQueryParameter | bigquery.ArrayQueryParameter
type Meter = Callable[[Cost], None]

_LABELS: ContextVar[Mapping[str, str]] = ContextVar("labels", default={})  # noqa: B039


@contextmanager
def labelled(command: str, *, feed: str = "", table: str = "", batch: str = "") -> Iterator[None]:
    """Let every job that is sent while the block runs say what it is for."""
    facts = {"command": command, "feed": feed, "table": table.rpartition(".")[2], "batch": batch}
    token = _LABELS.set({name: value for name, value in facts.items() if value})
    try:
        yield
    finally:
        _LABELS.reset(token)


def job_labels() -> dict[str, str]:
    """The labels of the jobs that are sent now, as BigQuery takes them:
    https://cloud.google.com/bigquery/docs/labels-intro#requirements"""
    return {
        f"waybill_{name}": _NOT_OF_A_LABEL.sub("_", value.lower())[:_LABEL_CHARACTERS]
        for name, value in _LABELS.get().items()
    }


class Session:
    """A client and its configuration. Vendor exceptions pass through.

    `meter` is told what each query has cost; that it cannot be told stops nothing.
    """

    def __init__(
        self, client: bigquery.Client, config: BigQueryConfig, meter: Meter | None = None
    ) -> None:
        self.client, self.config, self._meter = client, config, meter

    def settings(
        self, parameters: Sequence[Parameter] = (), *, dry_run: bool = False
    ) -> bigquery.QueryJobConfig:
        """The settings of a query: parameters, labels, and what it may cost in bytes and time."""
        settings = bigquery.QueryJobConfig(query_parameters=list(parameters), dry_run=dry_run)
        settings.use_legacy_sql = False
        settings.labels = job_labels()
        most, milliseconds = self.config.maximum_bytes_billed, int(self.config.job_timeout * 1000)
        settings.job_timeout_ms = milliseconds
        settings.script_options = bigquery.ScriptOptions(
            statement_timeout_ms=milliseconds, statement_byte_budget=most
        )
        if most is not None:
            settings.maximum_bytes_billed = most
        if self.config.kms_key is not None:
            settings.destination_encryption_configuration = self.encryption()
        return settings

    def encryption(self) -> bigquery.EncryptionConfiguration | None:
        """The customer's own key, if there is one."""
        key = self.config.kms_key
        return bigquery.EncryptionConfiguration(kms_key_name=key) if key is not None else None

    def rows(self, sql: str, parameters: Sequence[Parameter] = ()) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        return list(self.each_row(sql, parameters))

    def each_row(self, sql: str, parameters: Sequence[Parameter] = ()) -> Iterator[tuple[Any, ...]]:
        """The rows of a query that may have many: it is run now, and read page by page."""
        job = self.client.query(
            sql,
            job_config=self.settings(parameters),
            retry=RETRY,
            timeout=REQUEST_SECONDS,
            job_retry=None,
        )
        found = job.result(
            page_size=_PAGE, retry=RETRY, timeout=self.config.job_timeout, job_retry=None
        )
        self.note(job)
        return (tuple(row.values()) for row in found)

    def bytes_of(self, sql: str, parameters: Sequence[Parameter] = ()) -> int:
        """How many bytes a query would read; nothing is run and nothing is billed."""
        job = self.client.query(
            sql,
            job_config=self.settings(parameters, dry_run=True),
            retry=RETRY,
            timeout=REQUEST_SECONDS,
            job_retry=None,
        )
        return int(job.total_bytes_processed or 0)

    def wait(self, job: Job) -> None:
        """Wait until the job is done, whether it succeeded or not.

        A job is told to stop `job_timeout` seconds after its creation; raises RetryableError if it
        has not stopped soon after.
        """
        limit = time.time() + self.config.job_timeout
        if job.created is not None:
            limit = job.created.timestamp() + self.config.job_timeout
        if _done_by(job, limit):
            return
        try:
            self.client.cancel_job(
                job.job_id, location=job.location, retry=RETRY, timeout=REQUEST_SECONDS
            )
        except GoogleAPICallError as error:
            # It may have ended in this very moment; whether it has, the job itself says.
            log.info("job %s cannot be told to stop: %s", job.job_id, error)
        if not _done_by(job, time.time() + STOP_SECONDS):
            raise RetryableError(
                f"job {job.job_id} did not end within {self.config.job_timeout:g} s,"
                " nor when it was told to stop"
            )

    def note(self, job: bigquery.QueryJob) -> None:
        """Keep what a query has cost."""
        if self._meter is None:
            return
        labels = _LABELS.get()
        cost = Cost(
            job_id=str(job.job_id),
            at=job.created or datetime.now(UTC),
            command=labels.get("command", "query"),
            feed=labels.get("feed"),
            table=labels.get("table"),
            batch_id=labels.get("batch"),
            bytes_billed=int(job.total_bytes_billed or 0),
        )
        try:
            self._meter(cost)
        except WaybillError as error:
            log.warning("what job %s has cost is not kept: %s", job.job_id, error.message)


def _done_by(job: Job, limit: float) -> bool:
    pause = _POLL_FIRST
    while job.state != "DONE":
        if time.time() > limit:
            return False
        time.sleep(pause)
        pause = min(pause * 1.5, _POLL_LONGEST)
        job.reload(retry=RETRY, timeout=REQUEST_SECONDS)
    return True
