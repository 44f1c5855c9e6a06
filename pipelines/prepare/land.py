"""Land: keep the raw bytes of an item for good, under their own SHA-256.

It is landed in a thread, so that the rows of a large item can be read as it comes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from pipelines.prepare.growing_file import GrowingFile
from pipelines.runtime import Runtime
from schemas import storage_keys
from schemas.errors import DataError, LeaseLostError
from schemas.file import File

_COPY_BYTES = 1024 * 1024
_BESIDE_BYTES = 8 * 1024 * 1024
"""A smaller item is landed before anything of it is read."""


@dataclass(frozen=True, slots=True)
class Landed:
    """The raw file: its hash, its size in bytes, and its key in storage."""

    sha256: str
    size: int
    key: str


@dataclass(frozen=True, slots=True)
class Landing:
    """An item on its way into storage; `raw` is its local copy, which can be read meanwhile."""

    raw: GrowingFile
    _coming: Future[Landed]

    @property
    def is_done(self) -> bool:
        """Whether nothing more comes."""
        return self._coming.done()

    def landed(self) -> Landed:
        """The landed file, once it is in storage; raises what went wrong."""
        return self._coming.result()


@contextmanager
def landing(
    runtime: Runtime, file: File, folder: Path, check: Callable[[], None]
) -> Iterator[Landing]:
    """Stream the item into storage, with a local copy that lives inside `folder`.

    A file that an earlier attempt landed is read from storage: the source is asked only once.
    What goes wrong is raised when the bytes or the landed file are asked for: DataError for a file
    above `limits.file_bytes`, RetryableError when a part is away.
    """
    raw, left = GrowingFile(folder / "raw"), Event()

    def go_on() -> None:
        check()
        # Whoever waited has gone, over an error of its own.
        if left.is_set():
            raise LeaseLostError

    with ThreadPoolExecutor(1, "land") as beside:
        coming = beside.submit(_land, runtime, file, raw, go_on)
        try:
            if (file.item.size or 0) < _BESIDE_BYTES:
                coming.exception()
            yield Landing(raw, coming)
        finally:
            left.set()


def _land(runtime: Runtime, file: File, raw: GrowingFile, go_on: Callable[[], None]) -> Landed:
    key = file.landing_key
    digest, size = hashlib.sha256(), 0
    with raw.filled() as write:
        if key is not None and not runtime.storage.exists(key):
            key = None
        with (
            runtime.storage.open(key) if key else runtime.sources[file.source].open(file.item)
        ) as stream:
            while block := stream.read(_COPY_BYTES):
                size += len(block)
                refuse_too_large(runtime, file, size)
                digest.update(block)
                write(block)
                go_on()
    sha256 = digest.hexdigest()
    if key is None:
        key = storage_keys.landing(sha256)
        runtime.storage.put(key, raw.path, is_final=True)
    return Landed(sha256, size, key)


def refuse_too_large(runtime: Runtime, file: File, size: int) -> None:
    """Raise DataError for a file of so many bytes if these are more than `limits.file_bytes`."""
    if size > runtime.limits.file_bytes:
        raise DataError(
            "{name} is larger than {most:,} bytes",
            hint="split the file, or raise limits.file_bytes",
            name=file.item.name,
            most=runtime.limits.file_bytes,
        )
