"""UploadsSource: files that people and programs send us directly, from where they are stored."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import BinaryIO

from connectors.protocols import Storage
from schemas import storage_keys
from schemas.errors import ItemChangedError
from schemas.item import Item, Page
from schemas.receipt import Answer


class UploadsSource:
    """Reads what was uploaded (protocol `Source`). Nothing is found here by listing: an upload is
    written into the ledger as it comes, and its version is the upload's id. No feed's `match` is
    asked; whoever uploads names the feed. Receipts are read from the ledger by whoever asks."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def list(self, match: str, cursor: str | None, since: datetime | None = None) -> Iterator[Page]:
        """Nothing: what is here is known already."""
        yield from ()

    def matches(self, match: str, item: Item) -> bool:
        """Never: an upload is of the feed that it was sent to, and of no other."""
        return False

    @contextmanager
    def open(self, item: Item) -> Iterator[BinaryIO]:
        """Stream what was sent; raises ItemChangedError once it is cleaned away."""
        try:
            opened = self._storage.open(storage_keys.uploaded(item.version))
            stream = opened.__enter__()
        except FileNotFoundError:
            raise ItemChangedError(f"{item.key} is not kept any more; send it again") from None
        try:
            yield stream
        finally:
            opened.__exit__(None, None, None)

    def acknowledge(self, item: Item, answer: Answer) -> None:
        """Nothing: who has sent it asks for the receipt."""

    @property
    def moves(self) -> bool:
        """Always: what was landed need not be kept twice."""
        return True

    def finish(self, item: Item) -> None:
        """Remove what was sent, once the same bytes are landed."""
        sha256 = item.detail.get("sha256")
        if sha256 is not None and self._storage.exists(storage_keys.landing(sha256)):
            self._storage.delete(storage_keys.uploaded(item.version))

    def is_past(self, cursor: str | None, item: Item) -> bool:
        """True: no listing brings it."""
        return True

    def forget(self, item: Item, mark: str = "") -> int:
        """Nothing was left for anybody."""
        return 0

    def check(self) -> str:
        """Where uploads are kept; that storage answers is checked there."""
        return f"uploads, kept in {self._storage.uri(storage_keys.UPLOADED)}"
