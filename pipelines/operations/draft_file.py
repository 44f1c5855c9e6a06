"""The file that a draft becomes: the rejects CSV of the rows that it changes, with its cells."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path, PurePosixPath

from pipelines.operations.drafts import cells_by_line
from pipelines.rejects.correction import rejects_dialect
from pipelines.rejects.csv_file import write_rejected
from pipelines.runtime import Runtime
from pipelines.stored_files import fetched
from schemas.dialect import Dialect
from schemas.draft import Draft, Line
from schemas.errors import RefusedError
from schemas.file import File
from schemas.reject import RejectedRow
from schemas.upload import upload_name

_REJECTS = ".rejected.csv"


def write_draft(
    runtime: Runtime, file: File, draft: Draft, path: Path, *, but: Collection[Line] = ()
) -> int:
    """Write the rejected rows that the draft changes, `but` some; how many they are. The same draft
    makes the same bytes. Raises FileNotFoundError once the file's rejected rows are not kept any
    more."""
    cells = cells_by_line(runtime, draft)
    drafted = {where: {each.column: each.value for each in some} for where, some in cells.items()}
    rows = 0

    def count(_: RejectedRow) -> None:
        nonlocal rows
        rows += 1

    local = path.with_suffix(".parquet")
    fetched(runtime, file.rejects_key or "", local)
    dialect = runtime.contract_of(runtime.feeds[file.feed]).dialect
    with local.open("rb") as rejects:
        write_rejected(
            rejects, path, dialect, count, file.file_id,
            done=but, drafted=drafted, form=_form(dialect),
        )  # fmt: skip
    return rows


def _form(dialect: Dialect) -> Dialect:
    """The form in which a draft is written: one that can hold every cell and every name of an
    archive's member, and that is read in one way only. A spreadsheet may have saved it so: its
    encoding is told by its byte order mark, its quotes by a delimiter that is not the feed's."""
    delimiter = ";" if rejects_dialect(dialect).delimiter == "," else ","
    return Dialect(encoding="utf-8-sig", delimiter=delimiter, line_end="\r\n")


def name_of(file: File, draft: Draft) -> str:
    """The name under which it is sent: that of the file's rejects, and one of its own, so that a
    second draft is no newer version of the first. A name that no upload may have is left out."""
    end = f"{draft.draft_id[:8]}{_REJECTS}"
    try:
        return upload_name(f"{PurePosixPath(file.item.name).name[:150]}.{end}")
    except RefusedError:
        return f"{file.file_id}.{end}"
