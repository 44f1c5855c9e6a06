"""Open rows: those of a file that are rejected now, and may be corrected in a draft."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from pipelines.prepare.correctable import refuse_on_its_way, refuse_whole
from pipelines.rejects.csv_file import cells_of
from pipelines.runtime import Runtime
from pipelines.stored_files import corrected_lines, stored_rejects
from schemas.dialect import Dialect
from schemas.draft import Line
from schemas.errors import BusyError, ConflictError, DataError
from schemas.file import File
from schemas.reject import RejectedRow

_FIX_THERE = "correct its rows in the draft of that file"


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenRow:
    """A row that is rejected now, and its cells as they stood, by the header's names."""

    number: int
    row: RejectedRow
    cells: Mapping[str, str]

    @property
    def where(self) -> Line:
        """Its archive's member and its line."""
        return self.row.member, self.row.line


@dataclass(frozen=True, slots=True)
class OpenRows:
    """The rows of a file that are rejected now, read in turn, and the header they stand under."""

    header: tuple[str, ...]
    rows: Iterator[OpenRow]
    dialect: Dialect


@contextmanager
def open_rows(runtime: Runtime, file: File) -> Iterator[OpenRows]:
    """The rows of a file that are rejected now, for as long as the block lasts: those that no
    correction in force has brought. Raises ConflictError for a file that takes no corrections."""
    refuse_draft(runtime, file)
    dialect = runtime.contract_of(runtime.feeds[file.feed]).dialect
    try:
        done = corrected_lines(runtime, file)
        with stored_rejects(runtime, file) as kept:
            rows = (
                OpenRow(
                    number=number,
                    row=row,
                    cells=dict(zip(kept.header, cells_of(row, kept, dialect, False), strict=True)),
                )
                for number, row in enumerate(kept.rows, 1)
                if (row.member, row.line) not in done
            )
            yield OpenRows(kept.header, rows, dialect)
    except FileNotFoundError:
        raise ConflictError(
            f"the rejected rows of {file.item.name} are not kept any more"
        ) from None


def refuse_draft(runtime: Runtime, file: File) -> None:
    """Raise ConflictError for a file whose rejected rows cannot be corrected in a draft now."""
    if file.corrects is not None:
        raise ConflictError(
            f"{file.item.name} corrects rows of file {file.corrects}", hint=_FIX_THERE
        )
    if file.feed not in runtime.feeds:
        raise ConflictError(f"the feed {file.feed} is not there any more")
    try:
        refuse_on_its_way(file)
        refuse_whole(runtime, file)
    except BusyError:
        raise ConflictError(
            f"{file.item.name} is {file.status}: which of its rows are rejected is not known yet",
            hint="ask again once it is done",
        ) from None
    except DataError as error:
        raise ConflictError(error.message, hint=error.hint) from None
