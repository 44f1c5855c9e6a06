"""Stored files: objects of storage copied here, where a reader needs a file."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from pipelines.rejects.table import Rejects, read_rejects
from pipelines.runtime import Runtime
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
