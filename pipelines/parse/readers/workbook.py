"""The reader of workbooks: xlsx, xlsm, xlsb, xls and ods."""

from __future__ import annotations

from typing import ClassVar

from pipelines.parse.chunk import Parsed
from pipelines.parse.kind import Kind
from pipelines.parse.reader import Given, Reader, Traits
from pipelines.parse.workbook import read_workbook


class WorkbookReader(Reader):
    """The cells of one sheet, read by a process of its own."""

    traits: ClassVar = Traits(
        said="a workbook",
        kinds=frozenset({Kind.WORKBOOK, Kind.OLD_WORKBOOK}),
        is_sheet=True,
        is_native=True,
        has_totals=True,
    )

    def read(self, given: Given) -> Parsed:
        """As `read_workbook`."""
        most = given.limits.workbook_bytes
        return read_workbook(given.local(), given.dialect, most, given.columns)
