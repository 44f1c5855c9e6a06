"""Cutting a large text into parts that end where records do: each can be read by itself."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from pipelines.parse.records import count_of, well_formed
from pipelines.parse.registry import reader_of
from pipelines.parse.text import Blocks, DelimiterSubstitution
from schemas.dialect import Dialect
from schemas.errors import DataError

_LF = 10
_BLOCK_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Part:
    """The bytes from `start` to `end` of a text, which begin with a record on `line` (from 1). The
    header is in part 0."""

    number: int
    start: int
    end: int
    line: int


class CannotBeCutError(Exception):
    """Only who reads this text from its top knows where its records begin."""


def cut(stream: BinaryIO, dialect: Dialect, part_bytes: int) -> Iterator[Part]:
    """Parts of a text of about that many bytes, each as soon as its end was read.

    Raises CannotBeCutError where a quote stands in a place where none belongs, and at once for a
    text that is not UTF-8, or has escapes, comments, a footer or unusual line ends.
    """
    substitution = DelimiterSubstitution.of(dialect)
    by = reader_of(dialect.format).cut_by(dialect)
    if substitution.is_needed or by is None:
        raise CannotBeCutError
    at = 3 if stream.read(3) == codecs.BOM_UTF8 else 0
    stream.seek(0)
    start, number, line, first = 0, 0, 1, 1
    try:
        for block in Blocks(stream, by, substitution, min(part_bytes, _BLOCK_BYTES)):
            # A part never begins with what could be the mark of an encoding.
            if at - start >= part_bytes and block[0] < 0x80:
                yield Part(number, start, at, first)
                start, number, first = at, number + 1, line
            if not well_formed(block, by, by.delimiter):
                raise CannotBeCutError
            at, line = at + len(block), line + count_of(block, _LF)
    except DataError as error:
        raise CannotBeCutError from error
    yield Part(number, start, stream.tell(), first)
