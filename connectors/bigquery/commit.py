"""Commit: one transaction a batch, run by jobs of which only one is alive at a time."""

# Names are checked and quoted by `names`; values are parameters.

from __future__ import annotations

import json
import logging
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import cast

from google.api_core.exceptions import Conflict, NotFound
from google.cloud import bigquery

from connectors.bigquery import names
from connectors.bigquery.commit_log import about, outcome_sql, places_sql
from connectors.bigquery.errors import meaning
from connectors.bigquery.partitions import NULL, Partitioning
from connectors.bigquery.records import Partitions, parameters, since, tables_of
from connectors.bigquery.removals import Pruned
from connectors.bigquery.session import REQUEST_SECONDS, RETRY, Session
from connectors.bigquery.staging import Staged
from connectors.bigquery.transaction import (
    holders_sql,
    key_match,
    matched_sql,
    script,
)
from connectors.failpoints import crash_point
from connectors.load_order import Places
from schemas.batch import Batch, BatchKind, Committed, Removal, WriteMode
from schemas.contract import Contract
from schemas.errors import DataError, RetryableError

log = logging.getLogger(__name__)

_COMMITS = 100


# https://cloud.google.com/bigquery/quotas#query_jobs: an unresolved query may have 1,024k
# characters, a request 10 MB; what is left is for what the client adds.
MAX_CHARACTERS = 1_000_000
MAX_REQUEST = 9_500_000


