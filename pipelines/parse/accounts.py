"""Accounts: every record of a file counted, as its chunks go by."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from pipelines.parse.chunk import Chunk
from pipelines.parse.registry import reader_of
from pipelines.parse.unpack import members
from schemas.accounted import Accounted
from schemas.dialect import Dialect
from schemas.errors import DataError
from schemas.limits import Limits

_BLOCK = 1024 * 1024


class Accounts:
    """Adds up what chunks account for."""

    def __init__(self) -> None:
        self.accounted, self._span, self._ended = Accounted(), 0, False

    def over(self, chunks: Iterator[Chunk]) -> Iterator[Chunk]:
        """The same chunks, each counted as it goes by."""
        for chunk in chunks:
            self.accounted += replace(chunk.accounted, rows=chunk.rows)
            self._span += chunk.span
            yield chunk
        self._ended = True

    def complete(self) -> Accounted:
        """What became of every record, now that all have gone by.

        Raises RuntimeError if some are missing: that is a fault of ours, never of the file.
        """
        if not self.accounted.adds_up:
            raise RuntimeError(f"lines of the file are not accounted for: {self.accounted}")
        return self.accounted

    def given_up(
        self,
        path: Path,
        dialect: Dialect,
        limits: Limits,
        opened: Callable[[], BinaryIO] | None = None,
    ) -> Accounted:
        """What became of the records of a file that was given up part way. `opened` opens a text
        that is still coming."""
        if self._ended:
            return self.accounted
        total = _lines_in(path, dialect, limits, opened)
        if total is None:
            return replace(self.accounted, unread=None)
        unread = max(total - self._span, 0)
        return replace(self.accounted, lines=self.accounted.lines + unread, unread=unread)


def _lines_in(
    path: Path, dialect: Dialect, limits: Limits, opened: Callable[[], BinaryIO] | None
) -> int | None:
    """How many lines of text a file has; None where that cannot be said."""
    if not reader_of(dialect.format).traits.is_text:
        return None
    # Python puts a mark before text of UTF-16 and UTF-32, which is no part of the line's end.
    mark = len("".encode(dialect.encoding))
    end = (dialect.line_end or "\n").encode(dialect.encoding)[mark:]
    count, last = 0, b""
    try:
        with closing(members(path, dialect.members, limits, opened)) as found:
            for member in found:
                while block := member.stream.read(_BLOCK):
                    count += block.count(end)
                    last = block[-len(end) :]
                count += bool(last) and last != end
                last = b""
    except DataError:
        return None
    return count
