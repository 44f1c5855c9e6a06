"""A sample of a text: its beginning, and of a long one some of its middle and its end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

HEAD = 1024 * 1024
_PIECE = 256 * 1024
_FURTHEST = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Sample:
    """Bytes of a text. `pieces` were taken further on and start and end anywhere; `complete` says
    that `head` is all there is, `size` how long the text is (None: longer than was looked at)."""

    head: bytes
    pieces: tuple[bytes, ...]
    complete: bool
    size: int | None


def take_sample(stream: BinaryIO) -> Sample:
    """Up to 1 MB of the stream's beginning, and 256 KB each of its middle and its end.

    A stream that cannot seek is read through for at most 256 MB; memory stays bounded.
    """
    head = _exactly(stream, HEAD)
    if len(head) < HEAD:
        return Sample(head, (), True, len(head))
    if stream.seekable():
        return _by_seeking(stream, head)
    return _by_reading(stream, head)


def _by_seeking(stream: BinaryIO, head: bytes) -> Sample:
    size = stream.seek(0, 2)
    if size <= HEAD + 2 * _PIECE:
        stream.seek(HEAD)
        return Sample(head + _exactly(stream, size - HEAD), (), True, size)
    pieces = []
    # UTF-16 and UTF-32 are cut between characters only at multiples of four.
    for start in ((size // 2) & ~3, (size - _PIECE) & ~3):
        stream.seek(start)
        pieces.append(_exactly(stream, size - start if start > size // 2 else _PIECE))
    return Sample(head, tuple(pieces), False, size)


def _by_reading(stream: BinaryIO, head: bytes) -> Sample:
    """Blocks at positions that double, the last of which lies in the second half, and the end."""
    size, next_, middle = len(head), 2 * len(head), b""
    before = last = b""
    for block in _blocks(stream):
        if size >= next_:
            middle, next_ = block, 2 * next_
        before, last = last, block
        size += len(block)
        if size > _FURTHEST:
            return Sample(head, (middle,) if middle else (), False, None)
    pieces = tuple(each for each in (middle, before + last) if each)
    return Sample(head, pieces, not pieces, size)


def _blocks(stream: BinaryIO) -> Iterator[bytes]:
    while block := _exactly(stream, _PIECE):
        yield block


def _exactly(stream: BinaryIO, size: int) -> bytes:
    """That many bytes, or all that are left."""
    parts, left = [], size
    while left and (part := stream.read(left)):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)