class Committer:
    """Runs transactions and reads back what they did. Vendor exceptions pass through."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._client, self._config = session.client, session.config

    def has_begun(self, batch: Batch) -> bool:
        """Whether a transaction of the batch was ever sent."""
        try:
            self._client.get_job(_job_id(batch, 1), retry=RETRY, timeout=REQUEST_SECONDS)
        except NotFound:
            return False
        return True

    def outcome(self, batch_id: str, opened: datetime | None = None) -> Committed | None:
        """What a batch did, from its own records; None if it has not committed. Commits before it
        was `opened` are not looked at."""
        commits = names.table(self._config.project, self._config.meta_dataset, "commits")
        given = [bigquery.ScalarQueryParameter("batch", "STRING", batch_id), since(opened)]
        found = self._session.rows(outcome_sql(commits), given)
        own = [rows for is_own, rows, *_ in found if is_own]
        if not own:
            return None
        changes: dict[tuple[str, bool], int] = {}
        for _, _, file, back, change in found:
            if file is not None and change:
                changes[file, back] = changes.get((file, back), 0) + change
        moved = [Removal(file_id=file, rows=abs(rows)) for (file, _), rows in changes.items()]
        signs = [rows > 0 for rows in changes.values()]
        return Committed(
            rows=own[0],
            removals=tuple(each for each, gone in zip(moved, signs, strict=True) if gone),
            restored=tuple(each for each, gone in zip(moved, signs, strict=True) if not gone),
        )

    def effect(self, batch: Batch, mode: WriteMode) -> Committed | None:
        """What a batch did whose transaction has ended well. The warehouse is asked, which takes it
        a second, only if rows may have been taken out or brought back."""
        if mode is WriteMode.APPEND and not (batch.removed or batch.restored or batch.earlier):
            return Committed(rows=batch.rows_brought)
        return self.outcome(batch.batch_id, batch.created_at)

    def commit(self, batch: Batch, contract: Contract, mode: WriteMode, staged: Staged) -> None:
        """Run the transaction, one job at a time.

        The jobs of a batch are numbered, and a number is used only once the job before it is known
        to have ended: two transactions of one batch never run side by side. Raises DataError for
        what is too much for one statement.
        """
        old = self.places(batch.table, _known_before(batch), batch.known_since)
        pruned, sequence, changed = self._pruned(batch, contract, mode, staged, old)
        tables = tables_of(batch.table, self._config.project, self._config.meta_dataset)
        sql = script(contract, mode, staged, tables, pruned)
        places, units = old.with_corrections(batch), old.units(sequence, batch)
        given = parameters(batch, staged, sequence, units, places, changed)
        settings = self._session.settings(given)
        _refuse_too_much(batch, sql, settings)
        for number in range(1, _COMMITS):
            job, fresh = self._submit(sql, settings, _job_id(batch, number))
            crash_point("load.committing")
            if not self._ended(job):
                continue
            self._session.note(job)
            if not job.error_result:
                return
            if fresh:
                raise meaning(
                    job.error_result.get("reason") or "",
                    job.error_result.get("message") or "",
                    f"commit batch {batch.batch_id}",
                    of_data=True,
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
        """Wait for the job; False if it is given up as lost, long after BigQuery would have ended
        it. Should it commit all the same, the staging table that both empty keeps the two apart."""
        try:
            self._session.wait(job)
        except RetryableError:
            age = time.time() - job.created.timestamp()
            if age < max(2 * self._config.job_timeout, self._config.lost_seconds):
                raise
            log.warning("job %s has not ended in %d s and is taken as lost", job.job_id, age)
            return False
        return True

    def _pruned(
        self, batch: Batch, contract: Contract, mode: WriteMode, staged: Staged, old: Places
    ) -> tuple[Pruned, list[str], Partitions]:
        """Which partitions the transaction must look into, the order of the files, and which
        partitions it changes."""
        files = [file.file_id for file in batch.files]
        leaving = {each for id_ in batch.removed for each in old.partitions(id_)}
        pruned = Pruned(leaving=bool(batch.removed), gone=self._within(contract, leaving))
        gone = _named(contract, leaving, bool(batch.removed))
        is_unload = batch.kind is BatchKind.UNLOAD
        if not staged.has_rows:
            changed = Partitions(unload=gone) if is_unload else Partitions(replacement=gone)
            return pruned, files, changed
        brought = batch.bringing
        placed = bool(batch.restored) or any(file.has_place for file in brought)
        touched = {each for file in batch.contenders for each in file.partitions}
        coming = _named(contract, touched, True)
        if mode is WriteMode.MERGE and contract.partition is not None:
            if contract.partition.column in contract.primary_key:
                touched -= {NULL}
            else:
                touched = self._matched(batch, contract, staged.source)
        elsewhere = _named(contract, touched, False) - coming
        changed = Partitions(
            load=coming,
            replacement=frozenset() if is_unload else gone | elsewhere,
            unload=gone if is_unload else frozenset(),
        )
        before = {each for id_ in batch.earlier for each in old.partitions(id_)}
        pruned = replace(
            pruned,
            replaced=self._within(contract, touched),
            placed=placed,
            corrected=self._within(contract, before) if batch.earlier else None,
        )
        if not placed:
            return pruned, files, changed
        holders: set[tuple[str | None, str]] = set()
        if mode is not WriteMode.APPEND and pruned.replaced is not None:
            where = pruned.replaced
            if mode is WriteMode.MERGE:
                where += f" AND {key_match(contract, names.table(*staged.source.split('.')))}"
            holders, oldest = self._holders(batch, contract, where)
        holding = {file for _, file in holders}
        if holding.difference(old.known):
            old = old.joined(self.places(batch.table, holding.difference(old.known), oldest))
        sequence = old.sequence(batch, holding)
        if mode is WriteMode.REPLACE_PARTITION:
            units = dict(zip(sequence, old.units(sequence, batch), strict=True))
            pruned = _by_partition(batch, contract, pruned, units, holders)
        return pruned, sequence, changed

    def _within(self, contract: Contract, partitions: Collection[str]) -> str | None:
        if contract.partition is None:
            return "TRUE"
        return Partitioning(contract, "_etl_t").within(partitions)

    def _holders(
        self, batch: Batch, contract: Contract, where: str
    ) -> tuple[set[tuple[str | None, str]], datetime | None]:
        """The partitions and files of rows of the target that stay, where the condition holds, and
        when the oldest of them was loaded."""
        by = Partitioning(contract, "_etl_t") if contract.partition is not None else None
        found = self._session.rows(
            holders_sql(contract, batch.table, where),
            [bigquery.ArrayQueryParameter("gone", "STRING", list(batch.removed))],
        )
        holders = {(by.name(start) if by else None, file) for start, file, _ in found}
        return holders, min((oldest for _, _, oldest in found), default=None)

    def _matched(self, batch: Batch, contract: Contract, staging: str) -> set[str]:
        """Partitions of the target that hold rows with a staged key, not further back than the
        contract looks."""
        by = Partitioning(contract, "_etl_t")
        touched = {each for file in batch.contenders for each in file.partitions}
        where = by.from_days_before(touched, contract.lookback_days) or by.anywhere()
        found = self._session.rows(matched_sql(contract, batch.table, staging, where))
        return {by.name(start) for (start,) in found}

    def places(self, table: str, files: Iterable[str], known_since: datetime | None) -> Places:
        """What the warehouse knows of files that it has loaded before, at the earliest then."""
        wanted = list(files)
        if not wanted:
            return Places({}, {})
        commits = names.table(self._config.project, self._config.meta_dataset, "commits")
        found = self._session.rows(places_sql(commits), about(table, wanted, known_since))
        return Places.of(found)


def _job_id(batch: Batch, number: int) -> str:
    return f"waybill_{batch.batch_id}_commit_{number}"


def _named(contract: Contract, partitions: Collection[str], is_any: bool) -> frozenset[str]:
    """The partitions as the view `changes` names them; a table without any changes as a whole."""
    if contract.partition is None:
        return frozenset({"all"} if is_any else ())
    return frozenset(partitions)


def _refuse_too_much(batch: Batch, sql: str, settings: bigquery.QueryJobConfig) -> None:
    """Raise DataError for a script that BigQuery would not take: with fewer files it is smaller."""
    what = f"what is known of {len(batch.files)} files"
    if len(sql) > MAX_CHARACTERS:
        raise DataError(f"{what} touches too many partitions for one statement")
    size = len(json.dumps({"query": sql, **settings.to_api_repr()}))
    if size > MAX_REQUEST:
        raise DataError(f"{what} is too much for one request: {size:,} bytes")


def _by_partition(
    batch: Batch,
    contract: Contract,
    pruned: Pruned,
    place: Mapping[str, int],
    holders: set[tuple[str | None, str]],
) -> Pruned:
    """Who gets each partition: the last of the files that bring it and those that hold it. A file
    and its corrections have the same place, and a partition together."""
    staged: dict[str | None, int] = {}
    for file in batch.contenders:
        for each in file.partitions:
            staged[each] = max(staged.get(each, -1), place[file.file_id])
    own = {each for file in batch.files if file.corrects for each in file.partitions}
    shared = {each for each, file in holders if place[file] == staged.get(each, -1)} & own
    held = {each for each, file in holders if place[file] >= staged.get(each, -1)} - shared
    named = {each for each in held if each is not None}
    beaten = {each for each in staged if each is not None} - named - shared
    on_target = Partitioning(contract, "_etl_t")
    on_staged = Partitioning(contract, "_etl_r")
    return replace(
        pruned,
        replaced=on_target.within(beaten),
        held=on_target.within(named),
        held_staged=on_staged.within(named),
    )


def _known_before(batch: Batch) -> set[str]:
    """Files of which the warehouse's own records say where their rows are, and their place."""
    again = {file.file_id for file in batch.files if file.in_force}
    corrected = {file.corrects for file in batch.files if file.corrects is not None}
    under = {file.file_id for file in batch.restored}
    return {*batch.removed, *again, *under, *corrected, *batch.earlier}
