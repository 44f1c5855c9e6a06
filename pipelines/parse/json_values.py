"""JSON values in a stream, one after the other, in bounded memory: of lines, of an array, or of
pretty-printed objects."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from itertools import chain
from typing import BinaryIO

from schemas.errors import DataError

LONGEST = 64 * 1024 * 1024
_BLOCK = 1024 * 1024
_TOKEN = re.compile(rb'["{}\[\],]')
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_BLANK = b" \t\r\n"


def json_values(stream: BinaryIO, *, is_cut: bool = False) -> Iterator[tuple[int, bytes]]:
    """The texts of the values and where each is: the line, where values are lines; otherwise its
    number, from 1. Blank lines come as they are.

    `is_cut` says that the stream is only the beginning of a file. Raises DataError for a value of
    64 MiB and for an array that is never closed.
    """
    lines = _lines(stream)
    above = []
    first = b""
    for line, text in lines:
        above.append((line, text))
        first = text.strip(_BLANK)
        if first:
            break
    begun = chain(above, lines)
    if first.startswith(b"["):
        return _elements(begun, is_cut)
    if first.startswith(b"{") and not _is_whole(first):
        second = next(lines, None)
        while second is not None and not second[1].strip(_BLANK):
            above.append(second)
            second = next(lines, None)
        begun = chain(above, [second] if second is not None else [], lines)
        if second is not None and second[1].lstrip(_BLANK)[:1] in (b'"', b"}"):
            return _objects(begun)
    return begun


def _is_whole(text: bytes) -> bool:
    try:
        json.loads(text)
    except ValueError as error:
        # Several values on one line are whole ones.
        return "Extra data" in str(error)
    except RecursionError:
        return True
    return True


def _lines(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    line = 0
    while text := stream.readline(LONGEST):
        line += 1
        if len(text) == LONGEST:
            raise DataError("line {line} is longer than {most:,} bytes", line=line, most=LONGEST)
        yield line, text.removeprefix(codecs.BOM_UTF8) if line == 1 else text


def _elements(lines: Iterator[tuple[int, bytes]], is_cut: bool) -> Iterator[tuple[int, bytes]]:
    """The elements of an array."""
    number, closed = 0, False
    for text, ends in _parts(lines, base=1):
        closed = closed or ends
        if text.strip(_BLANK):
            number += 1
            yield number, text.strip(_BLANK)
    if not closed and not is_cut:
        raise DataError(
            "the JSON array is never closed: the file seems to be cut off",
            hint="send the whole file again",
        )


def _objects(lines: Iterator[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    """Objects that go over several lines."""
    number = 0
    for text, _ in _parts(lines, base=0):
        if text.strip(_BLANK):
            number += 1
            yield number, text.strip(_BLANK)


def _parts(lines: Iterator[tuple[int, bytes]], base: int) -> Iterator[tuple[bytes, bool]]:
    """What stands between the commas of an array (`base` 1), or each value of several (0); and
    whether the array ends behind it."""
    rest, at, depth, start = b"", 0, 0, 0
    for block in _blocks(lines):
        rest = rest[start:] + block
        at, start = at - start, 0
        if len(rest) > LONGEST:
            raise DataError("a JSON value is longer than {most:,} bytes", most=LONGEST)
        while found := _TOKEN.search(rest, at):
            sign, at = found[0], found.end()
            if sign == b'"':
                text = _STRING.match(rest, found.start())
                if text is None:
                    at = found.start()
                    break
                at = text.end()
            elif sign in b"{[":
                depth += 1
                if base and depth == 1:
                    start = at
            elif sign in b"}]":
                depth -= 1
                if depth < base or (depth == 0 and not base):
                    yield rest[start : at - (1 if base else 0)], bool(base)
                    start = at
            elif depth == base and base:
                yield rest[start : at - 1], False
                start = at
    if rest[start:].strip(_BLANK):
        yield rest[start:], False


def _blocks(lines: Iterator[tuple[int, bytes]]) -> Iterator[bytes]:
    """The lines gathered into blocks of some size."""
    some, size = [], 0
    for _, text in lines:
        some.append(text)
        size += len(text)
        if size > _BLOCK:
            yield b"".join(some)
            some, size = [], 0
    yield b"".join(some)
