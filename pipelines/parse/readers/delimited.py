"""The reader of delimited text."""

from __future__ import annotations

import codecs
from typing import BinaryIO, ClassVar

from pipelines.parse.chunk import Parsed
from pipelines.parse.delimited import read_delimited, read_part
from pipelines.parse.kind import Kind
from pipelines.parse.reader import Counted, Given, Reader, Traits
from schemas.dialect import Dialect


class DelimitedReader(Reader):
    """Cells between delimiters, perhaps in quotes."""

    traits: ClassVar = Traits(
        said="delimited text",
        kinds=frozenset({Kind.TEXT}),
        is_text=True,
        has_totals=True,
        goes_back=True,
        has_delimiter=True,
        counted=Counted.CELLS,
    )

    def read(self, given: Given) -> Parsed:
        """As `read_delimited`."""
        block = given.limits.block_bytes
        return read_delimited(given.stream, given.dialect, block, given.columns)

    def cut_by(self, dialect: Dialect) -> Dialect | None:
        """Only plain UTF-8, in which nothing is told by what stands far away."""
        is_utf8 = codecs.lookup(dialect.encoding).name in ("utf-8", "utf-8-sig", "ascii")
        is_told = dialect.escape or dialect.comment or dialect.footer or dialect.totals
        return dialect if is_utf8 and not is_told else None

    def read_part(
        self, stream: BinaryIO, dialect: Dialect, block_bytes: int, top: Parsed, line: int,
    ) -> Parsed:  # fmt: skip
        """As `delimited.read_part`."""
        return read_part(stream, dialect, block_bytes, top, line)
