"""Growing file: a local file that can be read while it is still being written."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Condition
from typing import Any, BinaryIO

_BUFFER_BYTES = 1024 * 1024


class GrowingFile:
    """Written once by one thread; readers block until the bytes they need exist."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._size, self._ended = 0, False
        self._error: BaseException | None = None
        self._news = Condition()

    @contextmanager
    def filled(self) -> Iterator[Callable[[bytes], None]]:
        """Yields how to append to the file, which is whole when the block is left. An error that
        leaves the block is raised for its readers too."""
        try:
            with self.path.open("wb") as out:

                def write(block: bytes) -> None:
                    out.write(block)
                    out.flush()
                    self._tell(len(block))

                yield write
        except BaseException as error:
            self._tell(0, error)
            raise
        self._tell(0, ended=True)

    def open(self) -> BinaryIO:
        """The file from its first byte on; a read waits until its bytes have come."""
        self.await_past(0)
        return io.BufferedReader(_Reader(self), _BUFFER_BYTES)

    def await_past(self, place: int) -> int:
        """How many bytes have come, once these are more than `place` or all."""
        with self._news:
            self._news.wait_for(
                lambda: self._size > place or self._ended or self._error is not None
            )
            if self._error is not None:
                raise self._error
            return self._size

    def _tell(self, more: int, error: BaseException | None = None, ended: bool = False) -> None:
        with self._news:
            self._size += more
            self._error, self._ended = error, ended
            self._news.notify_all()


class _Reader(io.RawIOBase):
    """Reads what has come of a file, and waits for what has not."""

    def __init__(self, arriving: GrowingFile) -> None:
        self.name = str(arriving.path)
        self._arriving = arriving
        self._file = arriving.path.open("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        place = self._file.tell()
        come = self._arriving.await_past(place)
        return self._file.readinto(memoryview(buffer)[: come - place])

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._file.tell()

    def seek(self, place: int, whence: int = io.SEEK_SET, /) -> int:
        if whence == io.SEEK_END:
            raise io.UnsupportedOperation("where the end will be is not known yet")
        return self._file.seek(place, whence)

    def close(self) -> None:
        self._file.close()
        super().close()
