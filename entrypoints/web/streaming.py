"""Streaming: a file that is open for as long as it is being answered."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import BinaryIO, cast

_CHUNK = 1024 * 1024


def streamed(
    opened: AbstractContextManager[Path] | AbstractContextManager[BinaryIO],
) -> Iterator[bytes]:
    """The bytes of what a block gives, which is entered now, so that its errors can still be
    answered, and left after the last byte."""
    stack = ExitStack()
    with stack:
        found = cast("Path | BinaryIO", stack.enter_context(opened))
        stream = stack.enter_context(found.open("rb")) if isinstance(found, Path) else found
        stack = stack.pop_all()

    def chunks() -> Iterator[bytes]:
        with stack:
            while chunk := stream.read(_CHUNK):
                yield chunk

    return chunks()
