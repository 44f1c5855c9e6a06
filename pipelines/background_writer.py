"""Background writer: writes a table to a Parquet file while the next one is made."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from schemas.arrow import PARQUET

_GROUP_BYTES = 32 * 1024 * 1024
"""Tables are gathered up to that before they are written: packed, it is a row group of about 16
MiB, which BigQuery reads best:
https://cloud.google.com/bigquery/docs/loading-data-cloud-storage-parquet#parquet_schemas"""


class TableWriter(Protocol):
    """Takes tables of one schema in turn; they are complete when the block is left."""

    def write(self, table: pa.Table) -> None:
        """Add a table."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End, after an error without a result."""


type Opens = Callable[[Path, pa.Schema], TableWriter]
"""How a writer of tables is opened: by the file that they are for, and their schema."""


class Gathered:
    """Keeps the tables of small files in memory: a writer of Parquet, and the thread it writes in,
    cost more than their rows."""

    def __init__(self) -> None:
        self._tables: dict[str, list[pa.Table]] = {}
        self._schemas: dict[str, pa.Schema] = {}

    def open(self, path: Path, schema: pa.Schema) -> TableWriter:
        """A writer for what would be the file of that name."""
        self._schemas[path.name] = schema
        return _Gathering(self._tables.setdefault(path.name, []))

    def table(self, name: str) -> pa.Table:
        """All that was written for the file of that name."""
        return pa.concat_tables([self._schemas[name].empty_table(), *self._tables[name]])


class _Gathering(AbstractContextManager["_Gathering"]):
    """Adds tables to a list."""

    def __init__(self, tables: list[pa.Table]) -> None:
        self._tables = tables

    def write(self, table: pa.Table) -> None:
        """Add a table."""
        self._tables.append(table)

    def __exit__(self, *_: object) -> None:
        """Nothing more: an error's tables are nobody's."""


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
