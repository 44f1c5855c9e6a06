"""A file as a whole: unpacked, read by the reader of its format, and tidied."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from pipelines.parse.chunk import Chunk, Parsed, without_rows
from pipelines.parse.delimited import read_delimited
from pipelines.parse.jsonl import read_jsonl
from pipelines.parse.kind import refuse_other
from pipelines.parse.parquet import read_parquet
from pipelines.parse.prefetch import ahead
from pipelines.parse.tidy import tidied
from pipelines.parse.unpack import Member, members
from pipelines.parse.workbook import read_workbook
from schemas.accounted import Accounted
from schemas.dialect import Dialect, Format
from schemas.errors import DataError
from schemas.limits import Limits


@contextmanager
def parsed(
    path: Path,
    dialect: Dialect,
    limits: Limits,
    folder: Path,
    columns: Sequence[str] = (),
    language: str = "en",
    opened: Callable[[], BinaryIO] | None = None,
) -> Iterator[Parsed]:
    """Read a file in bounded memory; the members of an archive follow each other.

    `columns` are the names for a file without a header, `folder` holds temporary copies,
    `language` is the one in which bad rows are explained, and `opened` opens a text that is still
    coming. Raises DataError, also while the chunks
    are read, for a file that cannot be read as its dialect says.
    """
    with closing(members(path, dialect.members, limits, opened)) as found:
        read = _Read(path, dialect, limits, folder, columns, language)
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

        with ahead(everything()) as chunks:
            yield replace(begun, chunks=chunks)


@dataclass(frozen=True, slots=True)
class _Read:
    path: Path
    dialect: Dialect
    limits: Limits
    folder: Path
    columns: Sequence[str]
    language: str

    def member(self, member: Member) -> Parsed:
        """One member by the reader of its format."""
        dialect = self.dialect
        if member.name is not None and dialect.format is Format.EXCEL:
            return self._workbook(self._local(member))
        refuse_other(member.kind, dialect.format, member.name)
        match dialect.format:
            case Format.EXCEL:
                return self._workbook(self.path)
            case Format.PARQUET:
                found = Parsed(*read_parquet(self._local(member), dialect))
            case Format.JSONL:
                found = Parsed(*read_jsonl(member.stream, dialect, self.columns, self.language))
            case _:
                found = read_delimited(
                    member.stream, dialect, self.limits.block_bytes, self.columns, self.language
                )
        return self._tidied(found)

    def _workbook(self, path: Path) -> Parsed:
        most = self.limits.workbook_bytes
        found = read_workbook(path, self.dialect, most, self.columns, self.language)
        return self._tidied(found)

    def _tidied(self, found: Parsed) -> Parsed:
        chunks = tidied(found.chunks, found.names, self.dialect, found.heads, self.language)
        return replace(found, chunks=chunks)

    def _local(self, member: Member) -> Path:
        """The member as a file of its own: some formats are read from their end."""
        if member.name is None and isinstance(getattr(member.stream, "name", None), str):
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
