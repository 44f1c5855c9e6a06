"""S3Source: files that people drop into a bucket."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from botocore.exceptions import ClientError

from connectors.copies import copied, new_path
from connectors.globs import matches, shortened, static_prefix
from connectors.s3.client import S3Config, new_client
from connectors.s3.listing import Listing
from connectors.s3.objects import etag_of, is_there, version_argument
from connectors.s3.queue import EventQueue
from connectors.s3.refusals import GONE, translating
from connectors.s3.several import several
from connectors.s3.spans import SPAN_BYTES, spans, whole
from connectors.s3.withdraw import withdraw
from schemas.errors import AwayError, ConfigError, DataError, FatalError, WaybillError
from schemas.item import Hint, Item, Page
from schemas.left_document import LeftDocument
from schemas.receipt import DOCUMENTS, Answer, Document

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

__all__ = ["S3Config", "S3Source"]

_WRITTEN = ("beside", "prefix", "bucket")
_LONGEST_KEY = 1024


class S3Source:
    """Lists, reads and answers the objects of one bucket (protocol `Source`).

    An item's version is its VersionId in a versioned bucket, else its ETag and the time at which it
    was put there: an object that is put back to earlier bytes is another one.
    """

    def __init__(self, config: S3Config) -> None:
        self._config = config
        self._events = EventQueue(config, config.events) if config.events else None

    def list(self, match: str, cursor: str | None, since: datetime | None = None) -> Iterator[Page]:
        """Pages of at most 1,000 matching objects; `cursor` is not used, a listing is whole.

        Raises ConfigError for a glob that no key of this source can match.
        """
        own, wanted = self._config.prefix, static_prefix(match)
        if not own.startswith(wanted) and not wanted.startswith(own):
            raise ConfigError(
                f'nothing that matches "{match}" can start with the source\'s prefix "{own}"',
                hint="a feed matches whole keys: begin its match with the prefix",
            )
        for page in self._listed(max(own, wanted, key=len)):
            if items := tuple(
                self._told(each)
                for each in page.items
                if self.matches(match, each) and (since is None or each.sent_at >= since)
            ):
                yield Page(items=items)

    def _told(self, item: Item) -> Item:
        """The item, with who is told of it by mail, if that is configured."""
        address = self._config.answers.address
        if self._config.answers.to != "mail" or address is None:
            return item
        return replace(item, detail={**item.detail, "receipts_to": address})

    def matches(self, match: str, item: Item) -> bool:
        """Whether the glob matches the object's whole key."""
        return matches(match, item.key)

    def survey(self) -> Iterator[Page]:
        """Pages of all objects below the source's prefix (protocol `Surveyed`)."""
        return self._listed(self._config.prefix)

    def _listed(self, prefix: str) -> Iterator[Page]:
        with translating(self._config.bucket):
            yield from self._listing.whole(prefix)

    def watches(self, stop: threading.Event) -> Iterator[Iterator[Sequence[Hint] | None]]:
        """What the queue of `events` tells, if there is one (protocol `Watched`)."""
        if self._events is not None:
            yield self._events.news(stop)

    @property
    def full_listing(self) -> timedelta | None:
        """How often the bucket is listed whole although it is watched (protocol `Hinted`)."""
        return self._config.full_listing_period

    def hinted(self, hints: Sequence[Hint]) -> Iterator[tuple[Hint, Item | WaybillError | None]]:
        """Each hint with what it names, several at a time over one client (protocol `Hinted`)."""
        asked = list({(each.key, each.version): each for each in hints}.values())
        found = {}
        with translating(self._config.bucket):
            listing = self._listing
        for hint, item in several(asked, listing.hinted):
            if isinstance(item, AwayError | FatalError):
                raise item
            found[hint.key, hint.version] = self._told(item) if isinstance(item, Item) else item
        for hint in hints:
            yield hint, found[hint.key, hint.version]

    def heed(self, hints: Sequence[Hint]) -> None:
        """Remove the messages of which nothing is left (protocol `Hinted`)."""
        if self._events is not None:
            self._events.heed(hints)

    @contextmanager
    def open(self, item: Item) -> Iterator[BinaryIO]:
        """Stream that very version; raises ItemChangedError once it is gone."""
        wanted, size = self._wanted(item), item.size
        if size is None:
            with translating(self._config.bucket, item.key):
                size = self._client.head_object(**wanted)["ContentLength"]
        with self._awaiting(item), spans(self._client, wanted, size) as stream:
            yield stream

    def _wanted(self, item: Item) -> dict[str, Any]:
        """The arguments that ask S3 for that very version."""
        pinned = version_argument(item) or {"IfMatch": f'"{etag_of(item)}"'}
        return {"Bucket": self._config.bucket, "Key": item.key, **pinned}

    @contextmanager
    def _awaiting(self, item: Item) -> Iterator[None]:
        """Refuse an archived object, where none is waited for."""
        try:
            yield
        except AwayError as error:
            if "archived" not in error.message or self._config.archived == "wait":
                raise
            raise DataError(
                f"{item.key} is archived and cannot be read", hint="restore it and drop it again"
            ) from error

    def fetch_many(
        self, items: Sequence[Item], folder: Path
    ) -> Iterator[tuple[Item, Path | WaybillError]]:
        """Each item with its file or its error (protocol `FetchesMany`), several at a time over one
        client."""
        return several(items, lambda item: self._kept(item, folder))

    def _kept(self, item: Item, folder: Path) -> Path:
        if item.size is None or item.size > SPAN_BYTES:
            return copied(self.open, item, folder)
        with self._awaiting(item), translating(self._config.bucket, item.key):
            content = whole(self._client, self._wanted(item), item.size)
        path = new_path(folder)
        path.write_bytes(content)
        return path

    def acknowledge(self, item: Item, answer: Answer) -> None:
        """Put the answer's documents where `receipts` says; then, with `move_to`, move the original
        unless a newer version has taken its place."""
        where = self._config.answers
        documents = answer.documents if where.to in _WRITTEN else ()
        bucket = where.bucket or self._config.bucket
        with translating(bucket, item.key):
            for document in documents:
                self._put(document, bucket, self._answer_key(item, document.suffix))
        if answer.last_of_group:
            self.finish(item)

    def _put(self, document: Document, bucket: str, key: str) -> None:
        """Put a document there; a large one in parts, by threads that a small one would pay for."""
        kind = document.content_type
        with document.path.open("rb") as content:
            if document.path.stat().st_size <= SPAN_BYTES:
                self._client.put_object(Bucket=bucket, Key=key, Body=content, ContentType=kind)
            else:
                self._client.upload_fileobj(content, bucket, key, ExtraArgs={"ContentType": kind})

    @property
    def moves(self) -> bool:
        """Whether originals move (`move_to`)."""
        return self._config.move_to is not None

    def finish(self, item: Item) -> None:
        """Move the original below `move_to`, unless a newer version has taken its place."""
        if self._config.move_to:
            with translating(self._config.bucket, item.key):
                self._move(item, f"{self._config.move_to}{item.key}")

    def finish_many(self, items: Sequence[Item]) -> Iterator[tuple[Item, WaybillError | None]]:
        """Each item whose original is moved, or its error (protocol `FinishesMany`), several at a
        time over one client."""
        return several(items, self.finish)

    def is_past(self, cursor: str | None, item: Item) -> bool:
        """True: a listing is always whole, and the ledger knows what a feed has seen of it."""
        return True

    def _answer_key(self, item: Item, suffix: str) -> str:
        """The key of an answer's document, within the 1,024 bytes that a key may have."""
        key = f"{self._config.answers_prefix}{item.key}"
        return shortened(key, _LONGEST_KEY - len(suffix)) + suffix

    def forget(self, item: Item, mark: str = "") -> int:
        """Remove the item's receipts, whose names have that mark; how many there were."""
        where = self._config.answers
        if where.to not in _WRITTEN:
            return 0
        bucket, gone = where.bucket or self._config.bucket, 0
        with translating(bucket):
            # The receipt last: by it, the rejected rows beside it are told to be ours.
            for suffix in reversed(DOCUMENTS):
                key = self._answer_key(item, f"{mark}{suffix}")
                try:
                    self._client.head_object(Bucket=bucket, Key=key)
                except ClientError as error:
                    if error.response["Error"]["Code"] in GONE:
                        continue
                    raise
                self._client.delete_object(Bucket=bucket, Key=key)
                gone += 1
        return gone

    def withdraw(self, item: Item, left: LeftDocument, instead: bytes) -> bool:
        """Remove a document that lies there as it was left (protocol `Withdraws`)."""
        where = self._config.answers
        if where.to not in _WRITTEN:
            return False
        bucket = where.bucket or self._config.bucket
        key = self._answer_key(item, left.suffix)
        return withdraw(self._client, bucket, key, left, instead)

    def _move(self, item: Item, target: str) -> None:
        """Copy and remove that one version; quiet if it is not the latest any more."""
        client, bucket, version = self._client, self._config.bucket, version_argument(item)
        etag = {} if version else {"IfMatch": f'"{etag_of(item)}"'}
        try:
            if not is_there(item, client.head_object(Bucket=bucket, Key=item.key)):
                return
            client.copy(
                {"Bucket": bucket, "Key": item.key, **version},  # type: ignore[typeddict-item]
                bucket,
                target,
                ExtraArgs={f"CopySource{name}": value for name, value in etag.items()},
            )
            # By its id: a mark put over the key could hide a version that arrived just now.
            client.delete_object(Bucket=bucket, Key=item.key, **version, **etag)  # type: ignore[arg-type]
        except ClientError as error:
            if error.response["Error"]["Code"] not in GONE:
                raise

    def check(self) -> str:
        """Ask for one key, and name the bucket."""
        with translating(self._config.bucket):
            self._client.list_objects_v2(
                Bucket=self._config.bucket, Prefix=self._config.prefix, MaxKeys=1
            )
            kind = "versioned bucket" if self._is_versioned else "bucket"
        where = f" at {self._config.endpoint}" if self._config.endpoint else ""
        told = f", {self._events.check()}" if self._events is not None else ""
        return f"{kind} {self._config.bucket}{where}{told}"

    @cached_property
    def _is_versioned(self) -> bool:
        try:
            reply = self._client.get_bucket_versioning(Bucket=self._config.bucket)
        except ClientError as error:
            if error.response["Error"]["Code"] in ("NotImplemented", "MethodNotAllowed"):
                return False
            raise
        return reply.get("Status") == "Enabled"

    @cached_property
    def _listing(self) -> Listing:
        return Listing(self._client, self._config, is_versioned=self._is_versioned)

    @cached_property
    def _client(self) -> S3Client:
        return new_client(self._config)
