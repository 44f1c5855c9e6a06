"""Stored files: objects of storage copied here, where a reader needs a file."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from pipelines.rejects.correction import rejected_lines
from pipelines.rejects.table import Rejects, read_rejects
from pipelines.runtime import Runtime
from schemas.arrow import FILE, LINE
from schemas.draft import Line
from schemas.file import File

COPY_BYTES = 1024 * 1024


def fetched(runtime: Runtime, key: str, path: Path) -> Path:
    """A local copy of a stored object; raises FileNotFoundError."""
    with runtime.storage.open(key) as stream, path.open("wb") as copy:
        shutil.copyfileobj(stream, copy, COPY_BYTES)
    return path


@contextmanager
def stored_rejects(runtime: Runtime, file: File) -> Iterator[Rejects]:
    """The rejected rows of a file that has some, for as long as the block lasts: Parquet is read
    from its end. Raises FileNotFoundError."""
    key = file.rejects_key or ""
    with tempfile.TemporaryFile(dir=runtime.work_folder) as copy:
        with runtime.storage.open(key) as stream:
            shutil.copyfileobj(stream, copy, COPY_BYTES)
        copy.seek(0)
        yield read_rejects(cast(BinaryIO, copy), file.file_id)


def stored_places(runtime: Runtime, file: File) -> set[int]:
    """The places (`_etl_row`) of a file's staged rows; none once they are not kept any more."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    found: set[int] = set()
    with tempfile.TemporaryDirectory(dir=runtime.work_folder, prefix="places-") as folder:
        for key in file.staged_keys:
            try:
                path = fetched(runtime, key, Path(folder) / "rows.parquet")
            except FileNotFoundError:
                continue
            rows = pq.read_table(path, columns=[FILE, LINE])
            own = rows.filter(pc.equal(rows.column(FILE), file.file_id))
            found.update(own.column(LINE).to_pylist())
    return found


def corrected_lines(runtime: Runtime, file: File) -> frozenset[Line]:
    """The rejected lines of a file that corrections in force have brought corrected. Those of a
    correction whose staged rows are not kept any more are not known. Raises FileNotFoundError once
    the file's own rejected rows are not kept."""
    corrections = runtime.ledger.corrections.active([file.file_id])
    if not corrections or file.rejects_key is None:
        return frozenset()
    places = {place for each in corrections for place in stored_places(runtime, each)}
    with stored_rejects(runtime, file) as rejects:
        lines = rejected_lines(rejects)
    return frozenset(where for where, place in lines.items() if place in places)
