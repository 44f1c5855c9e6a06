"""FolderSource: files that arrive in a local or mounted folder."""

from __future__ import annotations

import io
import os
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import batched
from pathlib import Path
from typing import BinaryIO, Literal

from pydantic import BaseModel, ConfigDict, Field

from connectors.copies import copied
from connectors.folder_files import (
    BUFFER_BYTES,
    DropFile,
    below,
    between,
    check_version,
    content_of,
    is_text,
    remove_same,
    version_of,
    write_document,
)
from connectors.folder_watch import news
from connectors.globs import OurAnswers, matches
from connectors.paths import LocalPath
from connectors.private_files import shared_folder
from schemas.errors import (
    AccessDeniedError,
    AwayError,
    ConfigError,
    ItemChangedError,
    WaybillError,
)
from schemas.item import Hint, Item, Left, Page
from schemas.left_document import LeftDocument
from schemas.receipt import DOCUMENTS, Answer

_PAGE_ITEMS = 1000


class FolderConfig(BaseModel):
    """A folder to look into."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: LocalPath
    """The folder's path."""
    recursive: bool = True
    """Whether to list its subfolders, too."""
    settle_seconds: float = Field(default=2, ge=0)
    """A file that changed this recently may still be being written, and is not listed yet."""
    receipts_folder: LocalPath | None = None
    """Receipts go below this prefix instead of beside the drop."""
    watch: bool | Literal["poll"] = True
    """Whether `waybill watch` takes in files as they arrive. The operating system reports new
    files, but not those that another machine puts on a network file system: for these, `poll` looks
    every second."""


