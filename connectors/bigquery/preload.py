"""Preload: parts of a large file loaded while the rest of it is prepared, and their table adopted.

A file's attempt has one staging table of its own for that, into which jobs bring its parts. Their
ids are made of the first part's key, and a label of each says how many parts it has brought, and
which, so that whoever has the keys of all parts can ask the jobs whether all are in the table.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from google.api_core.exceptions import NotFound
from google.cloud import bigquery

from connectors.bigquery.errors import translated
from connectors.bigquery.load_jobs import LoadJobs
from connectors.bigquery.session import REQUEST_SECONDS, RETRY, Session
from connectors.bigquery.staging import StagingTables, in_parts
from connectors.protocols import Storage
from schemas import storage_keys
from schemas.batch import Batch, BatchKind
from schemas.contract import Contract
from schemas.errors import RetryableError, WaybillError
from schemas.file import File

log = logging.getLogger(__name__)

_LABEL = "waybill_parts"


class Preloads:
    """Starts the load jobs of parts, and says whether they make a whole file. Vendor exceptions
    pass through `adopted` alone."""

    def __init__(self, session: Session, storage: Storage, bucket: Storage | None) -> None:
        self._session = session
        self._jobs = LoadJobs(session, storage, bucket)
        self._staging = StagingTables(session, bucket)

    def start(self, file: File, contract: Contract, keys: Sequence[str], rows: int) -> bool:
        """Start the job that brings those parts, or take it up if it was started before; False, and
        a line in the log, for whatever goes wrong."""
        try:
            with translated(f"load parts of {file.item.name}", of_data=True):
                self._start(file, contract, keys, rows)
        except WaybillError as error:
            log.warning("%s is not loaded while it is prepared: %s", file.file_id, error.message)
            return False
        return True

    def _start(self, file: File, contract: Contract, keys: Sequence[str], rows: int) -> None:
        table = self._staging.parts_table(contract, file.file_id, keys[0])
        task = self._jobs.of_rows(
            _job_id(table, file, keys[0]),
            table,
            contract,
            [(key, file) for key in keys],
            rows,
            facts={_LABEL: _told(keys)},
            through=f"{table.rpartition('.')[2]}_{_digest(keys[:1])}.parquet",
        )
        self._jobs.start(task)

    def adopted(self, batch: Batch, contract: Contract) -> str | None:
        """The table in which all rows of the batch are already: it has one file with rows, of
        several parts, each of which a job has brought; None if anything is missing.

        Only for a first attempt. Whatever this says, the transaction counts the rows.
        """
        if batch.kind is not BatchKind.LOAD or batch.attempt > 1 or batch.restored:
            return None
        if len(batch.bringing) != 1 or len(batch.bringing[0].staged_keys) < 2:
            return None
        (file,) = batch.bringing
        if any(storage_keys.is_shared(key) for key in file.staged_keys):
            return None
        table = self._staging.parts_table(contract, file.file_id, file.staged_keys[0])
        jobs = self._jobs_of(table, file)
        if not jobs or not all(self._has_ended_well(job) for job in jobs):
            return None
        rows = sum(int(job.output_rows or 0) for job in jobs)
        return table if rows == file.counts.loaded and self._lasts(table) else None

    def _jobs_of(self, table: str, file: File) -> list[bigquery.LoadJob]:
        """The jobs that have brought exactly the file's parts; none if one is missing."""
        jobs, keys = [], list(file.staged_keys)
        while keys:
            job = self._jobs.find(_job_id(table, file, keys[0]))
            told = job.labels.get(_LABEL, "") if job is not None else ""
            count = told.partition("_")[0]
            if job is None or not count.isdecimal() or told != _told(keys[: int(count)]):
                return []
            jobs.append(job)
            keys = keys[int(count) :]
        return jobs

    def _has_ended_well(self, job: bigquery.LoadJob) -> bool:
        """Wait for the job; False if it has failed, or does not end in its time."""
        try:
            self._session.wait(job)
        except RetryableError as late:
            log.warning("parts are loaded anew: %s", late.message)
            return False
        return not job.error_result

    def _lasts(self, table: str) -> bool:
        """Whether the table is there, and will be until a transaction has surely read it."""
        try:
            found = self._session.client.get_table(table, retry=RETRY, timeout=REQUEST_SECONDS)
        except NotFound:
            return False
        margin = timedelta(seconds=2 * self._session.config.job_timeout)
        return found.expires is None or found.expires > datetime.now(UTC) + margin

    def forget(self, contract: Contract, file_id: str, key: str) -> None:
        """Remove the table of the attempt that the key is of; quiet if there is none, or if it
        cannot be removed: it expires by itself."""
        try:
            with translated("remove a staging table"):
                self._staging.drop_parts(contract, file_id, key)
        except WaybillError as error:
            log.warning("the parts of %s are left to expire: %s", file_id, error.message)


def _job_id(table: str, file: File, key: str) -> str:
    """Made of file, attempt and first part; and of the table, for services that share a project."""
    return f"waybill_{in_parts(file.file_id, key)}_{_digest([table, key])}"


def _told(keys: Sequence[str]) -> str:
    """What a job's label says of the parts that it brings."""
    return f"{len(keys)}_{_digest(keys)}"


def _digest(texts: Iterable[str]) -> str:
    return hashlib.sha256("\x00".join(texts).encode()).hexdigest()[:16]
