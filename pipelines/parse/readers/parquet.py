"""The reader of Parquet."""

from __future__ import annotations

from typing import ClassVar

from pipelines.parse.chunk import Parsed
from pipelines.parse.kind import Kind
from pipelines.parse.parquet import read_parquet
from pipelines.parse.reader import Counted, Given, Reader, Traits


class ParquetReader(Reader):
    """Typed columns, read from the footer of the file on."""

    traits: ClassVar = Traits(
        said="Parquet",
        kinds=frozenset({Kind.PARQUET}),
        is_native=True,
        counted=Counted.FOOTER,
    )

    def read(self, given: Given) -> Parsed:
        """As `read_parquet`."""
        return Parsed(*read_parquet(given.local(), given.dialect))
