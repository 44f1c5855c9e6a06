"""MailBucketSource: whole messages (.eml) that a mail service stores in a bucket, as SES does."""

from __future__ import annotations

import io
import logging
import shutil
import tempfile
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import BinaryIO, Self

from pydantic import Field, model_validator

from connectors.globs import matches
from connectors.mailbox.authentication import Authentication, vouched_for
from connectors.mailbox.body_text import what_it_says
from connectors.mailbox.containers import MessageFile, file_names, texts, unfolded_files
from connectors.mailbox.headers import letter_of, read_headers, tell_passed_over
from connectors.mailbox.items import item_of, left_of, part_of
from connectors.s3.client import S3Config
from connectors.s3.source import S3Source
from schemas.errors import DataError, ItemChangedError
from schemas.item import Item, Left, Page
from schemas.receipt import Answer
from schemas.trust import Vouched

log = logging.getLogger(__name__)

_HEADER_BYTES = 1024 * 1024
_OVERLAP = timedelta(minutes=15)
"""A message whose time of arrival is this much older than the last listing's newest may only have
become visible since."""


class MailBucketConfig(S3Config):
    """A bucket's prefix below which every object is a message."""

    answer_unmatched: tuple[str, ...] = ()
    """Addresses and domains that are told when no feed takes what they sent."""
    own_address: str | None = None
    """Waybill's own address: mails from it are passed over."""
    message_bytes: int = Field(default=64 * 1024 * 1024, gt=0)
    """A larger message is passed over; mail services accept up to 40 MB."""
    authentication: Authentication = Authentication()
    """How senders are authenticated, for feeds with `require`."""

    @model_validator(mode="after")
    def _without_events(self) -> Self:
        if self.events is not None:
            raise ValueError("events: a bucket of mails is looked at on schedule")
        return self


class MailBucketSource:
    """Lists, reads and marks the attachments of stored messages (protocol `Source`).

    Messages are read, named and answered as those of a mailbox are. A message is copied to
    disk, and its text is in memory while its parts are told from each other.
    """

    def __init__(self, config: MailBucketConfig) -> None:
        self._config = config
        self._objects = S3Source(config)

    def list(self, match: str, cursor: str | None, since: datetime | None = None) -> Iterator[Page]:
        """Pages of the attachments whose file name matches. The cursor, with the last page, is when
        the newest message arrived: keys say nothing about the order."""
        newest = datetime.fromisoformat(cursor) if cursor else None
        from_ = max(filter(None, (newest and newest - _OVERLAP, since)), default=None)
        for page in self._objects.list(f"{self._config.prefix}**", None):
            for stored in page.items:
                if from_ is not None and stored.sent_at < from_:
                    continue
                newest = max(stored.sent_at, newest or stored.sent_at)
                left = deque[Left]()
                items = [item for item, _ in self._files(stored, left)]
                matching = [each for each in items if self.matches(match, each)]
                left += (Left(each, _why(each)) for each in items if each not in matching)
                yield Page(items=tuple(matching), left=tuple(left))
        if newest is not None:
            yield Page(items=(), cursor=newest.isoformat())

    def matches(self, match: str, item: Item) -> bool:
        """Whether the glob matches the attachment's name, whatever its case."""
        return matches(match, item.name, ignore_case=True)

    def is_past(self, cursor: str | None, item: Item) -> bool:
        """Whether a listing that goes on at the cursor has the item's message behind it."""
        return cursor is not None and item.sent_at <= datetime.fromisoformat(cursor)

    @property
    def answer_unmatched(self) -> Sequence[str]:
        """Senders that are told when no feed takes what they sent (protocol `Answering`)."""
        return self._config.answer_unmatched

    def _files(self, stored: Item, left: deque[Left]) -> Iterator[tuple[Item, MessageFile]]:
        """The files of a message as items, each with its bytes; what it brings else goes to
        `left`."""
        place = {"object": stored.key, "object_version": stored.version, **stored.detail}
        unknown = letter_of(read_headers(b""))
        name = stored.key.rpartition("/")[2]
        if (stored.size or 0) > self._config.message_bytes:
            log.warning("%s is passed over: it is larger than message_bytes", stored.key)
            left.append(left_of(unknown, stored.sent_at, "TOO_LARGE", name, place))
            return
        with tempfile.TemporaryFile() as message:
            with self._objects.open(stored) as stream:
                shutil.copyfileobj(stream, message)
            message.seek(0)
            headers = read_headers(message.read(_HEADER_BYTES))
            letter = letter_of(headers, self._config.own_address, stored.sent_at)
            message.seek(0)
            try:
                if letter.passed_over:
                    if names := file_names(message):
                        tell_passed_over(stored.key, letter, names)
                        if letter.brings_others:
                            left += (left_of(letter, stored.sent_at, "AUTOMATIC", each, place)
                                     for each in names)  # fmt: skip
                    return
                adorned = True
                for found in unfolded_files(message):
                    adorned = adorned and bool(found.adornment)
                    yield item_of(letter, stored.sent_at, part_of(found), place), found
                if adorned:
                    message.seek(0)
                    why = what_it_says(texts(message))
                    subject = letter.subject or name
                    left.append(left_of(letter, stored.sent_at, why, subject, place))
            except DataError as error:
                log.warning("%s is passed over: %s", stored.key, error.message)
                left.append(left_of(letter, stored.sent_at, "UNREADABLE", name, place))

    @contextmanager
    def open(self, item: Item) -> Iterator[BinaryIO]:
        """Stream one attachment; raises ItemChangedError if the message is gone."""
        for each, found in self._files(_stored(item), deque()):
            # The object is that of the item; which part of it is not for its headers to say.
            if all(each.detail[name] == item.detail[name] for name in ("section", "inner")):
                yield io.BytesIO(found.whole())
                return
        raise ItemChangedError(f"the message with {item.name} has changed")

    def vouched(self, item: Item) -> Sequence[Vouched]:
        """What speaks for the sender of an item's message (protocol `Vouching`). Raises
        RetryableError when DNS is away, ItemChangedError if the message is gone."""

        def whole() -> bytes:
            with self._objects.open(_stored(item)) as stream:
                return stream.read()

        return vouched_for(self._config.authentication, item, whole)

    def acknowledge(self, item: Item, answer: Answer) -> None:
        """With the message's last attachment, move it if configured; its sender is answered by
        mail."""
        if answer.last_of_group:
            self.finish(item)

    @property
    def moves(self) -> bool:
        """Whether messages move (`move_to`)."""
        return self._objects.moves

    def finish(self, item: Item) -> None:
        """Move the item's message, if configured."""
        self._objects.finish(_stored(item))

    def forget(self, item: Item, mark: str = "") -> int:
        """Nothing: replies are in their readers' mailboxes."""
        return 0

    def check(self) -> str:
        """Ask for one key, and name the bucket."""
        return f"messages in {self._objects.check()}"


def _why(item: Item) -> str:
    return "ENCRYPTED" if item.detail.get("encrypted") else "NAME"


def _stored(item: Item) -> Item:
    """The object that holds the item's message."""
    known = ("version_id", "etag", "modified")
    detail = {name: item.detail[name] for name in known if name in item.detail}
    return Item(
        key=item.detail["object"],
        version=item.detail["object_version"],
        name=item.detail["object"],
        sent_at=item.sent_at,
        detail=detail,
    )
