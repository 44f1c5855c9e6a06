"""The file that a draft becomes: the rejects CSV of the rows that it changes, with its cells."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path, PurePosixPath

from pipelines.operations.drafts import cells_by_line
from pipelines.rejects.csv_file import write_rejected
from pipelines.runtime import Runtime
from pipelines.stored_files import fetched
from schemas.draft import Draft, Line
from schemas.file import File
from schemas.reject import RejectedRow

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
        write_rejected(rejects, path, dialect, count, file.file_id, done=but, drafted=drafted)
    return rows


def name_of(file: File, draft: Draft) -> str:
    """The name under which it is sent: that of the file's rejects, and one of its own, so that a
    second draft is no newer version of the first."""
    name = PurePosixPath(file.item.name)
    return f"{name.name[:150]}.{draft.draft_id[:8]}{_REJECTS}"
