"""Load jobs: staged files into staging tables, by jobs that can be taken up again by their ids."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pyarrow as pa
from google.api_core.exceptions import Conflict, NotFound
from google.cloud import bigquery

from connectors.bigquery.session import REQUEST_SECONDS, RETRY, Session, job_labels
from connectors.bigquery.staging import StagingTables, staging_schema
from connectors.bigquery.tables import staging_fields
from connectors.bigquery.upload import upload
from connectors.parquet.merge import Part, concatenate, parts_of
from connectors.protocols import Storage
from schemas.contract import Contract
from schemas.errors import FatalError
from schemas.file import File
from schemas.storage_keys import in_bucket

_URIS = 10_000


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadTask:
    """One load job: its id, its table, and the files to be read. `rows` are those expected; `facts`
    are labels of its own; `through` names its rows while they wait in the staging bucket."""

    job_id: str
    table: str
    fields: Sequence[bigquery.SchemaField]
    arrow: pa.Schema
    parts: Sequence[Part]
    uris: Sequence[str] = ()
    rows: int | None
    facts: Mapping[str, str] = field(default_factory=dict)
    through: str


class LoadJobs:
    """Starts load jobs and finds those that were started before. Vendor exceptions pass through."""

    def __init__(self, session: Session, storage: Storage, bucket: Storage | None) -> None:
        self._session, self._storage, self._bucket = session, storage, bucket
        self._client, self._config = session.client, session.config
        self._staging = StagingTables(session, bucket)

    def of_rows(
        self,
        job_id: str,
        table: str,
        contract: Contract,
        staged: Sequence[tuple[str, File]],
        rows: int,
        *,
        facts: Mapping[str, str] | None = None,
        through: str | None = None,
    ) -> LoadTask:
        """The task that brings staged keys, each of a file, into a table of the contract's."""
        parts = parts_of((key, file.file_id) for key, file in staged)
        uris = [self._storage.uri(part.key) for part in parts]
        # What several files share is not read as it is, for only some of them may be in the batch.
        alone = len(uris) <= _URIS and not any(part.files for part in parts)
        direct = alone and all(uri.startswith("gs://") for uri in uris)
        return LoadTask(
            job_id=job_id,
            table=table,
            fields=staging_fields(contract, direct=direct),
            arrow=staging_schema(contract),
            parts=parts,
            uris=uris if direct else (),
            rows=rows,
            facts=facts or {},
            through=through or in_bucket(table),
        )

    def start(self, task: LoadTask) -> tuple[bigquery.LoadJob, bool]:
        """The task's job, and whether this call has started it."""
        existing = self.find(task.job_id)
        if existing is not None:
            return existing, False
        self._staging.create(task.table, task.fields)
        try:
            return self._submit(task), True
        except Conflict:
            existing = self.find(task.job_id)
            if existing is None:
                raise
            return existing, False

    def find(self, job_id: str) -> bigquery.LoadJob | None:
        """The job of that id, if it was ever started."""
        try:
            found = self._client.get_job(job_id, retry=RETRY, timeout=REQUEST_SECONDS)
        except NotFound:
            return None
        return cast(bigquery.LoadJob, found)

    def _submit(self, task: LoadTask) -> bigquery.LoadJob:
        settings = bigquery.LoadJobConfig(
            schema=task.fields,
            source_format=bigquery.SourceFormat.PARQUET,
            # The table was made for such jobs alone. Truncating it would lose its fields' modes.
            write_disposition=bigquery.WriteDisposition.WRITE_APPEND,
            create_disposition=bigquery.CreateDisposition.CREATE_NEVER,
            job_timeout_ms=int(self._config.job_timeout * 1000),
            labels={**job_labels(), **task.facts},
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
                self._bucket.put(task.through, path)
                return self._submit_uris(task, [self._bucket.uri(task.through)], settings)
            return upload(self._client, self._config, path, task.job_id, task.table, settings)

    def _submit_uris(
        self, task: LoadTask, uris: Sequence[str], settings: bigquery.LoadJobConfig
    ) -> bigquery.LoadJob:
        return self._client.load_table_from_uri(
            list(uris),
            task.table,
            job_id=task.job_id,
            job_config=settings,
            retry=RETRY,
            timeout=REQUEST_SECONDS,
        )
