"""The BigQuery warehouse: plans tables, loads batches, counts partitions."""

# Names are checked and quoted by `names`; values are parameters.
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import cached_property

from connectors.bigquery import names
from connectors.bigquery.apply import Planner, apply_changes
from connectors.bigquery.audit import (
    file_audits,
    file_audits_sql,
    file_sums,
    find_rows,
    find_sql,
    sums_sql,
)
from connectors.bigquery.capabilities import BIGQUERY
from connectors.bigquery.client import connect
from connectors.bigquery.commit import Committer
from connectors.bigquery.commit_log import CommitLog
from connectors.bigquery.config import BigQueryConfig
from connectors.bigquery.errors import translated
from connectors.bigquery.freshness import publishing
from connectors.bigquery.loader import Loader, refuse_impossible
from connectors.bigquery.partitions import Partitioning
from connectors.bigquery.preload import Preloads
from connectors.bigquery.recorded import Log
from connectors.bigquery.records import since
from connectors.bigquery.rehearsal import Rehearsal
from connectors.bigquery.session import Meter, Session, labelled
from connectors.bigquery.snapshots import take_snapshot
from connectors.bigquery.staging import StagingTables
from connectors.failpoints import crash_point
from connectors.objects.storage import ObjectStorage
from connectors.protocols import Change, Checked, FileAudit, FoundRow, PartitionCount, Storage
from schemas.batch import Batch, BatchKind, Committed, Removal, WriteMode
from schemas.checksum import FileSums
from schemas.contract import Contract, View
from schemas.cost import Pricing
from schemas.errors import ConfigError, FatalError, RetryableError
from schemas.file import File
from schemas.recorded import LastCommit, Recorded
from schemas.sla import ExpectedFile, FeedPromise
from schemas.storage_keys import rows as rows_key


