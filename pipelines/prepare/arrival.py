"""Arrival: small files brought here from their source, many at once, and landed."""

from __future__ import annotations

import hashlib
import shutil
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from connectors.protocols import FetchesMany
from pipelines.prepare.land import refuse_too_large
from pipelines.runtime import Runtime
from pipelines.stored_files import COPY_BYTES, fetched
from schemas import storage_keys
from schemas.file import File

_AT_ONCE = 8
"""Requests under way at once; boto3's client holds 16 connections."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """A small file's local copy, its hash and size in bytes, and its key in storage. `is_new` says
    that nothing lay under that key before."""

    raw: Path
    sha256: str
    size: int
    key: str
    is_new: bool


def arrive(
    runtime: Runtime, files: Sequence[File], folder: Path
) -> Iterator[tuple[File, Arrived | Exception]]:
    """Each of some small files of one source with what was landed of it, or with what went wrong:
    DataError and ItemChangedError are about the file, RetryableError about a part that is away.

    A file that an earlier attempt landed is read from storage: the source is asked only once.
    """
    with ThreadPoolExecutor(_AT_ONCE, "arrive") as pool:
        waiting: deque[tuple[File, Future[Arrived] | Exception]] = deque()
        try:
            for each in _coming(runtime, files, folder, pool):
                waiting.append(each)
                if len(waiting) > _AT_ONCE:
                    yield _arrived(*waiting.popleft())
            while waiting:
                yield _arrived(*waiting.popleft())
        finally:
            pool.shutdown(cancel_futures=True)


def _coming(
    runtime: Runtime, files: Sequence[File], folder: Path, pool: ThreadPoolExecutor
) -> Iterator[tuple[File, Future[Arrived] | Exception]]:
    """The files on their way, no more of them than are asked for."""
    theirs = []
    for file in files:
        source = runtime.sources[file.source]
        if file.landing_key is None and isinstance(source, FetchesMany):
            theirs.append(file)
        else:
            yield file, pool.submit(_fetch, runtime, file, folder)
    if not theirs:
        return
    source = runtime.sources[theirs[0].source]
    assert isinstance(source, FetchesMany)
    by_item = {(file.item.key, file.item.version): file for file in theirs}
    for item, found in source.fetch_many([file.item for file in theirs], folder):
        file = by_item[item.key, item.version]
        if isinstance(found, Path):
            yield file, pool.submit(_land, runtime, file, found, None)
        else:
            yield file, found


def _arrived(file: File, found: Future[Arrived] | Exception) -> tuple[File, Arrived | Exception]:
    """What has become of a file on its way."""
    if isinstance(found, Exception):
        return file, found
    error = found.exception()
    if error is None:
        return file, found.result()
    if not isinstance(error, Exception):
        raise error
    return file, error


def _fetch(runtime: Runtime, file: File, folder: Path) -> Arrived:
    key, raw = file.landing_key, folder / f"{file.file_id}.raw"
    if key is not None and runtime.storage.exists(key):
        return _land(runtime, file, fetched(runtime, key, raw), key)
    with runtime.sources[file.source].open(file.item) as stream, raw.open("wb") as copy:
        shutil.copyfileobj(stream, copy, COPY_BYTES)
    return _land(runtime, file, raw, None)


def _land(runtime: Runtime, file: File, raw: Path, key: str | None) -> Arrived:
    """The local copy in storage, where it may lie under its key already."""
    refuse_too_large(runtime, file, raw.stat().st_size)
    content = raw.read_bytes()
    sha256, is_new = hashlib.sha256(content).hexdigest(), False
    if key is None:
        key = storage_keys.landing(sha256)
        is_new = runtime.storage.put(key, raw, is_final=True)
    return Arrived(raw=raw, sha256=sha256, size=len(content), key=key, is_new=is_new)
