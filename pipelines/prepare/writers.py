"""Writers: good rows as Parquet, row group by row group."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType

import pyarrow as pa

from pipelines.background_writer import BackgroundParquetWriter, Opens
from pipelines.prepare.partitions import partitions_of
from schemas.arrow import FILE, staged_schema
from schemas.contract import Contract


class RowsWriter(AbstractContextManager["RowsWriter"]):
    """Writes good rows to one Parquet file: the contract's columns, `_etl_file` and `_etl_row`.

    A chunk is written while the next one is checked; the file is whole when the block is left.
    """

    def __init__(
        self,
        path: Path,
        contract: Contract,
        file_id: str,
        opens: Opens = BackgroundParquetWriter,
    ) -> None:
        self.path, self.rows = path, 0
        self._contract, self._file_id = contract, file_id
        self._partitions: set[str] = set()
        self._schema = staged_schema(contract.columns)
        self._out = opens(path, self._schema)

    @property
    def partitions(self) -> tuple[str, ...]:
        """The partitions that the rows belong to, sorted."""
        return tuple(sorted(self._partitions))

    def write(self, rows: pa.Table) -> None:
        """Add the contract's columns and `_etl_row` of some rows."""
        names = pa.repeat(pa.scalar(self._file_id, pa.string()), rows.num_rows)
        table = rows.append_column(FILE, names).select(self._schema.names).cast(self._schema)
        self._out.write(table)
        self.rows += rows.num_rows
        self._partitions.update(partitions_of(rows, self._contract))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._out.__exit__(kind, error, trace)
