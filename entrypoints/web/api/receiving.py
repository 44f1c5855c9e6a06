"""Receiving: the bytes of a request's body as they come, bounded in size, in time and in memory."""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from entrypoints.web.api.problems import ProblemError
from entrypoints.web.context import WebContext
from pipelines.operations.uploads import Incoming, incoming

_BLOCK = 1024 * 1024
_LEAST = 32 * 1024
_DIGEST = re.compile(r"\s*sha-256=:([A-Za-z0-9+/]{43}=):\s*")

BINARY = {
    "requestBody": {
        "required": True,
        "description": "The file's bytes, as they are.",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
"""What an endpoint takes, for its document."""


def digest_of(header: str | None) -> str | None:
    """The SHA-256 that a Content-Digest (RFC 9530) names, in hex, the last of several; raises
    ProblemError for one that names none that can be checked."""
    if header is None:
        return None
    named = [each for each in header.split(",") if each.partition("=")[0].strip() == "sha-256"]
    if named and (found := _DIGEST.fullmatch(named[-1])):
        with suppress(binascii.Error):
            return base64.b64decode(found[1], validate=True).hex()
    raise ProblemError(
        422,
        "this Content-Digest names no SHA-256 that could be checked",
        "send `Content-Digest: sha-256=:…:` with the hash in base64, or leave it out",
    )


@asynccontextmanager
async def received(request: Request, context: WebContext) -> AsyncIterator[Incoming]:
    """What the request's body holds, once all of it has come; it goes with the block. Raises
    ProblemError for one that is too large, too slow or cut off, or when too many come at once."""
    most = context.settings.web.upload_bytes
    _refuse_early(request, most)
    if context.uploads.locked():
        raise ProblemError(
            503, "too many uploads are under way", "send it again shortly", {"Retry-After": "10"}
        )
    async with context.uploads:
        opened = incoming(context.runtime, most)
        coming = await run_in_threadpool(opened.__enter__)
        try:
            await _receive(request, coming, context.settings.web.upload_stall_seconds)
            yield coming
        finally:
            await run_in_threadpool(opened.__exit__, None, None, None)


def _refuse_early(request: Request, most: int) -> None:
    """Refuse what the headers say already, before a byte has come."""
    headers = request.headers
    if headers.get("content-encoding", "identity") != "identity":
        raise ProblemError(415, "the body is encoded for the way", "send the file as it is")
    if "content-range" in headers:
        # What a client sends that takes up a broken-off request, as `curl -C` does: the end alone.
        raise ProblemError(
            400, "this is only a part of a file, as its Content-Range says", "send it whole"
        )
    length = headers.get("content-length", "0")
    if length.isdecimal() and (len(length) > 18 or int(length) > most):
        raise ProblemError(
            413,
            f"the file is larger than {most:,} bytes",
            "send it in parts (POST /api/v1/feeds/{feed}/uploads), where storage is S3, or pack it",
        )


async def _receive(request: Request, coming: Incoming, stall: float) -> None:
    block, since = bytearray(), 0
    try:
        async with asyncio.timeout(stall) as patience:
            async for chunk in request.stream():
                block += chunk
                since += len(chunk)
                if since >= _LEAST:
                    patience.reschedule(asyncio.get_running_loop().time() + stall)
                    since = 0
                if len(block) >= _BLOCK:
                    await run_in_threadpool(coming.write, bytes(block))
                    block.clear()
    except TimeoutError:
        raise ProblemError(
            408,
            f"fewer than {_LEAST:,} bytes came in {stall:g} s: nothing is kept",
            "send it again over a better line",
        ) from None
    except ClientDisconnect:
        raise ProblemError(
            400, "the request was cut off: nothing is kept", "send it again"
        ) from None
    if block:
        await run_in_threadpool(coming.write, bytes(block))
