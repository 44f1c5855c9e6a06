"""Land: keep the raw bytes of an item for good, under their own SHA-256."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipelines.runtime import Runtime
from schemas.errors import DataError
from schemas.file import File

_COPY_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Landed:
    """The raw file: its hash, its size in bytes, its key in storage, and a local copy of it."""

    sha256: str
    size: int
    key: str
    path: Path


@contextmanager
def landed(
    runtime: Runtime, file: File, folder: Path, check: Callable[[], None]
) -> Iterator[Landed]:
    """Stream the item into storage and yield it with a local copy that lives inside `folder`.

    A file that an earlier attempt landed is read from storage: the source is asked only once.
    Raises DataError for a file above `limits.file_bytes`; RetryableError when a part is away.
    """
    path = folder / "raw"
    key = file.landing_key
    if key is not None and runtime.storage.exists(key):
        opened = runtime.storage.open(key)
    else:
        key = None
        opened = runtime.sources[file.source].open(file.item)
    digest, size = hashlib.sha256(), 0
    with opened as stream, path.open("wb") as copy:
        while block := stream.read(_COPY_BYTES):
            size += len(block)
            if size > runtime.limits.file_bytes:
                raise DataError(
                    "{name} is larger than {most:,} bytes",
                    hint="split the file, or raise limits.file_bytes",
                    name=file.item.name,
                    most=runtime.limits.file_bytes,
                )
            digest.update(block)
            copy.write(block)
            check()
    sha256 = digest.hexdigest()
    if key is None:
        key = f"landing/{sha256[:2]}/{sha256}"
        runtime.storage.put(key, path)
    yield Landed(sha256, size, key, path)
