"""Landing lock: keeps a raw file from being removed while it is landed again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines.runtime import Runtime
from schemas.errors import BusyError
from schemas.file import File

LOCK_SECONDS = 120.0


@contextmanager
def protect_landing(runtime: Runtime, file: File, raw: Path) -> Iterator[None]:
    """While the block tells the ledger of a file's landed bytes, nobody removes them, and they are
    there: put again from the local copy if a cleaning has just taken them.

    Where no other file refers to the bytes and nobody has locked them, no cleaning can be taking
    them, nor begin to: then no lock is needed. Raises BusyError when a cleaning does not let
    go of them.
    """
    key = file.landing_key
    if key is None:
        yield
        return
    if not runtime.ledger.history.landing_shared(key, file.file_id):
        _put_back(runtime, key, raw)
        yield
        return
    if not runtime.ledger.locks.take(key, runtime.owner, LOCK_SECONDS):
        raise BusyError(f"{file.item.name}: the same bytes are being cleaned just now")
    try:
        _put_back(runtime, key, raw)
        yield
    finally:
        runtime.ledger.locks.give_back(key, runtime.owner)


def _put_back(runtime: Runtime, key: str, raw: Path) -> None:
    """Make sure that the landed bytes are there."""
    if raw.exists() and not runtime.storage.exists(key):
        runtime.storage.put(key, raw)
