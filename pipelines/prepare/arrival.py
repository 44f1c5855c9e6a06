"""Arrival: small files brought here from their source, many at once, and landed."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from connectors.protocols import FetchesMany
from pipelines.runtime import Runtime
from schemas import storage_keys
from schemas.file import File

_AT_ONCE = 8
"""Requests under way at once; boto3's client holds 16 connections."""
_COPY_BYTES = 256 * 1024


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
        coming: list[tuple[File, Future[Arrived] | Exception]] = []
        ours, theirs = list[File](), list[File]()
        for file in files:
            source = runtime.sources[file.source]
            is_many = file.landing_key is None and isinstance(source, FetchesMany)
            (theirs if is_many else ours).append(file)
        coming += [(file, pool.submit(_fetch, runtime, file, folder)) for file in ours]
        coming += _together(runtime, theirs, folder, pool)
        for file, found in coming:
            if isinstance(found, Exception):
                yield file, found
                continue
            error = found.exception()
            if error is not None and not isinstance(error, Exception):
                raise error
            yield file, found.result() if error is None else error


def _together(
    runtime: Runtime, files: Sequence[File], folder: Path, pool: ThreadPoolExecutor
) -> Iterator[tuple[File, Future[Arrived] | Exception]]:
    """The files of a source that brings many at once."""
    if not files:
        return
    source = runtime.sources[files[0].source]
    assert isinstance(source, FetchesMany)
    by_item = {(file.item.key, file.item.version): file for file in files}
    for item, found in source.fetch_many([file.item for file in files], folder):
        file = by_item[item.key, item.version]
        if isinstance(found, Exception):
            yield file, found
        else:
            yield file, pool.submit(_land, runtime, found, None)


def _fetch(runtime: Runtime, file: File, folder: Path) -> Arrived:
    key, raw = file.landing_key, folder / f"{file.file_id}.raw"
    if key is not None and not runtime.storage.exists(key):
        key = None
    opened = runtime.storage.open(key) if key else runtime.sources[file.source].open(file.item)
    with opened as stream, raw.open("wb") as copy:
        shutil.copyfileobj(stream, copy, _COPY_BYTES)
    return _land(runtime, raw, key)


def _land(runtime: Runtime, raw: Path, key: str | None) -> Arrived:
    """The local copy in storage, where it may lie under its key already."""
    content = raw.read_bytes()
    sha256, is_new = hashlib.sha256(content).hexdigest(), False
    if key is None:
        key = storage_keys.landing(sha256)
        is_new = runtime.storage.put(key, raw, is_final=True)
    return Arrived(raw=raw, sha256=sha256, size=len(content), key=key, is_new=is_new)
