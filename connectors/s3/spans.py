"""Spans: the bytes of an object, asked for span by span and ahead of their reader."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

from botocore.exceptions import BotoCoreError

from connectors.s3.refusals import translating

if TYPE_CHECKING:
    from botocore.response import StreamingBody
    from mypy_boto3_s3 import S3Client

SPAN_BYTES = 8 * 1024 * 1024
"""As large as the pieces of boto3's own transfers, and small enough to be held in memory."""
_READ_BYTES = 256 * 1024
_AHEAD = 2
_TRIES = 3


@contextmanager
def spans(client: S3Client, wanted: Mapping[str, Any], size: int) -> Iterator[BinaryIO]:
    """Stream an object of `size` bytes; `wanted` are the arguments of GetObject that name it.

    A reader that is slower than the network keeps no connection waiting, which servers may cut;
    and a cut connection costs a span, not the object: that span is asked for again.
    """
    if size <= SPAN_BYTES:
        with translating(wanted["Bucket"], wanted["Key"]):
            content = whole(client, wanted, size)
        yield io.BytesIO(content)
        return
    with ThreadPoolExecutor(_AHEAD, "span") as pool:
        try:
            yield io.BufferedReader(_Spans(client, wanted, size, pool))
        finally:
            pool.shutdown(cancel_futures=True)


class _Spans(io.RawIOBase):
    """The spans in turn as a raw stream whose faults are ours; the next ones are on their way."""

    def __init__(
        self, client: S3Client, wanted: Mapping[str, Any], size: int, pool: ThreadPoolExecutor
    ) -> None:
        self._client, self._wanted, self._pool = client, wanted, pool
        self._starts = deque(range(0, max(size, 1), SPAN_BYTES))
        self._size = size
        self._coming: deque[Future[bytearray]] = deque()
        self._rest = self._next()

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Fill the buffer; raises RetryableError if connections are cut again and again."""
        if not self._rest:
            self._rest = self._next()
        length = min(len(buffer), len(self._rest))
        buffer[:length] = self._rest[:length]
        self._rest = self._rest[length:]
        return length

    def _next(self) -> memoryview:
        while self._starts and len(self._coming) < _AHEAD:
            self._coming.append(self._pool.submit(self._span, self._starts.popleft()))
        if not self._coming:
            return memoryview(b"")
        with translating(self._wanted["Bucket"], self._wanted["Key"]):
            return memoryview(self._coming.popleft().result())

    def _span(self, start: int) -> bytearray:
        """The bytes of a span."""
        end = min(start + SPAN_BYTES, self._size)
        part = {"Range": f"bytes={start}-{end - 1}"}
        return whole(self._client, {**self._wanted, **part}, end - start)


def whole(client: S3Client, wanted: Mapping[str, Any], size: int) -> bytearray:
    """What is asked for by one request, and again if it breaks off; raises boto3's own errors, and
    OSError for another number of bytes than `size`."""
    for tries_left in reversed(range(_TRIES)):
        body = client.get_object(**wanted)["Body"]
        try:
            return _read(body, size)
        except (BotoCoreError, OSError):
            # botocore asks again until a reply begins, but not when one breaks off.
            if not tries_left:
                raise
        finally:
            body.close()
    raise AssertionError("unreachable")


def _read(body: StreamingBody, size: int) -> bytearray:
    """The body, read in small pieces into one place; raises OSError if it has another size."""
    content = bytearray(size)
    room, filled = memoryview(content), 0
    while filled < size:
        length = body.readinto(room[filled : filled + _READ_BYTES])  # type: ignore[arg-type]
        if not length:
            break
        filled += length
    if filled < size or body.read(1):
        raise OSError(f"not the {size:,} bytes that were asked for")
    return content
