"""The warehouse: where the tables are."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol, runtime_checkable

from connectors.protocols.records import Change, Checked, FileAudit, FoundRow, PartitionCount
from schemas.batch import Batch, Committed, Removal, WriteMode
from schemas.capabilities import Capabilities
from schemas.checksum import FileSums
from schemas.contract import Contract, View
from schemas.cost import Pricing
from schemas.file import File
from schemas.recorded import LastCommit, Recorded
from schemas.sla import ExpectedFile, FeedPromise


class Warehouse(Protocol):
    """Where the tables are."""

    @property
    def capabilities(self) -> Capabilities:
        """What it can hold, and how much it takes; known without connecting."""

    def plan(self, contracts: Sequence[Contract], views: Sequence[View]) -> Sequence[Change]:
        """What the warehouse lacks against the contracts; changes nothing."""

    def apply(self, contracts: Sequence[Contract], views: Sequence[View]) -> Sequence[Change]:
        """Make every safe change, and return all changes. Never drops or narrows."""

    def table_id(self, contract: Contract) -> str:
        """The full name of the contract's table: `project.dataset.table`."""

    def committed(self, batch_id: str) -> bool:
        """Whether that batch's transaction has committed."""

    def load(self, batch: Batch, contract: Contract, mode: WriteMode) -> Committed:
        """Stage the batch's files and commit them with their bookkeeping in one transaction.

        A batch that has committed before is a no-op that returns what it did then. Raises
        RetryableError when nothing is known to be committed (the same batch may be loaded again),
        AttemptSpentError when that needs a new attempt number, DataError naming the file when the
        warehouse refuses the data, ContractError for a mode that the table cannot have, and
        FatalError when a table is missing.
        """

    def files_replaced_by(
        self, table: str, files: Collection[str], known_since: datetime | None = None
    ) -> Sequence[str]:
        """Ids of files whose rows were replaced by rows of the given files.

        Nothing about the files was recorded before `known_since`, which bounds what is read.
        """

    def row_counts(
        self, table: str, files: Collection[str], known_since: datetime | None = None
    ) -> Mapping[str, int]:
        """Row count per file now in the table, according to `etl_meta`, none of whose records is
        older than `known_since`."""

    def file_audits(self, contract: Contract, since: datetime | None = None) -> Iterator[FileAudit]:
        """What the contract's table holds, and what is recorded, of each of its files, by file id;
        only of those that were loaded since then."""

    def file_audits_bytes(self, contract: Contract, since: datetime | None = None) -> int:
        """How many bytes `file_audits` would read."""

    def sums(self, contract: Contract) -> Iterator[FileSums]:
        """The rows of each file in the contract's table, and the sums of what is measured."""

    def sums_bytes(self, contract: Contract) -> int:
        """How many bytes `sums` would read."""

    def find_rows(
        self, contract: Contract, where: str, limit: int, since: datetime | None = None
    ) -> Sequence[FoundRow]:
        """Rows of the contract's table for which an SQL condition holds; raises DataError for what
        is not one condition. Only rows that were loaded since then."""

    def find_bytes(self, contract: Contract, where: str, since: datetime | None = None) -> int:
        """How many bytes `find_rows` would read; raises DataError as it does."""

    def rows_bytes(self, contract: Contract, partitions: Collection[str]) -> int:
        """How many bytes it takes to look at every row of those partitions once."""

    @property
    def pricing(self) -> Pricing:
        """What reading costs, by the configuration."""

    def billed_since(self, moment: datetime) -> int | None:
        """The bytes that the warehouse's own records say were billed for our jobs since then; None
        where it keeps none, or does not show it to us."""

    def snapshot(self, contract: Contract, name: str, days: int) -> str:
        """Keep the contract's table as it is now under another name, for so many days; the full
        name of the snapshot."""

    def statements(
        self, contract: Contract, mode: WriteMode
    ) -> AbstractContextManager[Iterator[Checked]]:
        """Every statement that a feed of that mode can send about the table, tried without being
        run, each with the error it would get. What that needs is there within the block."""

    def last_commit(self, table: str, since: datetime | None = None) -> LastCommit:
        """The table's last commit; none if it was made before then."""

    def batches(self, table: str) -> Collection[str]:
        """The ids of all batches of the table that have committed."""

    def recorded(self, table: str) -> Iterator[Recorded]:
        """Every file of the table, as its last load recorded it, by file id."""

    def leftovers(self) -> Mapping[str, str]:
        """Staging tables and staged uploads that there are, each with its batch's id."""

    def remove_leftover(self, name: str) -> None:
        """Remove one of them; quiet if it is gone."""

    def removals(self, batch_id: str, since: datetime | None = None) -> Sequence[Removal]:
        """The rows that a batch took out of its table, by the file that had brought them; `since`
        is when it was committed, at the earliest."""

    def publish(self, promises: Sequence[FeedPromise], expected: Sequence[ExpectedFile]) -> None:
        """Replace what the view `freshness` knows of feeds and of the files they expect."""

    def partitions(self, contract: Contract) -> Sequence[PartitionCount]:
        """Rows per partition of the contract's table, newest first, rows without one last.

        A table without partitions counts as one partition, `all`.
        """

    def check(self) -> str:
        """Run a trivial query, and say where; raises ConfigError where the tables lie elsewhere."""


@runtime_checkable
class PreloadsParts(Protocol):
    """A warehouse that can take parts of a large file while the rest of it is prepared.

    That is only ever a help: it makes nothing true, and `Warehouse.load` uses what is there if it
    is the whole file, and nothing of it otherwise.
    """

    def table_id(self, contract: Contract) -> str:
        """As `Warehouse.table_id`."""

    def preload(self, file: File, contract: Contract, keys: Sequence[str], rows: int) -> bool:
        """Start to load some staged parts of a file that is being prepared, which have so many
        rows, into a table of its attempt. False, and a line in the log, for whatever goes wrong;
        the same parts again are the same job."""

    def forget_preloaded(self, file: File, contract: Contract) -> None:
        """Remove what was so loaded of the file's attempt; quiet if there is nothing, or if it
        cannot be removed: it goes by itself."""

    def preloaded(self) -> Mapping[str, tuple[str, int]]:
        """What there is of that, each with its file's id and attempt; `Warehouse.remove_leftover`
        removes it."""
