"""Loader: a batch's staged files into staging tables, by load jobs that can be taken up again."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pyarrow as pa
from google.api_core.exceptions import Conflict, NotFound
from google.cloud import bigquery

from connectors.bigquery.errors import RATE_LIMITED, meaning
from connectors.bigquery.rejects import REJECTS, REJECTS_ARROW, inline
from connectors.bigquery.session import REQUEST_SECONDS, RETRY, Session, job_labels
from connectors.bigquery.staging import Staged, StagingTables, named_by, staging_schema
from connectors.bigquery.tables import staging_fields
from connectors.bigquery.upload import upload
from connectors.failpoints import crash_point
from connectors.parquet.merge import Part, concatenate, parts_of
from connectors.protocols import Storage
from schemas.batch import Batch, BatchKind
from schemas.contract import Contract
from schemas.errors import AttemptSpentError, DataError, FatalError, RetryableError
from schemas.storage_keys import in_bucket

log = logging.getLogger(__name__)

_URIS = 10_000


@dataclass(frozen=True, kw_only=True, slots=True)
class _Task:
    """One load job: its id, its table, and the files to be read. `rows` are those expected."""

    job_id: str
    table: str
    fields: Sequence[bigquery.SchemaField]
    arrow: pa.Schema
    parts: Sequence[Part]
    uris: Sequence[str]
    rows: int | None


class Loader:
    """Stages batches. Vendor exceptions pass through; a job's failure is translated."""

    def __init__(self, session: Session, storage: Storage, bucket: Storage | None) -> None:
        self._session, self._storage, self._bucket = session, storage, bucket
        self._client, self._config = session.client, session.config
        self._staging = StagingTables(session, bucket)

    def stage(self, batch: Batch, contract: Contract) -> Staged:
        """Load the batch's rows, and its rejected rows if they are many, into a staging table each.

        A job that an earlier call started is taken up again. Raises AttemptSpentError when the job
        of this attempt has failed for good, and DataError when BigQuery refuses the data.
        """
        if batch.attempt > 1:
            self._staging.drop_earlier(batch, contract)
        few = inline(self._storage, batch)
        data = self._data(batch, contract)
        rejects = self._rejects(batch, contract) if few is None else None
        tasks = [task for task in (data, rejects) if task is not None]
        started = [(task, *self._start(task)) for task in tasks]
        crash_point("load.submitted")
        rows = {task.table: self._finish(task, job, fresh, batch) for task, job, fresh in started}
        table = self._staging.table(batch, contract, "")
        if data is None:
            # The transaction empties it all the same: that is where two of a batch would meet.
            self._staging.create(table, staging_fields(contract, direct=False))
        return Staged(
            table=table,
            rows=rows[table] if data else 0,
            has_rows=data is not None,
            rejects=rejects.table if rejects else None,
            rejected=rows[rejects.table] if rejects else 0,
            inline_rejects=few or None,
        )

    def _data(self, batch: Batch, contract: Contract) -> _Task | None:
        files = batch.contenders
        if not files:
            return None
        parts = parts_of((key, file.file_id) for file in files for key in file.staged_keys)
        uris = [self._storage.uri(part.key) for part in parts]
        # What several files share is not read as it is, for only some of them may be in the batch.
        alone = len(uris) <= _URIS and not any(part.files for part in parts)
        direct = alone and all(uri.startswith("gs://") for uri in uris)
        return _Task(
            job_id=_job_id(batch),
            table=self._staging.table(batch, contract, ""),
            fields=staging_fields(contract, direct=direct),
            arrow=staging_schema(contract),
            parts=parts,
            uris=uris if direct else (),
            rows=sum(file.counts.loaded for file in files),
        )

    def _rejects(self, batch: Batch, contract: Contract) -> _Task | None:
        parts = parts_of(
            (file.rejects_key, file.file_id) for file in batch.files if file.rejects_key
        )
        if not parts or batch.kind is BatchKind.UNLOAD:
            return None
        return _Task(
            job_id=f"{_job_id(batch)}_rejects",
            table=self._staging.table(batch, contract, "_rejects"),
            fields=REJECTS,
            arrow=REJECTS_ARROW,
            parts=parts,
            uris=(),
            # A quarantined file counts more rows as rejected than it has rejects to show.
            rows=None,
        )

    def _start(self, task: _Task) -> tuple[bigquery.LoadJob, bool]:
        """The task's job, and whether this call has started it."""
        existing = self._job(task.job_id)
        if existing is not None:
            return existing, False
        self._staging.create(task.table, task.fields)
        try:
            return self._submit(task), True
        except Conflict:
            existing = self._job(task.job_id)
            if existing is None:
                raise
            return existing, False

    def _job(self, job_id: str) -> bigquery.LoadJob | None:
        try:
            found = self._client.get_job(job_id, retry=RETRY, timeout=REQUEST_SECONDS)
        except NotFound:
            return None
        return cast(bigquery.LoadJob, found)

    def _submit(self, task: _Task) -> bigquery.LoadJob:
        settings = bigquery.LoadJobConfig(
            schema=task.fields,
            source_format=bigquery.SourceFormat.PARQUET,
            # The table was made for this job alone. Truncating it would lose its fields' modes.
            write_disposition=bigquery.WriteDisposition.WRITE_APPEND,
            create_disposition=bigquery.CreateDisposition.CREATE_NEVER,
            job_timeout_ms=int(self._config.job_timeout * 1000),
            labels=job_labels(),
            destination_encryption_configuration=self._session.encryption(),
        )
        if task.uris:
            return self._submit_uris(task, task.uris, settings)
        with tempfile.TemporaryDirectory(prefix="waybill-") as folder:
            path = Path(folder) / "batch.parquet"
            rows = concatenate(self._storage, task.parts, task.arrow, path)
            if task.rows not in (None, rows):
                raise FatalError(
                    f"the staged files hold {rows:,} rows where {task.rows:,} were counted",
                    hint="retry the batch's files",
                )
            if self._bucket is not None:
                key = in_bucket(task.table)
                self._bucket.put(key, path)
                return self._submit_uris(task, [self._bucket.uri(key)], settings)
            return upload(self._client, self._config, path, task.job_id, task.table, settings)

    def _submit_uris(
        self, task: _Task, uris: Sequence[str], settings: bigquery.LoadJobConfig
    ) -> bigquery.LoadJob:
        return self._client.load_table_from_uri(
            list(uris),
            task.table,
            job_id=task.job_id,
            job_config=settings,
            retry=RETRY,
            timeout=REQUEST_SECONDS,
        )

    def _finish(self, task: _Task, job: bigquery.LoadJob, fresh: bool, batch: Batch) -> int:
        """Wait for the job; the rows it has brought."""
        try:
            self._session.wait(job)
        except RetryableError as late:
            # It may still end, but into a staging table that only this attempt would have used.
            raise AttemptSpentError(late.message) from late
        if not job.error_result:
            if not fresh:
                self._must_exist(task, job)
            return int(job.output_rows or 0) if task.rows is None else task.rows
        reason = job.error_result.get("reason") or ""
        message = job.error_result.get("message") or ""
        error = meaning(reason, message, f"load {_named(batch)}", of_data=True)
        if isinstance(error, DataError):
            raise DataError(f"BigQuery refused {_named(batch)}: {message[:500]}")
        if fresh and (type(error) is not RetryableError or reason in RATE_LIMITED):
            # Not to be tried again at once; the next load finds the job spent.
            raise error
        raise AttemptSpentError(f"the load job {job.job_id} has failed: {message[:500]}")

    def _must_exist(self, task: _Task, job: bigquery.LoadJob) -> None:
        """A job that ended long ago may have outlived its staging table."""
        try:
            self._client.get_table(task.table, retry=RETRY, timeout=REQUEST_SECONDS)
        except NotFound as error:
            raise AttemptSpentError(
                f"the staging table of load job {job.job_id} is gone"
            ) from error


def _job_id(batch: Batch) -> str:
    return f"waybill_{named_by(batch)}"


def _named(batch: Batch) -> str:
    """The batch's files as a person would name them."""
    if len(batch.files) == 1:
        return batch.files[0].item.name
    return f"one of {len(batch.files)} files ({batch.files[0].item.name} and others)"
