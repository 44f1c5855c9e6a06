"""MailboxSource: report attachments that partners mail, read by IMAP."""

from __future__ import annotations

import io
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, cast

from connectors.globs import matches
from connectors.mailbox.attachment import gone, is_within, kept, within, write
from connectors.mailbox.authentication import vouched_for
from connectors.mailbox.bulk import bodies, by_folder
from connectors.mailbox.config import MailboxConfig
from connectors.mailbox.each_once import each_once
from connectors.mailbox.fetch import blocks
from connectors.mailbox.find_message import find
from connectors.mailbox.folders import chosen, select
from connectors.mailbox.listing import Listing, search
from connectors.mailbox.login import logged_in
from connectors.mailbox.marking import finish, finish_together
from connectors.mailbox.places import read_places
from connectors.mailbox.watch import watches
from schemas.errors import DataError, WaybillError
from schemas.item import Item, Left, Page
from schemas.receipt import Answer
from schemas.trust import Vouched

_SIGNED_BYTES = 64 * 1024 * 1024
"""The largest message whose signatures are verified: it is held in memory for that."""
_SPOOL_BYTES = 8 * 1024 * 1024


class MailboxSource:
    """Lists, reads and marks the attachments of a mailbox's folders (protocol `Source`).

    A message is told by its own headers, wherever it lies: one that is moved, delivered twice, or
    found again because UIDVALIDITY has changed, makes no second item. Its place (folder,
    UIDVALIDITY, UID) is kept beside that, for reading it. Nothing is ever fetched whole.
    """

    def __init__(self, config: MailboxConfig) -> None:
        self._config = config

    def list(self, match: str, cursor: str | None, since: datetime | None = None) -> Iterator[Page]:
        """Pages of the attachments whose file name matches, of messages after the cursor (the last
        UID looked at, by folder) that arrived since then. Automatic replies and our own mails are
        passed over; what else is left out is told with each page."""
        with logged_in(self._config) as client:
            for page in Listing(client, self._config, since).pages(cursor):
                matching, others = [], []
                for item in page.items:
                    if self.matches(match, item):
                        matching.append(item)
                    else:
                        why = "ENCRYPTED" if item.detail.get("encrypted") else "NAME"
                        others.append(Left(item, why))
                yield replace(page, items=tuple(matching), left=(*page.left, *others))

    def matches(self, match: str, item: Item) -> bool:
        """Whether the glob matches the attachment's name, whatever its case."""
        return matches(match, item.name, ignore_case=True)

    def is_past(self, cursor: str | None, item: Item) -> bool:
        """Whether a listing that goes on at the cursor has the item's message behind it."""
        place = read_places(cursor).get(item.detail["folder"])
        validity, _, uid = item.detail["uid"].partition(":")
        return place is not None and str(place.validity) == validity and place.uid >= int(uid)

    @property
    def answer_unmatched(self) -> Sequence[str]:
        """Senders that are told when no feed takes what they sent (protocol `Answering`)."""
        return self._config.answer_unmatched

    @contextmanager
    def open(self, item: Item) -> Iterator[BinaryIO]:
        """Stream one attachment. Raises ItemChangedError if the message is gone, and DataError for
        an attachment that is cut short or larger than `attachment_bytes`."""
        with tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES) as spool:
            with logged_in(self._config) as client:
                write(client, self._config, item, cast(BinaryIO, spool))
            spool.seek(0)
            if not is_within(item):
                yield cast(BinaryIO, spool)
                return
            data = within(item, spool.read())
        yield io.BytesIO(data)

    def fetch_many(
        self, items: Sequence[Item], folder: Path
    ) -> Iterator[tuple[Item, Path | WaybillError]]:
        """Each item with its file or its error (protocol `FetchesMany`); the parts of many messages
        by one command, over one connection."""

        def alone(item: Item) -> Path | WaybillError:
            with logged_in(self._config) as client:
                return kept(client, self._config, item, None, folder)

        return each_once(items, self._fetched(items, folder), alone, self._enter)

    def _fetched(
        self, items: Sequence[Item], folder: Path
    ) -> Iterator[tuple[Item, Path | WaybillError]]:
        with logged_in(self._config) as client:
            for where, some in by_folder(items).items():
                for item, body in bodies(client, self._config, where, some):
                    yield item, kept(client, self._config, item, body, folder)

    def vouched(self, item: Item) -> Sequence[Vouched]:
        """What speaks for the sender of an item's message (protocol `Vouching`). Raises
        RetryableError when DNS is away, ItemChangedError if the message is gone."""
        return vouched_for(self._config.authentication, item, lambda: self._whole(item))

    def _whole(self, item: Item) -> bytes:
        """An item's message, as a signature is made over it; nothing of one that is too large."""
        with logged_in(self._config) as client:
            found = find(client, self._config, item, readonly=True)
            if found is None:
                raise gone(item)
            try:
                return b"".join(blocks(client, found.uid, "", _SIGNED_BYTES))
            except DataError:
                return b""

    def acknowledge(self, item: Item, answer: Answer) -> None:
        """With the message's last attachment, mark it as seen and move it if configured. Quiet if
        the message has gone: a person, or an earlier try, has moved it."""
        if answer.last_of_group:
            self.finish(item)

    @property
    def moves(self) -> bool:
        """Always: messages are marked, and moved if configured."""
        return True

    def finish(self, item: Item) -> None:
        """Mark the item's message as seen and move it if configured; quiet if it has gone."""
        with logged_in(self._config) as client:
            finish(client, self._config, item)

    def finish_many(self, items: Sequence[Item]) -> Iterator[tuple[Item, WaybillError | None]]:
        """Each item whose message is marked, or its error (protocol `FinishesMany`); the messages
        of a folder by one command each for their flags and their move."""
        return each_once(items, self._finished(items), self.finish, self._enter)

    def _finished(self, items: Sequence[Item]) -> Iterator[tuple[Item, None]]:
        with logged_in(self._config) as client:
            for folder, some in by_folder(items).items():
                done, left = finish_together(client, self._config, folder, some)
                yield from ((item, None) for item in done)
                for item in left:
                    finish(client, self._config, item)
                    yield item, None

    def _enter(self) -> None:
        with logged_in(self._config):
            pass

    def forget(self, item: Item, mark: str = "") -> int:
        """Nothing: replies are in their readers' mailboxes."""
        return 0

    def watches(self, stop: threading.Event) -> Iterator[Iterator[None]]:
        """For every folder that is read, also for those that come to match a glob later, an
        iterator that goes on when mail may have arrived."""
        return watches(self._config, stop)

    def check(self) -> str:
        """Log in, open every folder and that of `move_to`, try `search`, and count the messages."""
        config = self._config
        with logged_in(config) as client:
            count = 0
            folders = chosen(client, config)
            for folder in folders:
                select(client, config, folder, readonly=True)
                count += int(client.folder_status(folder, ["MESSAGES"])[b"MESSAGES"])
                search(client, config, ["ALL"])
            if config.move_to:
                select(client, config, config.move_to, readonly=False)
        named = ", ".join(folders) or "no folder"
        return f"{config.user} at {config.host}, {named}: {count:,} messages"
