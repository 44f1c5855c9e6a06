"""Background writer: writes a table to a Parquet file while the next one is made."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType

import pyarrow as pa
import pyarrow.parquet as pq

from schemas.arrow import PARQUET

_GROUP_BYTES = 32 * 1024 * 1024
"""Tables are gathered up to that before they are written: packed, it is a row group of about 16
MiB, which BigQuery reads best:
https://cloud.google.com/bigquery/docs/loading-data-cloud-storage-parquet#parquet_schemas"""


class BackgroundParquetWriter(AbstractContextManager["BackgroundParquetWriter"]):
    """Writes tables of one schema to a Parquet file in large row groups, each in a thread and one
    at a time. The file is whole when the block is left; what went wrong with a table is raised
    there, or before."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._writer = pq.ParquetWriter(path, schema, **PARQUET)
        self._beside = ThreadPoolExecutor(1)
        self._writing: Future[None] | None = None
        self._gathered: list[pa.Table] = []

    def write(self, table: pa.Table) -> None:
        """Write the table, with those that follow it, once what came before is written."""
        self._gathered.append(table)
        if sum(each.nbytes for each in self._gathered) >= _GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        self._wait()
        group, self._gathered = pa.concat_tables(self._gathered), []
        self._writing = self._beside.submit(self._writer.write_table, group)

    def _wait(self) -> None:
        if self._writing is not None:
            self._writing.result()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._writer, self._beside:
            if error is None:
                if self._gathered:
                    self._flush()
                self._wait()
