"""What a file of a folder is: its version, its bytes, and how an answer is written beside it."""

from __future__ import annotations

import io
import logging
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from connectors.private_files import share_like
from schemas.errors import ItemChangedError, RetryableError
from schemas.item import Item
from schemas.left_document import LeftDocument
from schemas.receipt import Document

log = logging.getLogger(__name__)

BUFFER_BYTES = 1024 * 1024


class DropFile(io.FileIO):
    """A file whose faults are ours."""

    def readinto(self, buffer: Any, /) -> int | None:
        """Fill the buffer; raises RetryableError if the disk or the mount fails."""
        try:
            return super().readinto(buffer)
        except OSError as error:
            raise RetryableError(f"{self.name}: {error}") from error


def check_version(item: Item, file: io.FileIO) -> None:
    """Raise ItemChangedError unless the file is still that version of the item."""
    found = os.fstat(file.fileno())
    # Not the third time: a new link or other rights change it, and not the bytes.
    if content_of(found).split(":") != item.version.split(":")[:2]:
        raise ItemChangedError(f"{item.key} was overwritten")


def content_of(found: os.stat_result) -> str:
    """What tells a file's bytes from others, unless somebody has set the clock back."""
    return f"{found.st_mtime_ns}:{found.st_size}"


def version_of(found: os.stat_result) -> str:
    """The same, and when the file came to its name."""
    return f"{content_of(found)}:{found.st_ctime_ns}"


def below(folder: Path, key: str) -> Path:
    """The path of a key; raises ItemChangedError for a key that no listing could have made."""
    if key.startswith("/") or "\x00" in key or ".." in key.split("/"):
        raise ItemChangedError(f"{key!r} is not a file of this folder")
    return folder / key


def between(root: Path, path: Path) -> Iterator[Path]:
    """The folders on the way from the root to a path, without both."""
    for each in path.parents:
        if each == root:
            return
        yield each


def is_text(path: Path) -> bool:
    """Whether the name is UTF-8, as the ledger needs it; says so in the log if not."""
    try:
        path.name.encode("utf-8")
    except UnicodeEncodeError:
        log.warning("%r is left out: its name is not UTF-8; rename it", os.fsencode(path))
        return False
    return True


def remove_same(target: Path, left: LeftDocument, instead: bytes) -> bool:
    """Remove a file that has the very bytes that were left, or write over it where none may be
    removed; whether it had them. Where it may not even be read or written, it stays."""
    try:
        with target.open("rb") as found:
            if not left.is_in(found):
                return False
        try:
            target.unlink(missing_ok=True)
        except PermissionError:
            target.write_bytes(instead)
    except FileNotFoundError:
        return False  # somebody was quicker
    except PermissionError:
        log.warning("%r is stale, and may not be removed", os.fsencode(target))
        return False
    return True


def write_document(document: Document, target: Path, drop: Path) -> None:
    """Copy a document to a path that nobody sees before it is complete, for those who may read the
    drop that it answers."""
    unfinished = target.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        # Mode x never writes through a link that somebody has put there.
        with document.path.open("rb") as content, unfinished.open("xb") as copy:
            shutil.copyfileobj(content, copy, BUFFER_BYTES)
        share_like(unfinished, drop)
        unfinished.replace(target)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