class FolderSource:
    """Lists, reads and answers the files of one folder (protocol `Source`).

    An item's version is the time of the file's last writing, its size, and the time at which it
    came to its name: an older file that is moved back into place is a version of its own. Hidden
    and half-written files are left out, and so is whatever a symbolic link reaches outside the
    folder.
    """

    def __init__(self, config: FolderConfig) -> None:
        self._config = config
        self._root = config.path.resolve()
        self._receipts = (config.receipts_folder or config.path).resolve()

    def list(self, match: str, cursor: str | None, since: datetime | None = None) -> Iterator[Page]:
        """Pages of at most 1,000 matching files; `cursor` is not used, a listing is whole."""
        with self._translating():
            paths = (
                path for path in self._walk(self._root, deque()) if matches(match, self._key(path))
            )
            settled = (item for path in paths if (item := self._item(path)) is not None)
            wanted = (item for item in settled if since is None or item.sent_at >= since)
            for items in batched(wanted, _PAGE_ITEMS, strict=False):
                yield Page(items=items)

    def matches(self, match: str, item: Item) -> bool:
        """Whether the glob matches the file's whole path below the folder."""
        return matches(match, item.key)

    def survey(self) -> Iterator[Page]:
        """Pages of all files (protocol `Surveyed`), and of what is left out for its name or for
        where it leads."""
        odd: deque[Left] = deque(maxlen=_PAGE_ITEMS)
        with self._translating():
            paths = self._walk(self._root, odd)
            settled = (item for path in paths if (item := self._item(path)) is not None)
            for items in batched(settled, _PAGE_ITEMS, strict=False):
                yield Page(items=items)
        yield Page(items=(), left=tuple(odd))

    def _walk(self, folder: Path, odd: deque[Left]) -> Iterator[Path]:
        """The files worth a look, by name; what is none goes to `odd`. A link to a folder is never
        followed."""
        answers = OurAnswers()
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
        for entry in entries:
            path = folder / entry.name
            if entry.name.startswith("."):
                continue
            if not is_text(path):
                odd.append(self._left(path, "ODD_NAME"))
                continue
            if entry.is_dir(follow_symlinks=False):
                if self._config.recursive and path != self._receipts:
                    yield from self._walk(path, odd)
            elif entry.is_file() and not answers.has(entry.name):
                if path.resolve().is_relative_to(self._root):
                    yield path
                else:
                    odd.append(self._left(path, "UNREADABLE"))

    def watches(self, stop: threading.Event) -> Iterator[Iterator[Sequence[Hint] | None]]:
        """What changes in the folder, once it has settled (protocol `Watched`)."""
        if self._config.watch:
            yield news(
                self._root,
                stop,
                settle_seconds=self._config.settle_seconds,
                is_recursive=self._config.recursive,
                is_polled=self._config.watch == "poll",
            )

    @property
    def full_listing(self) -> timedelta | None:
        """None: a folder is listed on schedule, too, which costs little (protocol `Hinted`)."""
        return None

    def hinted(self, hints: Sequence[Hint]) -> Iterator[tuple[Hint, Item | WaybillError | None]]:
        """Each hint with the file that it names, as the listing has it (protocol `Hinted`)."""
        with self._translating():
            for hint in hints:
                path = self._root / hint.key
                yield hint, self._item(path) if self._is_listed(path) else None

    def _is_listed(self, path: Path) -> bool:
        """Whether the listing comes to that file."""
        *folders, name = path.relative_to(self._root).parts
        answers = OurAnswers()
        for suffix in DOCUMENTS[:-1]:
            receipt = path.with_name(f"{name.removesuffix(DOCUMENTS[-1])}{suffix}")
            if name.endswith(DOCUMENTS[-1]) and receipt.is_file():
                answers.has(receipt.name)
        return (
            path.is_file()
            and (self._config.recursive or not folders)
            and not any(each.startswith(".") for each in (*folders, name))
            and not any(
                each == self._receipts or each.is_symlink() for each in between(self._root, path)
            )
            and not answers.has(name)
            and path.resolve().is_relative_to(self._root)
        )

    def heed(self, hints: Sequence[Hint]) -> None:
        """Nothing: what was told is told once, and the listing brings all else."""

    def _left(self, path: Path, why: str) -> Left:
        key = os.fsencode(self._key(path)).decode("utf-8", "replace")
        found = path.lstat()
        moment = datetime.fromtimestamp(found.st_mtime, UTC)
        item = Item(
            key=key, version="", name=key.rpartition("/")[2], sent_at=moment, size=found.st_size
        )
        return Left(item, why)

    def _item(self, path: Path) -> Item | None:
        """The file as an item; None if it is gone, or not yet settled."""
        try:
            found = path.stat()
        except FileNotFoundError:
            return None
        # Not st_mtime: a copy may set that to what it was at the original.
        if time.time() - found.st_ctime < self._config.settle_seconds:
            return None
        return Item(
            key=self._key(path),
            version=version_of(found),
            name=path.name,
            sent_at=datetime.fromtimestamp(found.st_mtime, UTC),
            size=found.st_size,
            formerly=content_of(found),
        )

    def _key(self, path: Path) -> str:
        return path.relative_to(self._root).as_posix()

    @contextmanager
    def open(self, item: Item) -> Iterator[BinaryIO]:
        """Stream that very version; raises ItemChangedError if the file was changed before or
        while it was read."""
        with self._translating(item.key):
            path = below(self._root, item.key).resolve()
            if not path.is_relative_to(self._root):
                raise ItemChangedError(f"{item.key} leads out of the folder now")
            file = DropFile(path)
        with io.BufferedReader(file, BUFFER_BYTES) as stream:
            check_version(item, file)
            yield stream
            check_version(item, file)

    def fetch_many(
        self, items: Sequence[Item], folder: Path
    ) -> Iterator[tuple[Item, Path | WaybillError]]:
        """Each item with a copy or its error (protocol `FetchesMany`)."""
        for item in items:
            try:
                yield item, copied(self.open, item, folder)
            except WaybillError as error:
                yield item, error

    def acknowledge(self, item: Item, answer: Answer) -> None:
        """Write the answer's documents beside the drop, or below `receipts_folder`: each appears
        whole or not at all. The original stays where it is."""
        with self._translating():
            for document in answer.documents:
                target = below(self._receipts, f"{item.key}{document.suffix}")
                if not target.parent.resolve().is_relative_to(self._receipts):
                    raise ItemChangedError(f"{item.key} leads out of the folder now")
                shared_folder(target.parent)
                write_document(document, target, below(self._root, item.key))

    @property
    def moves(self) -> bool:
        """Never: originals stay where they are."""
        return False

    def finish(self, item: Item) -> None:
        """Nothing: the original stays where it is."""

    def is_past(self, cursor: str | None, item: Item) -> bool:
        """True: a listing is always whole, and the ledger knows what a feed has seen of it."""
        return True

    def forget(self, item: Item, mark: str = "") -> int:
        """Remove the item's receipts, whose names have that mark; how many there were."""
        gone = 0
        with self._translating():
            # The receipt last: by it, the rejected rows beside it are told to be ours.
            for suffix in reversed(DOCUMENTS):
                target = below(self._receipts, f"{item.key}{mark}{suffix}")
                if target.parent.resolve().is_relative_to(self._receipts) and target.is_file():
                    target.unlink(missing_ok=True)
                    gone += 1
        return gone

    def withdraw(self, item: Item, left: LeftDocument, instead: bytes) -> bool:
        """Remove a document that lies there as it was left (protocol `Withdraws`)."""
        with self._translating():
            target = below(self._receipts, f"{item.key}{left.suffix}")
            if target.is_symlink() or not target.parent.resolve().is_relative_to(self._receipts):
                return False
            return target.is_file() and remove_same(target, left, instead)

    def check(self) -> str:
        """Look into the folder and name it."""
        with self._translating():
            with os.scandir(self._root) as found:
                next(found, None)
            if self._receipts.exists() and not os.access(self._receipts, os.W_OK):
                raise AccessDeniedError(
                    f"{self._receipts}: no answer can be written there",
                    hint="give this user the right to write, or set receipts_folder",
                )
        return f"folder {self._root}"

    @contextmanager
    def _translating(self, key: str = "") -> Iterator[None]:
        """Turn the system's errors into ours; `key` is the file that was asked for, if any."""
        try:
            yield
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            if key:
                raise ItemChangedError(f"{key} was removed") from error
            raise ConfigError(
                f"there is no folder {error.filename or self._root}",
                hint="create it, mount it, or correct `path`",
            ) from error
        except PermissionError as error:
            raise AccessDeniedError(
                f"{error.filename or self._root}: this user may not",
                hint="give it the right to read and write there",
            ) from error
        except OSError as error:
            raise AwayError(f"{self._root}: {error}") from error
