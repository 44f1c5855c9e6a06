"""Retry: one file, or several, sent on their way again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.operations.acts import acting
from pipelines.runtime import Runtime
from schemas.errors import ConflictError
from schemas.file import File


@dataclass(frozen=True, slots=True)
class Retried:
    """The files that are on their way again, and what was left as it is, with the reason."""

    again: tuple[File, ...]
    left: tuple[tuple[File, str], ...]


def retry(runtime: Runtime, file: File, *, may_lose: bool = False) -> File:
    """Send a file on its way again, from its landed bytes; `may_lose` lets it replace rows over
    others that cannot come back. Raises ConflictError for one that is still on its way."""
    with acting(runtime, "retry", "file", file.file_id, file.feed) as told:
        told.before = {"status": str(file.status), "outcome": file.outcome and str(file.outcome)}
        try:
            again = runtime.ledger.files.retry(file.file_id, may_lose=may_lose)
        except ValueError as error:
            raise ConflictError(str(error)) from error
        told.after = {"status": str(again.status), "may_lose": may_lose}
    return again


def retry_files(runtime: Runtime, files: Sequence[File], *, may_lose: bool = False) -> Retried:
    """Send files on their way again; those that cannot go are left as they are, and named. Safe to
    repeat."""
    again: list[File] = []
    left: list[tuple[File, str]] = []
    for file in files:
        try:
            again.append(retry(runtime, file, may_lose=may_lose))
        except ConflictError as error:
            left.append((file, error.message))
    return Retried(tuple(again), tuple(left))
