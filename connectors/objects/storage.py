"""ObjectStorage: landed and staged files in a local folder, S3 or GCS, by obstore."""

from __future__ import annotations

import io
import os
import re
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import obstore
from obstore.exceptions import AlreadyExistsError

from connectors.objects.store import StorageConfig, new_store, refuse_fork, translating
from connectors.private_files import private_folder
from schemas.errors import RetryableError

if TYPE_CHECKING:
    from obstore import GetOptions
    from obstore.store import ObjectStore

    from connectors.protocols import TakesParts

__all__ = ["ObjectStorage", "StorageConfig"]

_KEY = re.compile(r"[A-Za-z0-9_=,@+-][A-Za-z0-9_.=,@+-]*(/[A-Za-z0-9_=,@+-][A-Za-z0-9_.=,@+-]*)*")
_PART_BYTES = 8 * 1024 * 1024
_PARTS_AT_ONCE, _PARTS_SPARED = 4, 2
"""So many parts are in memory at a time; the fewer where it is to be spared."""
_CHUNK_BYTES = 1024 * 1024


class ObjectStorage:
    """Durable objects behind relative keys (protocol `Storage`).

    A key is made of letters, digits, `_.=,@+-` and slashes, and no part of it starts with a dot:
    ValueError otherwise. No object is ever seen half-written.
    """

    def __init__(self, config: StorageConfig) -> None:
        self._config = config

    def put(
        self, key: str, path: Path, *, is_final: bool = False, spares_memory: bool = False
    ) -> bool:
        """Store a local file under a new key; False, and nothing written, if the key exists.

        A file that `is_final` is never written to again (it may be removed): a storage that is a
        folder on the same disk then gives it a second name instead of copying it.

        A copied file above 8 MiB is sent in parts, which no store can make conditional, so there
        two writers may both be told True. Keys name their content or their attempt, so both bring
        the same bytes. Fewer parts are under way at a time if it `spares_memory`.
        """
        location = _checked(key)
        if is_final and (is_new := self._linked(location, path)) is not None:
            return is_new
        size = path.stat().st_size
        with translating(self._config.url):
            if size < _PART_BYTES:
                try:
                    obstore.put(self._store, location, path, mode="create", use_multipart=False)
                except AlreadyExistsError:
                    return False
                return True
        if self.exists(key):
            return False
        with translating(self._config.url):
            obstore.put(
                self._store,
                location,
                path,
                use_multipart=True,
                chunk_size=_PART_BYTES,
                max_concurrency=_PARTS_SPARED if spares_memory else _PARTS_AT_ONCE,
            )
        return True

    def _linked(self, location: str, path: Path) -> bool | None:
        """Whether the file has become the new object; None if it has to be copied."""
        folder = self._config.folder
        if folder is None:
            return None
        target = folder / location
        try:
            private_folder(target.parent)
            os.link(path, target)
        except OSError:
            # On another disk, or one that knows no links.
            return False if target.is_file() else None
        return True

    @contextmanager
    def open(self, key: str, span: tuple[int, int] | None = None) -> Iterator[BinaryIO]:
        """Stream an object, or the bytes of it from one to another; raises FileNotFoundError."""
        location = _checked(key)
        wanted: GetOptions = {} if span is None else {"range": span}
        with translating(self._config.url, key):
            found = obstore.get(self._store, location, options=wanted)
            chunks = found.stream(min_chunk_size=_CHUNK_BYTES)
        with io.BufferedReader(_Chunks(chunks, self._config.url, key), _CHUNK_BYTES) as stream:
            yield stream

    def exists(self, key: str) -> bool:
        """Whether an object has that key."""
        location = _checked(key)
        try:
            with translating(self._config.url, key):
                obstore.head(self._store, location)
        except FileNotFoundError:
            return False
        return True

    def list(self, prefix: str) -> Iterator[str]:
        """The keys below a folder, in no particular order; an empty prefix lists everything."""
        folder = prefix.strip("/")
        location = _checked(folder) if folder else None
        with translating(self._config.url):
            for page in obstore.list(self._store, prefix=location, chunk_size=1000):
                for each in page:
                    yield each["path"]

    def delete(self, key: str) -> None:
        """Remove an object; quiet if it is not there."""
        location = _checked(key)
        try:
            with translating(self._config.url, key):
                obstore.delete(self._store, location)
        except FileNotFoundError:
            return

    def uri(self, key: str) -> str:
        """The object's full address."""
        return f"{self._config.base}/{_checked(key)}"

    def check(self) -> str:
        """Write, read and remove a small object and say where."""
        key = f"check/{uuid.uuid4().hex}"
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "check"
            path.write_bytes(b"waybill")
            self.put(key, path)
        with self.open(key) as stream:
            content = stream.read()
        self.delete(key)
        if content != b"waybill":
            raise RetryableError(f"{self._config.base}: what was written reads back otherwise")
        return f"{self._config.base}, writable"

    @cached_property
    def parts(self) -> TakesParts | None:
        """S3's parts; None elsewhere."""
        if not self._config.url.startswith("s3://"):
            return None
        from connectors.objects.multipart import S3Multipart

        return S3Multipart(self._config)

    @property
    def _store(self) -> ObjectStore:
        refuse_fork()
        return self._connected

    @cached_property
    def _connected(self) -> ObjectStore:
        return new_store(self._config)


class _Chunks(io.RawIOBase):
    """Chunks of bytes as a raw stream whose faults are ours."""

    def __init__(self, chunks: Iterator[bytes], url: str, key: str) -> None:
        self._chunks, self._url, self._key = chunks, url, key
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Fill the buffer; raises RetryableError if the connection is cut."""
        while not self._rest:
            try:
                with translating(self._url, self._key):
                    self._rest = memoryview(next(self._chunks))
            except StopIteration:
                return 0
        length = min(len(buffer), len(self._rest))
        buffer[:length] = self._rest[:length]
        self._rest = self._rest[length:]
        return length


def _checked(key: str) -> str:
    """The key, refused if it could lead anywhere but below the storage's own root."""
    if not _KEY.fullmatch(key):
        raise ValueError(f"{key!r} is not a storage key")
    return key
