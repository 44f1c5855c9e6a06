"""File span: some bytes of a local file, read as a file of their own."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any


class FileSpan(io.RawIOBase):
    """The bytes of a file from one to another."""

    def __init__(self, path: Path, start: int, end: int) -> None:
        self._file, self._left = path.open("rb", buffering=0), end - start
        self._file.seek(start)

    def readable(self) -> bool:
        """Always: it is for reading."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Read into a buffer, at most to the end of the span; 0 there."""
        size = self._file.readinto(memoryview(buffer)[: self._left])
        self._left -= size
        return size

    def close(self) -> None:
        """Close the file too."""
        self._file.close()
        super().close()
