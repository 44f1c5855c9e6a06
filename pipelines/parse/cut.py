"""Cutting a large text into parts that end where records do: each can be read by itself."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from pathlib import Path

from pipelines.parse.records import count_of, well_formed
from pipelines.parse.text import Blocks, Disguise
from schemas.dialect import Dialect, Format
from schemas.errors import DataError

_LF = 10
_MOST_PARTS = 64
_BLOCK_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Part:
    """The bytes from `start` to `end` of a text, which begin with a record on `line` (from 1). The
    header is in part 0."""

    number: int
    start: int
    end: int
    line: int


def cut(path: Path, dialect: Dialect, part_bytes: int) -> tuple[Part, ...]:
    """Parts of equal size, about that many bytes or, of a very large text, more: 64 at most. None
    for a text that cannot be cut with certainty.

    Such is one that is not UTF-8, that has escapes, comments, a footer or unusual line ends, or in
    which a quote stands where none belongs: there only who reads from the top knows the records.
    """
    disguise = Disguise.of(dialect)
    if disguise.is_needed or not _can_be_cut(dialect):
        return ()
    size = path.stat().st_size
    parts = min(max(1, round(size / part_bytes)), _MOST_PARTS)
    with path.open("rb") as stream:
        at = 3 if stream.read(3) == codecs.BOM_UTF8 else 0
        stream.seek(0)
        starts, line = [(0, 1)], 1
        try:
            for block in Blocks(stream, dialect, disguise, min(part_bytes, _BLOCK_BYTES)):
                # A part never begins with what could be the mark of an encoding.
                if at * parts >= len(starts) * size and block[0] < 0x80:
                    starts.append((at, line))
                if not well_formed(block, dialect, dialect.delimiter):
                    return ()
                at, line = at + len(block), line + count_of(block, _LF)
        except DataError:
            return ()
    ends = [*(start for start, _ in starts[1:]), size]
    return tuple(
        Part(number, start, end, line)
        for number, ((start, line), end) in enumerate(zip(starts, ends, strict=True))
    )


def _can_be_cut(dialect: Dialect) -> bool:
    return (
        dialect.format is Format.DELIMITED
        and codecs.lookup(dialect.encoding).name in ("utf-8", "utf-8-sig", "ascii")
        and not (dialect.escape or dialect.comment or dialect.footer)
    )
