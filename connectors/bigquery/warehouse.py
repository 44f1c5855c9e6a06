"""The BigQuery warehouse: plans tables, loads batches, counts partitions."""

# Names are checked and quoted by `names`; values are parameters.
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property

from google.cloud import bigquery

from connectors.bigquery import names
from connectors.bigquery.apply import Planner
from connectors.bigquery.audit import find_rows, tallies
from connectors.bigquery.client import Parameter, connect, rows
from connectors.bigquery.commit import Committer
from connectors.bigquery.config import BigQueryConfig
from connectors.bigquery.errors import translated
from connectors.bigquery.freshness import publishing
from connectors.bigquery.loader import Loader
from connectors.bigquery.partitions import Partitioning
from connectors.bigquery.records import files_json
from connectors.crash import crash_point
from connectors.objects import ObjectStorage
from connectors.protocols import Change, FoundRow, PartitionCount, Storage, Tally
from schemas.batch import Batch, Committed, Removal, WriteMode
from schemas.contract import Contract, View
from schemas.errors import ContractError, DataError, RetryableError
from schemas.limits import PARTITIONS_PER_JOB
from schemas.sla import ExpectedFile, FeedPromise

_REQUEST_BYTES = 8 * 1024 * 1024


class BigQueryWarehouse:
    """The warehouse protocol over BigQuery, or over an emulator of it. Connects when first used."""

    def __init__(self, config: BigQueryConfig, storage: Storage) -> None:
        self._config, self._storage = config, storage

    @cached_property
    def _client(self) -> bigquery.Client:
        return connect(self._config)

    @cached_property
    def _bucket(self) -> Storage | None:
        found = self._config.staging_bucket
        return ObjectStorage(found) if found is not None else None

    @property
    def _loader(self) -> Loader:
        return Loader(self._client, self._config, self._storage, self._bucket)

    def check(self) -> str:
        """Run a trivial query, try the staging bucket, and say where."""
        with translated("answer a query"):
            rows(self._client, self._config, "SELECT 1")
        where = self._config.api_endpoint or self._config.location
        said = f"BigQuery project {self._config.project} ({where})"
        return f"{said}, staging in {self._bucket.check()}" if self._bucket is not None else said

    def table_id(self, contract: Contract) -> str:
        """The full name of the contract's table: `project.dataset.table`."""
        parts = (self._config.project, contract.dataset or self._config.dataset, contract.table)
        names.table(*parts)
        return ".".join(parts)

    def plan(self, contracts: Sequence[Contract], views: Sequence[View]) -> Sequence[Change]:
        """What the warehouse lacks against the contracts; changes nothing."""
        with translated("describe its tables"):
            steps = Planner(self._client, self._config).steps(contracts, views)
            return [change for step in steps for change in step.changes]

    def apply(self, contracts: Sequence[Contract], views: Sequence[View]) -> Sequence[Change]:
        """Make every safe change, and return all changes. Never drops or narrows."""
        made: list[Change] = []
        with translated("change its tables"):
            for step in Planner(self._client, self._config).steps(contracts, views):
                if step.make is not None:
                    step.make()
                made += step.changes
        return made

    def committed(self, batch_id: str) -> bool:
        """Whether that batch's transaction has committed."""
        with translated("look up a batch"):
            return Committer(self._client, self._config).outcome(batch_id) is not None

    def load(self, batch: Batch, contract: Contract, mode: WriteMode) -> Committed:
        """Stage the batch's files and commit them with their bookkeeping in one transaction.

        A committed batch is a no-op that returns what it did. Raises RetryableError when nothing
        is known to be committed, AttemptSpentError when the next try needs a new attempt number,
        DataError when BigQuery refuses the data, and FatalError when a table is missing.
        """
        _refuse_impossible(batch, contract, mode)
        loader = self._loader
        committer = Committer(self._client, self._config)
        with translated(f"load batch {batch.batch_id}"):
            # Only saves work: the transaction of a committed batch does nothing.
            done = committer.outcome(batch.batch_id) if loader.has_begun(batch) else None
            if done is None:
                staged = loader.stage(batch, contract)
                crash_point("load.staged")
                committer.commit(batch, contract, mode, staged)
                done = committer.effect(batch, mode)
                loader.drop(staged)
        if done is None:
            raise RetryableError(f"batch {batch.batch_id} is not in the warehouse after its commit")
        return done

    def beneath(self, table: str, files: Collection[str]) -> Sequence[str]:
        """Files some of whose rows were taken out by a batch that brought rows of one of these."""
        project, meta = self._config.project, self._config.meta_dataset
        with translated("look up removed rows"):
            found = rows(
                self._client,
                self._config,
                f"SELECT DISTINCT file_id FROM {names.table(project, meta, 'removals')}"
                " WHERE `table` = @target AND `rows` > 0 AND batch_id IN ("
                f"SELECT batch_id FROM {names.table(project, meta, 'files')}"
                " WHERE file_id IN UNNEST(@files) UNION DISTINCT"
                f" SELECT batch_id FROM {names.table(project, meta, 'removals')}"
                " WHERE file_id IN UNNEST(@files) AND `rows` < 0) ORDER BY file_id",
                _about(table, files),
            )
        return [file_id for (file_id,) in found]

    def standing(self, table: str, files: Collection[str]) -> Mapping[str, int]:
        """How many rows of each file the table holds, by Waybill's own records."""
        project, meta = self._config.project, self._config.meta_dataset
        with translated("look up the rows of files"):
            found = rows(
                self._client,
                self._config,
                "SELECT file_id, SUM(`rows`) FROM ("
                f"SELECT f.file_id, f.rows_loaded AS `rows` FROM"
                f" {names.table(project, meta, 'files')} AS f"
                f" JOIN {names.table(project, meta, 'batches')} AS b ON b.batch_id = f.batch_id"
                " WHERE b.`table` = @target AND f.file_id IN UNNEST(@files) UNION ALL"
                f" SELECT file_id, -`rows` FROM {names.table(project, meta, 'removals')}"
                " WHERE `table` = @target AND file_id IN UNNEST(@files)) AS c GROUP BY file_id",
                _about(table, files),
            )
        return dict.fromkeys(files, 0) | dict(found)

    def tallies(self, contract: Contract) -> Iterator[Tally]:
        """What the table holds, and what is recorded, of each of its files, by file id."""
        table = self.table_id(contract)
        with translated("count the rows of its files"):
            yield from tallies(self._client, self._config, contract, table)

    def find_rows(self, contract: Contract, where: str, limit: int) -> Sequence[FoundRow]:
        """Rows for which the condition holds. Raises DataError for what is not one condition, or
        is one that BigQuery refuses."""
        table = self.table_id(contract)
        with translated("find the rows"):
            return find_rows(self._client, self._config, contract, table, where, limit)

    def leftovers(self) -> Mapping[str, str]:
        """Staging tables and staged uploads that there are, each with its batch's id."""
        with translated("list its staging tables"):
            return self._loader.leftovers()

    def remove_leftover(self, name: str) -> None:
        """Remove one of them; quiet if it is gone."""
        with translated("remove a staging table"):
            self._loader.remove(name)

    def removals(self, batch_id: str) -> Sequence[Removal]:
        """The rows that the batch took out, by the file that had brought them."""
        with translated("look up a batch"):
            done = Committer(self._client, self._config).outcome(batch_id)
        return done.removals if done is not None else ()

    def publish(self, promises: Sequence[FeedPromise], expected: Sequence[ExpectedFile]) -> None:
        """Replace what the view `freshness` knows of feeds and of the files they expect."""
        with translated("publish what is expected"):
            rows(self._client, self._config, *publishing(self._config, promises, expected))

    def partitions(self, contract: Contract) -> Sequence[PartitionCount]:
        """Rows per partition of the contract's table, newest first, rows without one last.

        A table without partitions counts as one partition, `all`.
        """
        table = names.table(*self.table_id(contract).split("."))
        with translated("count the partitions"):
            if contract.partition is None:
                ((count,),) = rows(self._client, self._config, f"SELECT COUNT(*) FROM {table}")
                return [PartitionCount(partition="all", rows=count)]
            by = Partitioning(contract, "t")
            found = rows(
                self._client,
                self._config,
                f"SELECT {by.bucket()} AS start, COUNT(*) FROM {table} AS t"
                f" WHERE {by.anywhere()} GROUP BY start ORDER BY start IS NULL, start DESC",
            )
        return [PartitionCount(partition=by.name(start), rows=count) for start, count in found]


def _about(table: str, files: Collection[str]) -> list[Parameter]:
    return [
        bigquery.ScalarQueryParameter("target", "STRING", table),
        bigquery.ArrayQueryParameter("files", "STRING", list(files)),
    ]


def _refuse_impossible(batch: Batch, contract: Contract, mode: WriteMode) -> None:
    """Raise ContractError for a mode that the table cannot have, DataError for too much at once."""
    if mode is WriteMode.MERGE and not contract.primary_key:
        raise ContractError(f"contract {contract.name}: merge needs a primary key")
    if mode is WriteMode.REPLACE_PARTITION and contract.partition is None:
        raise ContractError(f"contract {contract.name}: replace_partition needs a partition")
    touched = {each for file in batch.files for each in file.partitions}
    if len(touched) > PARTITIONS_PER_JOB:
        raise DataError(
            f"{len(batch.files)} files touch {len(touched):,} partitions;"
            f" BigQuery takes {PARTITIONS_PER_JOB:,} at once"
        )
    if len(files_json(batch.files).encode()) > _REQUEST_BYTES:
        raise DataError(f"what is known of {len(batch.files)} files is too much for one request")