class BigQueryWarehouse:
    """The warehouse protocol over BigQuery, or over an emulator of it. Connects when first used.

    What a method promises stands in the protocol.

    `meter` is told what every query was billed for.
    """

    capabilities = BIGQUERY

    def __init__(
        self, config: BigQueryConfig, storage: Storage, meter: Meter | None = None
    ) -> None:
        self._config, self._storage, self._meter = config, storage, meter

    @cached_property
    def _session(self) -> Session:
        return Session(connect(self._config), self._config, self._meter)

    @cached_property
    def _bucket(self) -> Storage | None:
        found = self._config.staging_bucket
        return ObjectStorage(found) if found is not None else None

    @property
    def _loader(self) -> Loader:
        return Loader(self._session, self._storage, self._bucket)

    @property
    def _staging(self) -> StagingTables:
        return StagingTables(self._session, self._bucket)

    @property
    def _preloads(self) -> Preloads:
        return Preloads(self._session, self._storage, self._bucket)

    @property
    def pricing(self) -> Pricing:
        return Pricing(
            dollars_per_tib=self._config.price_per_tib,
            ask_above_bytes=self._config.ask_above_bytes,
        )

    def check(self) -> str:
        with translated("answer a query"), labelled("check"):
            self._session.rows("SELECT 1 AS one")
            misplaced = Planner(self._session).misplaced()
        if misplaced:
            raise ConfigError(
                f"dataset {misplaced[0].target}: {misplaced[0].what}",
                hint="warehouse.location must be where the datasets are",
            )
        where = self._config.api_endpoint or self._config.location
        said = f"BigQuery project {self._config.project} ({where})"
        return f"{said}, staging in {self._bucket.check()}" if self._bucket is not None else said

    def table_id(self, contract: Contract) -> str:
        return self._config.table_id(contract)

    def plan(self, contracts: Sequence[Contract], views: Sequence[View]) -> Sequence[Change]:
        with translated("describe its tables"), labelled("plan"):
            steps = Planner(self._session).steps(contracts, views)
            return [change for step in steps for change in step.changes]

    def apply(self, contracts: Sequence[Contract], views: Sequence[View]) -> Sequence[Change]:
        with translated("change its tables"), labelled("apply"):
            return apply_changes(self._session, contracts, views)

    def committed(self, batch_id: str) -> bool:
        with translated("look up a batch"), labelled("lookup", batch=batch_id):
            return Committer(self._session).outcome(batch_id) is not None

    def load(self, batch: Batch, contract: Contract, mode: WriteMode) -> Committed:
        refuse_impossible(batch, contract, mode)
        loader, committer = self._loader, Committer(self._session)
        command = "unload" if batch.kind is BatchKind.UNLOAD else "load"
        labels = labelled(command, feed=batch.feed, table=batch.table, batch=batch.batch_id)
        with translated(f"load batch {batch.batch_id}", of_data=True), labels:
            # Only saves work: the transaction of a committed batch does nothing.
            begun = committer.has_begun(batch)
            done = committer.outcome(batch.batch_id, batch.created_at) if begun else None
            if done is None:
                staged = loader.stage(batch, contract)
                crash_point("load.staged")
                committer.commit(batch, contract, mode, staged)
                done = committer.effect(batch, mode)
                loader.drop(batch, contract, staged)
        if done is None:
            raise RetryableError(f"batch {batch.batch_id} is not in the warehouse after its commit")
        placed = bool(batch.restored) or any(file.has_place for file in batch.files)
        return replace(done, may_yield=placed and mode is not WriteMode.APPEND)

    def files_replaced_by(
        self, table: str, files: Collection[str], known_since: datetime | None = None
    ) -> Sequence[str]:
        with translated("look up removed rows"), labelled("lookup", table=table):
            return CommitLog(self._session).files_replaced_by(table, files, known_since)

    def row_counts(
        self, table: str, files: Collection[str], known_since: datetime | None = None
    ) -> Mapping[str, int]:
        with translated("look up the rows of files"), labelled("lookup", table=table):
            return CommitLog(self._session).row_counts(table, files, known_since)

    def file_audits(self, contract: Contract, since: datetime | None = None) -> Iterator[FileAudit]:
        table = self.table_id(contract)
        with translated("count the rows of its files"):
            with labelled("verify", table=table):
                found = file_audits(self._session, contract, table, since)
            yield from found

    def sums(self, contract: Contract) -> Iterator[FileSums]:
        table = self.table_id(contract)
        with translated("add up the rows of its files"), labelled("verify", table=table):
            yield from file_sums(self._session, contract, table)

    def sums_bytes(self, contract: Contract) -> int:
        with translated("tell a price"), labelled("verify"):
            return self._session.bytes_of(sums_sql(contract, self.table_id(contract)), [])

    def find_rows(
        self, contract: Contract, where: str, limit: int, since: datetime | None = None
    ) -> Sequence[FoundRow]:
        table = self.table_id(contract)
        with translated("find the rows", of_data=True), labelled("explain", table=table):
            return find_rows(self._session, contract, table, where, limit, since)

    def file_audits_bytes(self, contract: Contract, since: datetime | None = None) -> int:
        with translated("tell a price"), labelled("verify"):
            sql, given = file_audits_sql(self._config, contract, self.table_id(contract), since)
            return self._session.bytes_of(sql, given)

    def find_bytes(self, contract: Contract, where: str, since: datetime | None = None) -> int:
        with translated("tell a price", of_data=True), labelled("explain"):
            sql, given = find_sql(contract, self.table_id(contract), where, 1, since)
            return self._session.bytes_of(sql, given)

    def rows_bytes(self, contract: Contract, partitions: Collection[str]) -> int:
        table = self.table_id(contract)
        where: str | None = "TRUE"
        if contract.partition is not None:
            where = Partitioning(contract, "_etl_t").within(partitions)
        if where is None:
            return 0
        sql = (
            "SELECT COUNT(_etl_t.`_etl_file`) AS n"
            f" FROM {names.table(*table.split('.'))} AS _etl_t WHERE {where}"
        )
        with translated("tell a price"), labelled("price", table=table):
            return self._session.bytes_of(sql)

    def billed_since(self, moment: datetime) -> int | None:
        place = self._config.location.lower()
        sql = (
            "SELECT IFNULL(SUM(j.total_bytes_billed), 0) AS billed"
            f" FROM `region-{place}`.INFORMATION_SCHEMA.JOBS_BY_USER AS j"
            " WHERE j.creation_time >= @since AND j.parent_job_id IS NULL"
            " AND EXISTS (SELECT 1 FROM UNNEST(j.labels) AS l WHERE l.key = 'waybill_command')"
        )
        try:
            with translated("list its jobs"), labelled("cost"):
                ((billed,),) = self._session.rows(sql, [since(moment)])
        except FatalError:
            return None
        return int(billed)

    def snapshot(self, contract: Contract, name: str, days: int) -> str:
        table = self.table_id(contract)
        target = f"{table.rpartition('.')[0]}.{name}"
        names.table(*target.split("."))
        with translated("take a snapshot"), labelled("snapshot", table=table):
            take_snapshot(self._session, table, target, days)
        return target

    @contextmanager
    def statements(self, contract: Contract, mode: WriteMode) -> Iterator[Iterator[Checked]]:
        rehearsal = Rehearsal(self._session, contract, self.table_id(contract))
        with translated("make a staging table"), labelled("doctor"), rehearsal.standing_in():
            yield rehearsal.tried(mode)

    def last_commit(self, table: str, since: datetime | None = None) -> LastCommit:
        with translated("look up the last load"), labelled("lookup", table=table):
            return Log(self._session).last_commit(table, since)

    def batches(self, table: str) -> Collection[str]:
        with translated("look up its loads"), labelled("reconcile", table=table):
            return Log(self._session).batches(table)

    def recorded(self, table: str) -> Iterator[Recorded]:
        with translated("look up its files"), labelled("reconcile", table=table):
            yield from Log(self._session).recorded(table)

    def leftovers(self) -> Mapping[str, str]:
        with translated("list its staging tables"):
            return self._staging.leftovers()

    def remove_leftover(self, name: str) -> None:
        with translated("remove a staging table"):
            self._staging.remove(name)

    def preload(self, file: File, contract: Contract, keys: Sequence[str], rows: int) -> bool:
        with labelled("preload", feed=file.feed, table=self.table_id(contract)):
            return self._preloads.start(file, contract, keys, rows)

    def forget_preloaded(self, file: File, contract: Contract) -> None:
        self._preloads.forget(contract, file.file_id, rows_key(file.staged_prefix))

    def preloaded(self) -> Mapping[str, tuple[str, int]]:
        with translated("list its staging tables"):
            return self._staging.leftover_parts()

    def removals(self, batch_id: str, since: datetime | None = None) -> Sequence[Removal]:
        with translated("look up a batch"), labelled("lookup", batch=batch_id):
            done = Committer(self._session).outcome(batch_id, since)
        return done.removals if done is not None else ()

    def publish(self, promises: Sequence[FeedPromise], expected: Sequence[ExpectedFile]) -> None:
        with translated("publish what is expected"), labelled("freshness"):
            self._session.rows(*publishing(self._config, promises, expected))

    def partitions(self, contract: Contract) -> Sequence[PartitionCount]:
        table = names.table(*self.table_id(contract).split("."))
        with translated("count the partitions"), labelled("partitions"):
            if contract.partition is None:
                ((count,),) = self._session.rows(f"SELECT COUNT(*) AS n FROM {table}")
                return [PartitionCount(partition="all", rows=count)]
            by = Partitioning(contract, "_etl_t")
            found = self._session.rows(
                f"SELECT {by.bucket()} AS _etl_start, COUNT(*) AS n FROM {table} AS _etl_t"
                f" WHERE {by.anywhere()} GROUP BY _etl_start"
                " ORDER BY _etl_start IS NULL, _etl_start DESC",
            )
        return [PartitionCount(partition=by.name(start), rows=count) for start, count in found]
