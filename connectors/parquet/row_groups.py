"""Row groups of Parquet files copied into one file as they are: nothing is read or packed anew."""

from __future__ import annotations

import shutil
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

_MAGIC = b"PAR1"
_TAIL_BYTES = 8
GOOD_BYTES = 8 * 1024 * 1024
"""Row groups of so many bytes on average are better copied than written anew: BigQuery reads row
groups in parallel, and many small ones slowly."""


class MisfitError(Exception):
    """A Parquet file has another schema than is wanted, or its row groups are too small."""


class Joiner(AbstractContextManager["Joiner"]):
    """Writes the row groups of Parquet files, one file after the other, to a new Parquet file.

    Every file is copied whole and its footer then taken off its end; the new footer names the row
    groups at their new offsets (https://parquet.apache.org/docs/file-format/). `rows` counts those
    of all files.
    """

    def __init__(self, target: Path, schema: pa.Schema, good_bytes: int = GOOD_BYTES) -> None:
        self.rows = self._count = self._bytes = 0
        self._schema, self._good_bytes = schema, good_bytes
        self._out = target.open("w+b")
        self._footer: Any = None
        self._groups: list[Any] = []

    def add(self, stream: BinaryIO) -> None:
        """Add one file.

        Raises MisfitError for a file that cannot be taken, and ArrowInvalid for one that is no
        Parquet. After either, nothing more may be added.
        """
        from fastparquet.cencoding import from_buffer

        start = self._out.tell()
        shutil.copyfileobj(stream, self._out, 1024 * 1024)
        metadata = pq.read_metadata(self._out)
        self._measure(metadata)
        if not (metadata.schema.to_arrow_schema().equals(self._schema) and self._is_good):
            raise MisfitError
        self._out.seek(-_TAIL_BYTES, 2)
        length = int.from_bytes(self._out.read(4), "little")
        end = self._out.seek(-_TAIL_BYTES - length, 2)
        footer = from_buffer(self._out.read(length), "FileMetaData")
        self._out.seek(end)
        self._out.truncate()
        self._take(footer, start)

    def _measure(self, metadata: pq.FileMetaData) -> None:
        groups = range(metadata.num_row_groups)
        self._count += len(groups)
        self._bytes += sum(metadata.row_group(number).total_byte_size for number in groups)
        self.rows += metadata.num_rows

    @property
    def _is_good(self) -> bool:
        return self._bytes >= self._count * self._good_bytes

    def _take(self, footer: Any, start: int) -> None:
        for group in footer.row_groups:
            _move(group, start)
        if self._footer is None:
            self._footer = footer
        self._groups += footer.row_groups

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._out:
            if error is None and self._footer is not None:
                for number, group in enumerate(self._groups):
                    group.ordinal = number
                self._footer.row_groups, self._footer.num_rows = self._groups, self.rows
                footer = bytes(self._footer.to_bytes())
                self._out.write(footer + len(footer).to_bytes(4, "little") + _MAGIC)


def _move(group: Any, by: int) -> None:
    """Let a row group begin so many bytes later. What it may have beside its pages, to find rows
    by, is not pointed to any more."""
    if group.file_offset:
        group.file_offset += by
    for column in group.columns:
        if column.file_offset:
            column.file_offset += by
        column.offset_index_offset = column.offset_index_length = None
        column.column_index_offset = column.column_index_length = None
        data = column.meta_data
        data.bloom_filter_offset = None
        data.data_page_offset += by
        if data.dictionary_page_offset is not None:
            data.dictionary_page_offset += by
