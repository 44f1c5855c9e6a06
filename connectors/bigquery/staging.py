"""Staging: the tables that rows wait in before a transaction takes them, and their names."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pyarrow as pa
from google.api_core.exceptions import GoogleAPIError
from google.cloud import bigquery

from connectors.bigquery import names
from connectors.bigquery.session import REQUEST_SECONDS, RETRY, Session
from connectors.protocols import Storage
from schemas.arrow import arrow_schema
from schemas.batch import Batch
from schemas.contract import Contract, Type
from schemas.storage_keys import attempt_of, in_bucket

log = logging.getLogger(__name__)

_OF_BATCH = re.compile(r"_(?P<batch>[0-9a-f]{16})_\d+(_[0-9a-f]{8})?(_rejects)?(\.parquet)?$")
_OF_PARTS = re.compile(
    r"_(?P<file>[0-9a-f]{16})_(?P<attempt>\d+)_[0-9a-f]{8}_parts(_[0-9a-f]{16}\.parquet)?$"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Staged:
    """What was staged: the full name of the batch's staging table, which is there even without
    rows, and rows; rejected rows in a table of their own or, while they are few, as the JSON that
    the transaction carries. If a table is `adopted`, the rows are in that one."""

    table: str
    rows: int
    rejects: str | None
    rejected: int
    inline_rejects: str | None = None
    has_rows: bool = True
    adopted: str | None = None

    @property
    def source(self) -> str:
        """The full name of the table in which the rows are."""
        return self.adopted or self.table


class StagingTables:
    """The staging tables, and the files in the staging bucket. Vendor exceptions pass through."""

    def __init__(self, session: Session, bucket: Storage | None) -> None:
        self._session, self._bucket = session, bucket
        self._client, self._config = session.client, session.config

    def table(self, batch: Batch, contract: Contract, suffix: str) -> str:
        """The full name of the staging table of that attempt."""
        name = f"{contract.table}_{named_by(batch)}{suffix}"
        names.table(self._config.project, self._config.staging_dataset, name)
        return f"{self._config.project}.{self._config.staging_dataset}.{name}"

    def parts_table(self, contract: Contract, file_id: str, key: str) -> str:
        """The full name of the table for the parts of a file's attempt, one of whose keys it is."""
        name = f"{contract.table}_{in_parts(file_id, key)}_parts"
        names.table(self._config.project, self._config.staging_dataset, name)
        return f"{self._config.project}.{self._config.staging_dataset}.{name}"

    def drop_parts(self, contract: Contract, file_id: str, key: str) -> None:
        """Remove that table, and what of it is in the staging bucket; quiet if there is none."""
        table = self.parts_table(contract, file_id, key)
        if self._bucket is not None:
            name = table.rpartition(".")[2]
            for found in [each for each in self._bucket.list("") if each.startswith(f"{name}_")]:
                self._bucket.delete(found)
        self._client.delete_table(table, not_found_ok=True, retry=RETRY, timeout=REQUEST_SECONDS)

    def create(self, name: str, fields: Sequence[bigquery.SchemaField]) -> None:
        """Make a staging table that expires by itself; quiet if it is there."""
        table = bigquery.Table(name, schema=fields)
        table.expires = datetime.now(UTC) + timedelta(hours=self._config.staging_hours)
        table.encryption_configuration = self._session.encryption()
        self._client.create_table(table, exists_ok=True, retry=RETRY, timeout=REQUEST_SECONDS)

    def drop_earlier(self, batch: Batch, contract: Contract) -> None:
        """Take the staging tables of earlier attempts away, so that no transaction of theirs that
        was given up as lost can still commit; also those in which parts of files are."""
        for file in batch.bringing:
            if len(file.staged_keys) > 1:
                self.drop_parts(contract, file.file_id, file.staged_keys[0])
        for attempt in range(1, batch.attempt):
            earlier = self.table(replace(batch, attempt=attempt), contract, "")
            self._client.delete_table(
                earlier, not_found_ok=True, retry=RETRY, timeout=REQUEST_SECONDS
            )

    def drop(self, staged: Staged) -> None:
        """Remove the staging tables, and the files in the staging bucket; tables that cannot be
        removed expire by themselves."""
        for table in filter(None, (staged.table, staged.rejects)):
            if self._bucket is not None:
                self._bucket.delete(in_bucket(table))
            try:
                self._client.delete_table(
                    table, not_found_ok=True, retry=RETRY, timeout=REQUEST_SECONDS
                )
            except (GoogleAPIError, OSError) as error:
                log.warning("staging table %s is left to expire: %s", table, error)

    def leftovers(self) -> dict[str, str]:
        """The names of staging tables and of files in the staging bucket, with their batches."""
        matches = {name: _OF_BATCH.search(name) for name in self._names()}
        return {name: match["batch"] for name, match in matches.items() if match is not None}

    def leftover_parts(self) -> dict[str, tuple[str, int]]:
        """The same of tables for the parts of files, each with its file's id and attempt."""
        matches = {name: _OF_PARTS.search(name) for name in self._names()}
        return {
            name: (match["file"], int(match["attempt"]))
            for name, match in matches.items()
            if match is not None
        }

    def _names(self) -> list[str]:
        dataset = f"{self._config.project}.{self._config.staging_dataset}"
        found = [
            table.table_id
            for table in self._client.list_tables(dataset, retry=RETRY, timeout=REQUEST_SECONDS)
        ]
        if self._bucket is not None:
            found += [key for key in self._bucket.list("") if key.endswith(".parquet")]
        return found

    def remove(self, name: str) -> None:
        """Remove a staging table or a file in the staging bucket; quiet if it is gone."""
        if name.endswith(".parquet"):
            if self._bucket is not None:
                self._bucket.delete(name)
            return
        names.table(self._config.project, self._config.staging_dataset, name)
        self._client.delete_table(
            f"{self._config.project}.{self._config.staging_dataset}.{name}",
            not_found_ok=True,
            retry=RETRY,
            timeout=REQUEST_SECONDS,
        )


def named_by(batch: Batch) -> str:
    """What tells the attempt's job and tables from all others: rows that come back may be prepared
    otherwise by the time it is taken up again, and then it is another job."""
    name = f"{batch.batch_id}_{batch.attempt}"
    if not batch.restored:
        return name
    keys = "\x00".join(key for file in batch.restored for key in file.staged_keys)
    return f"{name}_{hashlib.sha256(keys.encode()).hexdigest()[:8]}"


def in_parts(file_id: str, key: str) -> str:
    """What tells the table and jobs for the parts of a file's attempt from all others; `key` is one
    of the attempt's keys. Its folder names a lease, too: attempts may be counted anew after the
    ledger was restored."""
    folder = key.rpartition("/")[0]
    token = hashlib.sha256(folder.encode()).hexdigest()[:8]
    return f"{file_id}_{attempt_of(key) or 0}_{token}"


def staging_schema(contract: Contract) -> pa.Schema:
    """The Arrow schema of an uploaded file; BIGNUMERIC as text, as in the staging table."""
    schema = arrow_schema(contract.columns)
    for index, column in enumerate(contract.columns):
        if column.type is Type.BIGNUMERIC:
            schema = schema.set(index, pa.field(column.name, pa.string()))
    return schema.append(pa.field("_etl_file", pa.string())).append(
        pa.field("_etl_row", pa.int64())
    )
