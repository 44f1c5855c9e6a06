"""MailboxSource: report attachments that partners mail, read by IMAP."""

from __future__ import annotations

import io
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import BinaryIO, cast

from imapclient import IMAPClient

from connectors.globs import matches
from connectors.mailbox.authentication import vouched_for
from connectors.mailbox.config import MailboxConfig
from connectors.mailbox.containers import files_within
from connectors.mailbox.decode import cut_short, decoded
from connectors.mailbox.fetch import blocks, ends_with, too_large
from connectors.mailbox.find_message import FoundMessage, find
from connectors.mailbox.folders import chosen, move, select
from connectors.mailbox.listing import Listing, search
from connectors.mailbox.login import logged_in
from connectors.mailbox.parts import PartReader
from connectors.mailbox.places import read_places
from connectors.mailbox.watch import watches
from schemas.errors import ConfigError, DataError, ItemChangedError
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
        detail = item.detail
        with tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES) as spool:
            with logged_in(self._config) as client:
                found = find(client, self._config, item, readonly=True)
                if found is None:
                    raise ItemChangedError(f"the message with {item.name} is gone")
                if "whole" in detail:
                    yield io.BytesIO(self._whole_file(client, found.uid, item))
                    return
                most = self._config.attachment_bytes
                size = int(detail["octets"]) if detail.get("octets") else None
                sent = blocks(client, found.uid, detail["section"], most, size)
                for block in decoded(sent, detail["encoding"]):
                    spool.write(block)
                    if spool.tell() > most:
                        raise too_large(most)
                if detail.get("last"):
                    self._check_end(client, found)
            spool.seek(0)
            if not detail["inner"]:
                yield cast(BinaryIO, spool)
                return
            files = files_within(detail["container"], detail["kind"], spool.read())
        yield io.BytesIO(files[int(detail["inner"])][1])

    def _check_end(self, client: IMAPClient, found: FoundMessage) -> None:
        """Make sure that a message's last part has its end; raises DataError if it was cut off."""
        if not found.letter.boundary:
            return
        sign = f"--{found.letter.boundary}--".encode("utf-8", "replace")
        if not ends_with(client, found.uid, found.size, sign, self._config.attachment_bytes):
            raise cut_short("multipart")

    def vouched(self, item: Item) -> Sequence[Vouched]:
        """What speaks for the sender of an item's message (protocol `Vouching`). Raises
        RetryableError when DNS is away, ItemChangedError if the message is gone."""
        return vouched_for(self._config.authentication, item, lambda: self._whole(item))

    def _whole(self, item: Item) -> bytes:
        """An item's message, as a signature is made over it; nothing of one that is too large."""
        with logged_in(self._config) as client:
            found = find(client, self._config, item, readonly=True)
            if found is None:
                raise ItemChangedError(f"the message with {item.name} is gone")
            try:
                return b"".join(blocks(client, found.uid, "", _SIGNED_BYTES))
            except DataError:
                return b""

    def _whole_file(self, client: IMAPClient, uid: int, item: Item) -> bytes:
        at = (item.detail["section"], item.detail["inner"])
        for found in PartReader(client).whole_files(uid):
            if (str(found.number), found.inner) == at:
                return found.whole()
        raise ItemChangedError(f"the message with {item.name} has changed")

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
        target = self._config.move_to
        with logged_in(self._config) as client:
            found = find(client, self._config, item, readonly=False)
            if found is None:
                return
            client.add_flags([found.uid], [b"\\Seen", b"\\Answered"])
            if target and client.folder_exists(target):
                move(client, found.uid, target)
            elif target:
                raise ConfigError(
                    f"mailbox {self._config.user} has no folder {target}",
                    hint="make the folder, or correct move_to of this source",
                )

    def forget(self, item: Item) -> int:
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
