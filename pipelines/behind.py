"""Behind: a table is written to a Parquet file while the next one is made."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType

import pyarrow as pa
import pyarrow.parquet as pq

from schemas.arrow import PARQUET


class ParquetBehind(AbstractContextManager["ParquetBehind"]):
    """Writes tables of one schema to a Parquet file, each in a thread and one at a time. The file
    is whole when the block is left; what went wrong with a table is raised there, or before."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._writer = pq.ParquetWriter(path, schema, **PARQUET)
        self._beside = ThreadPoolExecutor(1)
        self._writing: Future[None] | None = None

    def write(self, table: pa.Table) -> None:
        """Write the table, once the one before it is written."""
        self._wait()
        self._writing = self._beside.submit(self._writer.write_table, table)

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
                self._wait()
