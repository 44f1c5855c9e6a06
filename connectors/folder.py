"""FolderSource: files that arrive in a local or mounted folder."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import batched
from pathlib import Path
from typing import BinaryIO

from pydantic import BaseModel, ConfigDict, Field

from connectors.match import compile_match, is_ours
from schemas.errors import AccessDeniedError, ConfigError, ItemChangedError, RetryableError
from schemas.item import Item, Page
from schemas.receipt import Answer

_UNFINISHED = (".tmp", ".part", ".crdownload", ".filepart")


class FolderConfig(BaseModel):
    """A folder to look into."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Path
    settle_seconds: float = Field(default=2, ge=0)
    """A file that changed this recently may still be being written, and is not listed yet."""
    receipts_folder: Path | None = None
    """Answers go below it instead of beside the drop."""
    move_to: Path | None = None
    """Originals move below it once they are acknowledged."""


class FolderSource:
    """Lists, reads and answers files of one folder (protocol `Source`). Links that lead out of
    the folder are not followed."""

    def __init__(self, config: FolderConfig) -> None:
        self._config = config
        self._root = config.path.resolve()

    def list(self, match: str, cursor: str | None) -> Iterator[Page]:
        """Pages of matching files; `cursor` is not used, a listing is whole."""
        pattern = compile_match(match)
        with self._translated():
            for paths in batched(self._walk(self._root), 1000, strict=False):
                found = (self._item(path) for path in paths if pattern.match(self._key(path)))
                yield Page(items=tuple(item for item in found if item is not None))

    def _walk(self, folder: Path) -> Iterator[Path]:
        apart = [each for each in (self._config.receipts_folder, self._config.move_to) if each]
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
            path = Path(entry.path)
            if entry.name.startswith(".") or path in apart:
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from self._walk(path)
            elif entry.is_file() and self._wanted(path):
                yield path

    def _wanted(self, path: Path) -> bool:
        """Whether a file is finished, not ours, and really below the folder."""
        if path.name.endswith(_UNFINISHED) or is_ours(path.name):
            return False
        return path.resolve().is_relative_to(self._root)

    def _item(self, path: Path) -> Item | None:
        try:
            found = path.stat()
        except FileNotFoundError:
            return None
        if time.time() - found.st_mtime < self._config.settle_seconds:
            return None
        return Item(
            key=self._key(path),
            version=_version(found),
            name=path.name,
            sent_at=datetime.fromtimestamp(found.st_mtime, UTC),
            size=found.st_size,
        )

    def _key(self, path: Path) -> str:
        return path.relative_to(self._root).as_posix()

    def _path(self, key: str) -> Path:
        """The file of a key; raises ItemChangedError for one that leads out of the folder."""
        path = (self._root / key).resolve()
        if not path.is_relative_to(self._root):
            raise ItemChangedError(f"{key} leads out of the folder")
        return path

    @contextmanager
    def open(self, item: Item) -> Iterator[BinaryIO]:
        """Stream that very version; raises ItemChangedError if the file is not the same, before or
        after it was read."""
        with self._translated(item.key), self._path(item.key).open("rb") as stream:
            self._same(item, os.fstat(stream.fileno()))
            yield stream
            self._same(item, os.stat(self._path(item.key)))

    def _same(self, item: Item, found: os.stat_result) -> None:
        if _version(found) != item.version:
            raise ItemChangedError(f"{item.key} was overwritten while it was read")

    def acknowledge(self, item: Item, answer: Answer) -> None:
        """Write the answer's documents, each whole or not at all; then move the original if the
        configuration says so."""
        folder = self._config.receipts_folder or self._root
        with self._translated(item.key):
            for document in answer.documents:
                target = folder / f"{item.key}{document.suffix}"
                target.parent.mkdir(parents=True, exist_ok=True)
                unfinished = target.with_name(f".{target.name}.tmp")
                shutil.copyfile(document.path, unfinished)
                unfinished.replace(target)
            if self._config.move_to:
                self._move(item, self._config.move_to / item.key)

    def _move(self, item: Item, target: Path) -> None:
        path = self._path(item.key)
        if path.exists() and _version(path.stat()) == item.version:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(path, target)

    def check(self) -> str:
        """Look into the folder and name it."""
        with self._translated():
            next(os.scandir(self._root), None)
        return f"folder {self._root}"

    @contextmanager
    def _translated(self, key: str = "") -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            if key:
                raise ItemChangedError(f"{key} was removed while it was read") from error
            raise ConfigError(f"there is no folder {self._root}") from error
        except PermissionError as error:
            raise AccessDeniedError(
                f"{error.filename}: this user may not", hint="give it the right to read and write"
            ) from error
        except OSError as error:
            raise RetryableError(f"{self._root}: {error}") from error


def _version(found: os.stat_result) -> str:
    return f"{found.st_mtime_ns}:{found.st_size}"
