"""Ahead: the next chunk is read while one is checked; Arrow and files need no interpreter lock."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

from pipelines.parse.chunk import Chunk


@contextmanager
def ahead(chunks: Iterator[Chunk]) -> Iterator[Iterator[Chunk]]:
    """The same chunks, from the first that is asked for on read one ahead, in a thread that has
    ended when the block is left. An error comes where its chunk would have come."""
    with closing(_ahead(chunks)) as found:
        yield found


def _ahead(chunks: Iterator[Chunk]) -> Generator[Chunk]:
    with ThreadPoolExecutor(1) as beside:
        coming = beside.submit(next, chunks, None)
        while (chunk := coming.result()) is not None:
            coming = beside.submit(next, chunks, None)
            yield chunk
