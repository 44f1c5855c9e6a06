"""Commit: one transaction a batch, run by jobs of which only one is alive at a time."""

# Names are checked and quoted by `names`; values are parameters.
# ruff: noqa: S608

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import cast

from google.api_core.exceptions import Conflict
from google.cloud import bigquery

from connectors.bigquery import names
from connectors.bigquery.client import REQUEST_SECONDS, RETRY, query_config, rows, wait
from connectors.bigquery.config import BigQueryConfig
from connectors.bigquery.errors import meaning
from connectors.bigquery.loader import Staged, bringing_rows, contenders, rows_brought
from connectors.bigquery.partitions import NULL, Partitioning
from connectors.bigquery.places import Places
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
            "SELECT b.`rows`, r.file_id, IFNULL(r.`rows` < 0, FALSE) AS back, SUM(r.`rows`)"
            f" FROM {names.table(project, meta, 'batches')} AS b"
            f" LEFT JOIN {names.table(project, meta, 'removals')} AS r ON r.batch_id = b.batch_id"
            " WHERE b.batch_id = @batch GROUP BY b.`rows`, r.file_id, back ORDER BY r.file_id",
            [bigquery.ScalarQueryParameter("batch", "STRING", batch_id)],
        )
        if not found:
            return None
        changes = [(file, change) for _, file, _, change in found if change]
        return Committed(
            rows=found[0][0],
            removals=tuple(Removal(file_id=file, rows=rows) for file, rows in changes if rows > 0),
            restored=tuple(Removal(file_id=file, rows=-rows) for file, rows in changes if rows < 0),
        )

    def effect(self, batch: Batch, mode: WriteMode) -> Committed | None:
        """What a batch did whose transaction has ended well. The warehouse is asked, which takes it
        a second, only if rows may have been taken out or brought back."""
        if mode is WriteMode.APPEND and not batch.leaving and not batch.under:
            return Committed(rows=rows_brought(batch))
        return self.outcome(batch.batch_id)

    def commit(self, batch: Batch, contract: Contract, mode: WriteMode, staged: Staged) -> None:
        """Run the transaction, one job at a time.

        The jobs of a batch are numbered, and a number is used only once the job before it is known
        to have ended: two transactions of one batch never run side by side.
        """
        old = self.places(batch.table, _known_before(batch))
        pruned, sequence = self._pruned(batch, contract, mode, staged, old)
        tables = tables_of(batch.table, self._config.project, self._config.meta_dataset)
        sql = script(contract, mode, staged, tables, pruned)
        settings = query_config(self._config, parameters(batch, staged, sequence, old.by_file))
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

    def _pruned(
        self, batch: Batch, contract: Contract, mode: WriteMode, staged: Staged, old: Places
    ) -> tuple[Pruned, list[str]]:
        """Which partitions the transaction must look into, and the order of the files."""
        files = [file.file_id for file in batch.files]
        gone = self._within(
            contract, {each for id_ in batch.leaving for each in old.partitions(id_)}
        )
        pruned = Pruned(leaving=bool(batch.leaving), gone=gone)
        if staged.table is None:
            return pruned, files
        brought = bringing_rows(batch)
        placed = bool(batch.under) or any(file.in_force or file.placed_at for file in brought)
        touched = {each for file in contenders(batch) for each in file.partitions}
        if mode is WriteMode.MERGE and contract.partition is not None:
            if contract.partition.column in contract.primary_key:
                touched -= {NULL}
            else:
                touched = self._matched(batch, contract, staged.table, Partitioning(contract, "t"))
        pruned = replace(pruned, replaced=self._within(contract, touched), placed=placed)
        if not placed:
            return pruned, files
        holders: set[tuple[str | None, str]] = set()
        if mode is not WriteMode.APPEND and pruned.replaced is not None:
            where = pruned.replaced
            if mode is WriteMode.MERGE:
                where += f" AND {key_match(contract, names.table(*staged.table.split('.')))}"
            holders = self._holders(batch, contract, where)
        holding = {file for _, file in holders}
        old = old.joined(self.places(batch.table, holding.difference(old.known)))
        sequence = old.sequence(batch, holding)
        if mode is WriteMode.REPLACE_PARTITION:
            pruned = _by_partition(batch, contract, pruned, sequence, holders)
        return pruned, sequence

    def _within(self, contract: Contract, partitions: set[str]) -> str | None:
        if contract.partition is None:
            return "TRUE"
        return Partitioning(contract, "t").within(partitions)

    def _holders(self, batch: Batch, contract: Contract, where: str) -> set[tuple[str | None, str]]:
        """The partitions and files of rows of the target that stay, where the condition holds."""
        by = Partitioning(contract, "t") if contract.partition is not None else None
        found = rows(
            self._client,
            self._config,
            f"SELECT DISTINCT {by.bucket() if by else 'NULL'} AS `start`, t.`_etl_file`"
            f" FROM {names.table(*batch.table.split('.'))} AS t"
            f" WHERE {where} AND t.`_etl_file` NOT IN UNNEST(@gone)",
            [bigquery.ArrayQueryParameter("gone", "STRING", list(batch.leaving))],
        )
        return {(by.name(start) if by else None, file) for start, file in found}

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

    def places(self, table: str, files: Iterable[str]) -> Places:
        """What the warehouse knows of files that it has loaded before."""
        wanted = list(files)
        if not wanted:
            return Places({}, {})
        project, meta = self._config.project, self._config.meta_dataset
        found = rows(
            self._client,
            self._config,
            "SELECT f.file_id, f.batch_id, f.loaded_at, f.placed_at, f.place, f.rows_loaded,"
            f" f.partitions FROM {names.table(project, meta, 'files')} AS f"
            f" JOIN {names.table(project, meta, 'batches')} AS b ON b.batch_id = f.batch_id"
            " WHERE b.`table` = @target AND f.file_id IN UNNEST(@files)"
            " ORDER BY f.loaded_at",
            [
                bigquery.ScalarQueryParameter("target", "STRING", table),
                bigquery.ArrayQueryParameter("files", "STRING", wanted),
            ],
        )
        return Places.of(found)


def _by_partition(
    batch: Batch,
    contract: Contract,
    pruned: Pruned,
    sequence: Sequence[str],
    holders: set[tuple[str | None, str]],
) -> Pruned:
    """Who gets each partition: the last of the files that bring it and those that hold it."""
    place = {file: number for number, file in enumerate(sequence)}
    staged: dict[str | None, int] = {}
    for file in contenders(batch):
        for each in file.partitions:
            staged[each] = max(staged.get(each, -1), place[file.file_id])
    held = {each for each, file in holders if place[file] >= staged.get(each, -1)}
    named = {each for each in held if each is not None}
    beaten = {each for each in staged if each is not None} - named
    on_target, on_staged = Partitioning(contract, "t"), Partitioning(contract, "r")
    return replace(
        pruned,
        replaced=on_target.within(beaten),
        held=on_target.within(named),
        held_staged=on_staged.within(named),
    )


def _known_before(batch: Batch) -> set[str]:
    """Files of which the warehouse's own records say where their rows are, and their place."""
    again = {file.file_id for file in batch.files if file.in_force}
    return {*batch.leaving, *again, *(file.file_id for file in batch.under)}
