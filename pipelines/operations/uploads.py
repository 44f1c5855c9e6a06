"""Uploads: a file that somebody sends us directly becomes a file of its feed, exactly once.

Its bytes are kept here until all of them have come and are what the sender meant; then they go into
storage, and one transaction of the ledger makes them a file and writes down who sent it. Whoever
asks again with the same Idempotency-Key gets the same file, wherever the first try was cut off.
"""

from __future__ import annotations

import hashlib
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from connectors.failpoints import crash_point
from pipelines.operations.acts import acting
from pipelines.prepare.bundle import bundles_of
from pipelines.runtime import Runtime, Work
from pipelines.stored_files import COPY_BYTES
from schemas import storage_keys
from schemas.errors import (
    ConflictError,
    NotFoundError,
    RefusedError,
    RetryableError,
    TooLargeError,
)
from schemas.file import File, Status, file_id_of
from schemas.item import Item, Page
from schemas.upload import UPLOADS, Upload, UploadState, upload_name

_MAX_KEY = 200


@dataclass(frozen=True, slots=True)
class Uploaded:
    """An upload, the file that it is now, and the work that this makes. `is_new` is False for one
    that came before with the same Idempotency-Key."""

    upload: Upload
    file: File
    work: tuple[Work, ...]
    is_new: bool


@dataclass(frozen=True, slots=True)
class OwnKey:
    """A key that we make ourselves, of one line. No Idempotency-Key that anybody sends is the same,
    and it stands for one request, whoever makes it."""

    text: str


class Incoming:
    """The bytes of a file as they come, in a local file of ours."""

    def __init__(self, path: Path, out: BinaryIO, most: int) -> None:
        self.path, self._out, self._most = path, out, most
        self.size, self._digest = 0, hashlib.sha256()

    @property
    def sha256(self) -> str:
        """The hash of what has come so far."""
        return self._digest.hexdigest()

    def write(self, block: bytes) -> None:
        """Take the next bytes. Raises TooLargeError, and RetryableError when there is no room."""
        self.size += len(block)
        if self.size > self._most:
            raise TooLargeError(
                f"the file is larger than {self._most:,} bytes",
                hint="send it in parts, where storage is S3, or pack it",
            )
        self._digest.update(block)
        try:
            self._out.write(block)
        except OSError as error:
            raise RetryableError(f"{self.path}: {error}") from error

    def end(self, expected: str | None = None) -> None:
        """Nothing more comes. Raises RefusedError for an empty file, and for one whose SHA-256 is
        not as expected."""
        try:
            self._out.flush()
        except OSError as error:
            raise RetryableError(f"{self.path}: {error}") from error
        if not self.size:
            raise RefusedError("the file is empty", hint="send its bytes as the request's body")
        if expected is not None and expected != self.sha256:
            raise RefusedError(
                f"the bytes that came have another SHA-256 ({self.sha256}) than was said",
                hint="something was lost or changed on the way: send it again",
            )


@contextmanager
def incoming(runtime: Runtime, most: int | None = None) -> Iterator[Incoming]:
    """Room for a file that comes, up to `most` bytes (else `limits.file_bytes`); it goes with the
    block. Raises RetryableError when there is none."""
    most = runtime.limits.file_bytes if most is None else min(most, runtime.limits.file_bytes)
    with tempfile.TemporaryDirectory(dir=runtime.work_folder, prefix="upload-") as folder:
        path = Path(folder) / "raw"
        with path.open("wb") as out:
            yield Incoming(path, out, most)


def upload(
    runtime: Runtime,
    feed: str,
    name: str,
    stream: BinaryIO,
    *,
    sha256: str | None = None,
    idempotency_key: str | OwnKey | None = None,
    sender: str | None = None,
    detail: Mapping[str, str] | None = None,
) -> Uploaded:
    """Take a file for a feed from a stream, all of it or nothing. What it is, and what becomes of
    it, is found out as with any other file.

    `sha256` is what the bytes must have. The actor and `idempotency_key` together name the request:
    the same again is the same file. With `sender`, that address is mailed the answer; `detail` is
    kept with the file. Raises NotFoundError for a feed that there is not, RefusedError for a name,
    bytes or a key that cannot be taken, ConflictError for a stopped or full feed.
    """
    refuse_upload(runtime, feed, name, idempotency_key)
    with incoming(runtime) as coming:
        while block := stream.read(COPY_BYTES):
            coming.write(block)
        return take(
            runtime,
            feed,
            name,
            coming,
            sha256=sha256,
            idempotency_key=idempotency_key,
            sender=sender,
            detail=detail,
        )


def refuse_upload(
    runtime: Runtime, feed: str, name: str, idempotency_key: str | OwnKey | None
) -> None:
    """Raise what `upload` would raise whatever bytes may come, before they do."""
    if feed not in runtime.feeds:
        raise NotFoundError(
            f"there is no feed {feed}", hint=f"the feeds are {', '.join(runtime.feeds)}"
        )
    upload_name(name)
    key_hash = key_hash_of(runtime, idempotency_key)
    known = runtime.ledger.uploads.by_key(key_hash) if key_hash is not None else None
    if known is None or known.state is not UploadState.REGISTERED:
        refuse_more(runtime, feed)


