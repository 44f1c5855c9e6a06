"""Unpack: the text inside a compressed file, without ever holding all of it."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from schemas.errors import DataError

_MAGIC: dict[bytes, Callable[..., Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ": lzma.open,
}
_BROKEN = (OSError, EOFError, zlib.error, lzma.LZMAError)


@contextmanager
def unpacked(path: Path, limit: int) -> Iterator[BinaryIO]:
    """Open a file as plain bytes: gz, bz2 and xz are told by their first bytes, not their name.

    Raises DataError, while reading, for a damaged archive and past `limit` unpacked bytes (a
    small file may unpack to terabytes).
    """
    with path.open("rb") as start:
        head = start.read(6)
    opener = next((opened for magic, opened in _MAGIC.items() if head.startswith(magic)), None)
    if opener is None:
        with path.open("rb") as plain:
            yield plain
        return
    with opener(path, "rb") as stream:
        yield cast(BinaryIO, _Bounded(stream, limit))


class _Bounded(io.RawIOBase):
    """A stream that refuses to give more than `limit` bytes."""

    def __init__(self, stream: BinaryIO, limit: int) -> None:
        self._stream, self._left = stream, limit

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        try:
            block = self._stream.read(size)
        except _BROKEN as error:
            raise DataError(
                f"the compressed file is damaged: {error}", hint="make the archive again and resend"
            ) from error
        self._left -= len(block)
        if self._left < 0:
            raise DataError("the file unpacks to more than limits.file_bytes allows")
        return block
