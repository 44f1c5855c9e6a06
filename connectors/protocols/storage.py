"""Storage: durable objects of our own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO, Protocol, runtime_checkable


class Storage(Protocol):
    """Durable objects of our own: landed files, staged Parquet, rejects. Keys are relative."""

    def put(
        self, key: str, path: Path, *, is_final: bool = False, spares_memory: bool = False
    ) -> bool:
        """Store a local file under a new key; False, and nothing written, if the key exists.

        One that `is_final` is not written to again, so that it need not be copied. Where
        it `spares_memory`, a large one may take longer."""

    def open(
        self, key: str, span: tuple[int, int] | None = None
    ) -> AbstractContextManager[BinaryIO]:
        """Stream an object, or the bytes of it from one to another; raises FileNotFoundError."""

    def exists(self, key: str) -> bool:
        """Whether an object has that key."""

    def list(self, prefix: str) -> Iterator[str]:
        """The keys below a prefix (a folder, with or without its closing slash)."""

    def delete(self, key: str) -> None:
        """Remove an object; quiet if it is not there."""

    def uri(self, key: str) -> str:
        """The object's full address: `file:///…`, `s3://…` or `gs://…`."""

    def check(self) -> str:
        """Write, read and remove a small object and say where."""


@runtime_checkable
class OffersParts(Protocol):
    """A storage that may let others put parts of objects there directly."""

    @property
    def parts(self) -> TakesParts | None:
        """What takes them; None where nothing does."""


class TakesParts(Protocol):
    """Objects that others put together from parts, by addresses that we sign."""

    def begin(self, key: str) -> str:
        """Begin an object; the id of its parts."""

    def part_url(self, key: str, parts_id: str, number: int, seconds: int) -> str:
        """The address to which one part is PUT within so many seconds."""

    def complete(self, key: str, parts_id: str, parts: Sequence[tuple[int, str]]) -> None:
        """Put the parts, by number and ETag, together. Raises ConflictError for parts that cannot
        be, or are together already."""

    def abort(self, key: str, parts_id: str) -> None:
        """Remove parts that were not put together; quiet if there are none."""

    def size(self, key: str) -> int:
        """How large the object is. Raises FileNotFoundError."""
