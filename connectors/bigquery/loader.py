"""Loader: a batch's staged files into staging tables, by load jobs that can be taken up again."""

from __future__ import annotations

import logging

from google.api_core.exceptions import NotFound
from google.cloud import bigquery

from connectors.bigquery.capabilities import BIGQUERY
from connectors.bigquery.errors import RATE_LIMITED, meaning
from connectors.bigquery.load_jobs import LoadJobs, LoadTask
from connectors.bigquery.preload import Preloads
from connectors.bigquery.rejects import REJECTS, REJECTS_ARROW, inline
from connectors.bigquery.session import REQUEST_SECONDS, RETRY, Session
from connectors.bigquery.staging import Staged, StagingTables, named_by
from connectors.bigquery.tables import staging_fields
from connectors.failpoints import crash_point
from connectors.parquet.merge import parts_of
from connectors.protocols import Storage
from schemas.batch import Batch, BatchKind, WriteMode
from schemas.contract import Contract
from schemas.errors import AttemptSpentError, ContractError, DataError, RetryableError
from schemas.storage_keys import in_bucket

log = logging.getLogger(__name__)


class Loader:
    """Stages batches. Vendor exceptions pass through; a job's failure is translated."""

    def __init__(self, session: Session, storage: Storage, bucket: Storage | None) -> None:
        self._session, self._storage = session, storage
        self._jobs = LoadJobs(session, storage, bucket)
        self._preloads = Preloads(session, storage, bucket)
        self._staging = StagingTables(session, bucket)

    def stage(self, batch: Batch, contract: Contract) -> Staged:
        """Load the batch's rows, and its rejected rows if they are many, into a staging table each.
        Rows of a large file that were loaded while it was prepared are not loaded again.

        A job that an earlier call started is taken up again. Raises AttemptSpentError when the job
        of this attempt has failed for good, and DataError when BigQuery refuses the data.
        """
        if batch.attempt > 1:
            self._staging.drop_earlier(batch, contract)
        few = inline(self._storage, batch)
        data = self._data(batch, contract)
        adopted = self._preloads.adopted(batch, contract) if data is not None else None
        rejects = self._rejects(batch, contract) if few is None else None
        tasks = [task for task in (None if adopted else data, rejects) if task is not None]
        started = [(task, *self._jobs.start(task)) for task in tasks]
        crash_point("load.submitted")
        rows = {task.table: self._finish(task, job, fresh, batch) for task, job, fresh in started}
        table = self._staging.table(batch, contract, "")
        if data is None or adopted:
            # The transaction empties it all the same: that is where two of a batch would meet.
            fields = data.fields if data else staging_fields(contract, direct=False)
            self._staging.create(table, fields)
        if adopted:
            crash_point("load.adopted")
        return Staged(
            table=table,
            rows=batch.rows_staged if adopted else rows.get(table, 0),
            has_rows=data is not None,
            rejects=rejects.table if rejects else None,
            rejected=rows[rejects.table] if rejects else 0,
            inline_rejects=few or None,
            adopted=adopted,
        )

    def drop(self, batch: Batch, contract: Contract, staged: Staged) -> None:
        """Remove the batch's staging tables, and those in which parts of its files are; what cannot
        be removed expires by itself."""
        self._staging.drop(staged)
        for file in batch.bringing:
            if len(file.staged_keys) > 1:
                self._preloads.forget(contract, file.file_id, file.staged_keys[0])

    def _data(self, batch: Batch, contract: Contract) -> LoadTask | None:
        files = batch.contenders
        if not files:
            return None
        return self._jobs.of_rows(
            _job_id(batch),
            self._staging.table(batch, contract, ""),
            contract,
            [(key, file) for file in files for key in file.staged_keys],
            batch.rows_staged,
        )

    def _rejects(self, batch: Batch, contract: Contract) -> LoadTask | None:
        parts = parts_of(
            (file.rejects_key, file.file_id) for file in batch.files if file.rejects_key
        )
        if not parts or batch.kind is BatchKind.UNLOAD:
            return None
        table = self._staging.table(batch, contract, "_rejects")
        return LoadTask(
            job_id=f"{_job_id(batch)}_rejects",
            table=table,
            fields=REJECTS,
            arrow=REJECTS_ARROW,
            parts=parts,
            through=in_bucket(table),
            # A quarantined file counts more rows as rejected than it has rejects to show.
            rows=None,
        )

    def _finish(self, task: LoadTask, job: bigquery.LoadJob, fresh: bool, batch: Batch) -> int:
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

    def _must_exist(self, task: LoadTask, job: bigquery.LoadJob) -> None:
        """A job that ended long ago may have outlived its staging table."""
        try:
            self._session.client.get_table(task.table, retry=RETRY, timeout=REQUEST_SECONDS)
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


def refuse_impossible(batch: Batch, contract: Contract, mode: WriteMode) -> None:
    """Raise ContractError for a mode that the table cannot have, DataError for too much at once."""
    if mode is WriteMode.MERGE and not contract.primary_key:
        raise ContractError(f"contract {contract.name}: merge needs a primary key")
    if mode is WriteMode.REPLACE_PARTITION and contract.partition is None:
        raise ContractError(f"contract {contract.name}: replace_partition needs a partition")
    touched = {each for file in batch.files for each in file.partitions}
    if len(touched) > BIGQUERY.max_partitions:
        raise DataError(
            f"{len(batch.files)} files touch {len(touched):,} partitions;"
            f" BigQuery takes {BIGQUERY.max_partitions:,} at once"
        )