def refuse_more(runtime: Runtime, feed: str) -> None:
    """Raise ConflictError for a feed that is stopped, or of which too many files wait."""
    state = runtime.ledger.feeds.state(feed)
    if state.stopped_at is not None:
        raise ConflictError(f"feed {feed} is stopped: {state.reason}", hint="resume it first")
    if runtime.ledger.files.waiting(feed) >= runtime.limits.queued_files:
        raise ConflictError(
            f"{runtime.limits.queued_files:,} files of feed {feed} wait already",
            hint="send it again once they are loaded",
        )


def key_hash_of(runtime: Runtime, idempotency_key: str | OwnKey | None) -> str | None:
    """The Idempotency-Key as the ledger keeps it: each actor's are their own. Raises RefusedError
    for one that is empty or too long."""
    if idempotency_key is None:
        return None
    if isinstance(idempotency_key, OwnKey):
        # One line, where that of a sent one always has three.
        return hashlib.sha256(f"own {idempotency_key.text}".encode()).hexdigest()
    if not 0 < len(idempotency_key) <= _MAX_KEY:
        raise RefusedError(
            f"an Idempotency-Key has 1 to {_MAX_KEY} characters", hint="a UUID does well"
        )
    text = f"{runtime.actor.via}\n{runtime.actor.who}\n{idempotency_key}"
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()


def take(
    runtime: Runtime,
    feed: str,
    name: str,
    coming: Incoming,
    *,
    sha256: str | None = None,
    idempotency_key: str | OwnKey | None = None,
    sender: str | None = None,
    detail: Mapping[str, str] | None = None,
) -> Uploaded:
    """Make what has come a file of a feed; see `upload`."""
    kept = keep(runtime, feed, name, coming, sha256=sha256, idempotency_key=idempotency_key)
    return register(runtime, kept, feed, sender=sender, detail=detail)


def keep(
    runtime: Runtime,
    feed: str | None,
    name: str,
    coming: Incoming,
    *,
    sha256: str | None = None,
    idempotency_key: str | OwnKey | None = None,
) -> Upload:
    """Put what has come into storage, of no feed's yet. Raises RefusedError."""
    coming.end(sha256)
    wanted = Upload(
        upload_id=secrets.token_hex(8),
        feed=feed,
        name=upload_name(name),
        who=runtime.actor.who,
        size=coming.size,
        sha256=coming.sha256,
        key_hash=key_hash_of(runtime, idempotency_key),
    )
    begun = runtime.ledger.uploads.begin(wanted)
    refuse_other(begun, wanted)
    crash_point("upload.begun")
    if begun.state is not UploadState.REGISTERED:
        key = storage_keys.uploaded(begun.upload_id)
        runtime.storage.put(key, coming.path, is_final=True, spares_memory=True)
        crash_point("upload.stored")
    return begun


def refuse_other(begun: Upload, wanted: Upload) -> None:
    """Raise RefusedError if an Idempotency-Key was used for another request before."""
    facts = [(each.feed, each.name, each.size, each.sha256) for each in (begun, wanted)]
    if facts[0] != facts[1]:
        raise RefusedError(
            "this Idempotency-Key was used for another upload",
            hint="take a new key for each file; the same only to send the same once more",
        )


def register(
    runtime: Runtime,
    kept: Upload,
    feed: str,
    *,
    sender: str | None = None,
    detail: Mapping[str, str] | None = None,
) -> Uploaded:
    """Make an upload whose bytes are in storage a file of a feed, once. Raises ConflictError for
    one that was cleaned away meanwhile."""
    facts = {"uploaded_by": kept.who, **(detail or {})}
    if kept.sha256 is not None:
        facts["sha256"] = kept.sha256
    item = Item(
        key=kept.name,
        version=kept.upload_id,
        name=kept.name,
        sent_at=runtime.now(),
        size=kept.size,
        sender=sender,
        detail=facts,
    )
    file_id = file_id_of(feed, item.key, item.version)
    with acting(runtime, "upload", "file", file_id, feed) as told:
        is_new = runtime.ledger.uploads.close(kept.upload_id, feed, file_id)
        if is_new:
            runtime.ledger.files.register(feed, UPLOADS, Page(items=(item,)))
        told.is_none = not is_new
        told.after = {"upload_id": kept.upload_id, "size": kept.size, "sha256": kept.sha256}
    crash_point("upload.registered")
    known = runtime.ledger.uploads.get(kept.upload_id)
    if known is None or known.file_id is None:
        # Cleaned away between its first byte and its last: nobody would remove these.
        runtime.storage.delete(storage_keys.uploaded(kept.upload_id))
        raise ConflictError("the upload took too long and was given up", hint="send it again")
    file = next(iter(runtime.ledger.files.many([known.file_id])), None)
    if file is None:
        raise ConflictError(
            f"{kept.name} was uploaded before, and is forgotten by now",
            hint="send it again with another Idempotency-Key",
        )
    work = bundles_of(runtime, file.feed, [(file.file_id, file.item.size)])
    return Uploaded(known, file, tuple(work) if file.status is Status.DISCOVERED else (), is_new)
