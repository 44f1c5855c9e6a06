"""A file as a whole: unpacked, read by the reader of its format, and tidied."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import BinaryIO

from pipelines.parse.chunk import Chunk, Parsed, without_rows
from pipelines.parse.kind import refuse_other
from pipelines.parse.prefetch import ahead
from pipelines.parse.reader import Given
from pipelines.parse.registry import reader_of
from pipelines.parse.tidy import tidied
from pipelines.parse.unpack import Member, members
from schemas.accounted import Accounted
from schemas.dialect import Dialect
from schemas.errors import DataError
from schemas.limits import Limits


@contextmanager
def parsed(
    path: Path,
    dialect: Dialect,
    limits: Limits,
    folder: Path,
    columns: Sequence[str] = (),
    opened: Callable[[], BinaryIO] | None = None,
    *,
    beside: bool = True,
) -> Iterator[Parsed]:
    """Read a file in bounded memory; the members of an archive follow each other.

    `columns` are the names for a file without a header, `folder` holds temporary copies, and
    `opened` opens a text that is still coming. The next chunk is read `beside` the one in hand, in
    a thread, which is not worth it for a small file. Raises DataError, also while the chunks are
    read, for a file that cannot be read as its dialect says.
    """
    with closing(members(path, dialect.members, limits, opened)) as found:
        read = _Read(path, dialect, limits, folder, columns)
        first = next(found)
        begun = read.member(first)

        def everything() -> Iterator[Chunk]:
            yield from _placed(begun.chunks, first)
            if first.others:
                yield without_rows(begun.names, Accounted(others=first.others))
            for member in found:
                more = read.member(member)
                if sorted(more.names) != sorted(begun.names):
                    raise DataError(
                        "{member}: its header is not that of {first}",
                        hint="pack files of one kind together",
                        member=member.name,
                        first=first.name,
                    )
                yield from _placed(more.chunks, member)

        if not beside:
            yield replace(begun, chunks=everything())
            return
        with ahead(everything()) as chunks:
            yield replace(begun, chunks=chunks)


def read_part(
    stream: BinaryIO, dialect: Dialect, block_bytes: int, top: Parsed, line: int
) -> Parsed:
    """The rows of a part of a text (`pipelines.parse.byte_ranges`) which begins on that line, below
    the header that was parsed before."""
    reader = reader_of(dialect.format)
    found = reader.read_part(stream, dialect, block_bytes, top, line)
    return replace(found, chunks=tidied(found.chunks, top.names, dialect, top.heads))


@dataclass(frozen=True, slots=True)
class _Read:
    path: Path
    dialect: Dialect
    limits: Limits
    folder: Path
    columns: Sequence[str]

    def member(self, member: Member) -> Parsed:
        """One member by the reader of its format."""
        reader = reader_of(self.dialect.format)
        # A workbook in an archive is told from a zip when it is opened.
        if not (reader.traits.is_sheet and member.name is not None):
            refuse_other(member.kind, reader.traits.kinds, reader.traits.said, member.name)
        found = reader.read(
            Given(
                member.stream,
                partial(self._local, member, as_it_is=reader.traits.is_sheet),
                self.dialect,
                self.limits,
                self.columns,
            )
        )
        chunks = tidied(found.chunks, found.names, self.dialect, found.heads)
        return replace(found, chunks=chunks)

    def _local(self, member: Member, *, as_it_is: bool) -> Path:
        """The member as a file of its own: some formats are read from their end."""
        is_named = isinstance(getattr(member.stream, "name", None), str)
        if member.name is None and (as_it_is or is_named):
            return self.path
        path = self.folder / "member"
        with path.open("wb") as copy:
            shutil.copyfileobj(member.stream, copy, 1024 * 1024)
        return path


def _placed(chunks: Iterator[Chunk], member: Member) -> Iterator[Chunk]:
    if member.name is None:
        yield from chunks
        return
    for chunk in chunks:
        yield chunk.in_member(member.number, member.name)
