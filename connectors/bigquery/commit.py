"""Commit: one transaction a batch, run by jobs of which only one is alive at a time."""

# Names are checked and quoted by `names`; values are parameters.
# ruff: noqa: S608

from __future__ import annotations

import logging
import time
from typing import cast

from google.api_core.exceptions import Conflict
from google.cloud import bigquery

from connectors.bigquery import names
from connectors.bigquery.client import REQUEST_SECONDS, RETRY, query_config, rows, wait
from connectors.bigquery.config import BigQueryConfig
from connectors.bigquery.errors import meaning
from connectors.bigquery.loader import Staged, bringing_rows
from connectors.bigquery.partitions import NULL, Partitioning
from connectors.bigquery.records import parameters, tables_of
from connectors.bigquery.transaction import Pruned, key_match, script
from connectors.crash import crash_point
from schemas.batch import Batch, Committed, Removal, WriteMode
from schemas.contract import Contract
from schemas.errors import RetryableError

log = logging.getLogger(__name__)

_COMMITS = 100


class Committer:
    """Runs transactions and reads back what they did. Vendor exceptions pass through."""

    def __init__(self, client: bigquery.Client, config: BigQueryConfig) -> None:
        self._client, self._config = client, config

    def outcome(self, batch_id: str) -> Committed | None:
        """What a batch did, from its own records; None if it has not committed."""
        project, meta = self._config.project, self._config.meta_dataset
        found = rows(
            self._client,
            self._config,
            "SELECT b.`rows`, r.file_id, SUM(r.`rows`)"
            f" FROM {names.table(project, meta, 'batches')} AS b"
            f" LEFT JOIN {names.table(project, meta, 'removals')} AS r ON r.batch_id = b.batch_id"
            " WHERE b.batch_id = @batch GROUP BY b.`rows`, r.file_id ORDER BY r.file_id",
            [bigquery.ScalarQueryParameter("batch", "STRING", batch_id)],
        )
        if not found:
            return None
        removals = [Removal(file_id=file, rows=gone) for _, file, gone in found if file is not None]
        return Committed(rows=found[0][0], removals=tuple(removals))

    def commit(self, batch: Batch, contract: Contract, mode: WriteMode, staged: Staged) -> None:
        """Run the transaction, one job at a time.

        The jobs of a batch are numbered, and a number is used only once the job before it is known
        to have ended: two transactions of one batch never run side by side.
        """
        pruned = self._pruned(batch, contract, mode, staged)
        tables = tables_of(batch.table, self._config.project, self._config.meta_dataset)
        sql = script(contract, mode, staged, tables, pruned)
        settings = query_config(self._config, parameters(batch, staged, pruned.replayed))
        for number in range(1, _COMMITS):
            job_id = f"waybill_{batch.batch_id}_commit_{number}"
            job, fresh = self._submit(sql, settings, job_id)
            crash_point("load.committing")
            if not self._ended(job):
                continue
            if not job.error_result:
                return
            if fresh:
                raise meaning(
                    job.error_result.get("reason") or "",
                    job.error_result.get("message") or "",
                    f"commit batch {batch.batch_id}",
                )
        raise RetryableError(f"batch {batch.batch_id} has failed to commit {_COMMITS} times")

    def _submit(
        self, sql: str, settings: bigquery.QueryJobConfig, job_id: str
    ) -> tuple[bigquery.QueryJob, bool]:
        """The job of that id, and whether this call has started it."""
        try:
            job = self._client.query(
                sql,
                job_config=settings,
                job_id=job_id,
                retry=RETRY,
                timeout=REQUEST_SECONDS,
                job_retry=None,
            )
        except Conflict:
            existing = self._client.get_job(job_id, retry=RETRY, timeout=REQUEST_SECONDS)
            return cast(bigquery.QueryJob, existing), False
        return job, True

    def _ended(self, job: bigquery.QueryJob) -> bool:
        """Wait for the job; False if it is given up as lost, long after it was told to stop."""
        try:
            wait(self._client, job, self._config)
        except RetryableError:
            age = time.time() - job.created.timestamp()
            if age < 2 * self._config.job_timeout:
                raise
            log.warning("job %s has not ended in %d s and is taken as lost", job.job_id, age)
            return False
        return True

    def _pruned(self, batch: Batch, contract: Contract, mode: WriteMode, staged: Staged) -> Pruned:
        """Which partitions the transaction must look into."""
        if staged.table is None:
            return Pruned()
        replayed, partitions = self._replayed(batch)
        if contract.partition is None:
            return Pruned(replaced="TRUE", replayed=replayed, replayed_within="TRUE")
        by = Partitioning(contract, "t")
        touched = {each for file in bringing_rows(batch) for each in file.partitions}
        if mode is WriteMode.MERGE:
            if contract.partition.column in contract.primary_key:
                touched -= {NULL}
            else:
                touched = self._matched(batch, contract, staged.table, by)
        return Pruned(
            replaced=by.within(touched),
            replayed=replayed,
            replayed_within=by.within(partitions),
        )

    def _matched(
        self, batch: Batch, contract: Contract, staging: str, by: Partitioning
    ) -> set[str]:
        """Partitions of the target that hold rows with a staged key."""
        match = key_match(contract, names.table(*staging.split(".")))
        found = rows(
            self._client,
            self._config,
            f"SELECT DISTINCT {by.bucket()} FROM {names.table(*batch.table.split('.'))} AS t"
            f" WHERE {by.anywhere()} AND {match}",
        )
        return {by.name(start) for (start,) in found}

    def _replayed(self, batch: Batch) -> tuple[tuple[str, ...], set[str]]:
        """Files whose rows the table already has, and their partitions then.

        Only a file that was claimed before can have been loaded before, and rows that are there
        are left alone when the file brings none this time.
        """
        again = [file.file_id for file in bringing_rows(batch) if file.attempt > 1]
        if not again:
            return (), set()
        project, meta = self._config.project, self._config.meta_dataset
        found = rows(
            self._client,
            self._config,
            f"SELECT f.file_id, f.partitions FROM {names.table(project, meta, 'files')} AS f"
            f" JOIN {names.table(project, meta, 'batches')} AS b ON b.batch_id = f.batch_id"
            " WHERE b.`table` = @target AND f.rows_loaded > 0 AND f.file_id IN UNNEST(@files)",
            [
                bigquery.ScalarQueryParameter("target", "STRING", batch.table),
                bigquery.ArrayQueryParameter("files", "STRING", again),
            ],
        )
        files = tuple(sorted({file_id for file_id, _ in found}))
        return files, {each for _, partitions in found for each in partitions}
