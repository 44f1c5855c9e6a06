"""Uploads in parts: a large file goes from its sender to storage directly, and becomes a file of
its feed once all of it is there."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from connectors.failpoints import crash_point
from connectors.protocols import OffersParts, TakesParts
from pipelines.operations.uploads import (
    Uploaded,
    key_hash_of,
    refuse_other,
    refuse_upload,
    register,
)
from pipelines.runtime import Runtime
from schemas import storage_keys
from schemas.errors import ConflictError, NotFoundError, RefusedError, TooLargeError
from schemas.upload import Upload, UploadState, upload_name

PART_BYTES = 64 * 1024**2
_URL_SECONDS, _MOST_URLS = 3600, 1000


@dataclass(frozen=True, slots=True)
class PartUrls:
    """Where to PUT parts, by number, and for how many seconds."""

    urls: tuple[tuple[int, str], ...]
    seconds: int


def begin_parts(
    runtime: Runtime, feed: str, name: str, size: int, idempotency_key: str | None = None
) -> Upload:
    """Begin an upload in parts of `PART_BYTES`. Raises what `refuse_upload` raises, TooLargeError,
    and ConflictError where storage takes no parts."""
    refuse_upload(runtime, feed, name, idempotency_key)
    store = _store(runtime)
    if size > runtime.limits.file_bytes:
        raise TooLargeError(
            f"the file is larger than {runtime.limits.file_bytes:,} bytes", hint="split the file"
        )
    key_hash = key_hash_of(runtime, idempotency_key)
    known = runtime.ledger.uploads.by_key(key_hash) if key_hash is not None else None
    upload_id = secrets.token_hex(8)
    wanted = Upload(
        upload_id=upload_id,
        feed=feed,
        name=upload_name(name),
        who=runtime.actor.who,
        size=size,
        key_hash=key_hash,
        multipart=known.multipart if known else store.begin(storage_keys.uploaded(upload_id)),
    )
    begun = runtime.ledger.uploads.begin(wanted)
    refuse_other(begun, wanted)
    return begun


def part_urls(runtime: Runtime, upload: Upload, first: int, count: int) -> PartUrls:
    """Where the parts from that number on are to be PUT, at most `count`. Raises ConflictError once
    the upload is whole."""
    assert upload.multipart is not None
    if upload.state is not UploadState.OPEN:
        raise ConflictError("all parts have come already")
    last = min(part_count(upload), first + min(count, _MOST_URLS) - 1)
    store, key = _store(runtime), storage_keys.uploaded(upload.upload_id)
    urls = (
        (number, store.part_url(key, upload.multipart, number, _URL_SECONDS))
        for number in range(first, last + 1)
    )
    return PartUrls(tuple(urls), _URL_SECONDS)


def part_count(upload: Upload) -> int:
    """How many parts an upload has."""
    return max(1, -(-(upload.size or 0) // PART_BYTES))


def complete_parts(runtime: Runtime, upload: Upload, parts: Sequence[tuple[int, str]]) -> Uploaded:
    """Put the parts, by number and ETag, together and make them a file of the feed; the same file
    however often it is asked for. Raises ConflictError for parts that do not fit together, and
    RefusedError for a file of another size than was said, of which nothing is kept."""
    assert upload.multipart is not None
    assert upload.feed is not None
    if upload.state is not UploadState.REGISTERED:
        _put_together(runtime, upload, parts)
        crash_point("upload.stored")
    return register(runtime, upload, upload.feed)


def abort_parts(runtime: Runtime, upload: Upload) -> None:
    """Give an upload up. Raises ConflictError for one that is a file already."""
    assert upload.multipart is not None
    if upload.state is UploadState.REGISTERED or not runtime.ledger.uploads.forget(upload):
        raise ConflictError(f"{upload.name} is a file already", hint="unload it, if it is loaded")
    key = storage_keys.uploaded(upload.upload_id)
    _store(runtime).abort(key, upload.multipart)
    runtime.storage.delete(key)


def parts_named(runtime: Runtime, upload_id: str) -> Upload:
    """The upload in parts of that id. Raises NotFoundError."""
    upload = runtime.ledger.uploads.get(upload_id)
    if upload is None or upload.multipart is None:
        raise NotFoundError(f"there is no upload {upload_id} in parts")
    return upload


def _put_together(runtime: Runtime, upload: Upload, parts: Sequence[tuple[int, str]]) -> None:
    assert upload.multipart is not None
    store, key = _store(runtime), storage_keys.uploaded(upload.upload_id)
    try:
        store.complete(key, upload.multipart, parts)
    except ConflictError:
        # Whoever put them together may have died before the ledger knew.
        if not runtime.storage.exists(key):
            raise
    size = store.size(key)
    if size == upload.size:
        return
    if runtime.ledger.uploads.forget(upload):
        runtime.storage.delete(key)
    raise RefusedError(
        f"{size:,} bytes have come, and {upload.size:,} were said",
        hint="begin anew, and send every part whole",
    )


def store_of(runtime: Runtime) -> TakesParts | None:
    """What takes parts; None where storage does not."""
    return runtime.storage.parts if isinstance(runtime.storage, OffersParts) else None


def _store(runtime: Runtime) -> TakesParts:
    store = store_of(runtime)
    if store is None:
        raise ConflictError(
            "storage takes no parts: it is not on S3",
            hint="send the file in one request (PUT), pack it, or raise web.upload_bytes",
        )
    return store
