"""MailboxSource: report attachments that partners mail, read by IMAP."""

from __future__ import annotations

import io
import json
import logging
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from email.message import Message
from itertools import batched
from typing import BinaryIO, cast

from imapclient import IMAPClient

from connectors.authentication import vouched_for
from connectors.mailbox.config import MailboxConfig
from connectors.mailbox.containers import MessageFile, files_within, is_container, unfolded_files
from connectors.mailbox.decode import decoded
from connectors.mailbox.fetch import HEADER_BYTES, blocks, fetched, named_parts, too_large
from connectors.mailbox.folders import chosen, move, select
from connectors.mailbox.items import FilePart, item_of, part_of
from connectors.mailbox.letter import (
    Letter,
    encoding_of,
    file_name,
    letter_of,
    read_headers,
    tell_passed_over,
)
from connectors.mailbox.login import logged_in
from connectors.mailbox.structure import BrokenStructureError, Leaf, leaves
from connectors.mailbox.watch import watches
from connectors.match import compile_match
from schemas.errors import DataError, ItemChangedError
from schemas.item import Item, Page
from schemas.receipt import Answer
from schemas.trust import Vouched

log = logging.getLogger(__name__)

_AT_ONCE = 200
_ABOUT = ("INTERNALDATE", f"BODY.PEEK[HEADER]<0.{HEADER_BYTES}>")
_CONTAINER_BYTES = 64 * 1024 * 1024
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

    def list(self, match: str, cursor: str | None) -> Iterator[Page]:
        """Pages of the attachments whose file name matches, of messages after the cursor (the last
        UID looked at, by folder). Automatic replies and our own mails are passed over."""
        pattern = compile_match(match, ignore_case=True)
        places = _places(cursor)
        with logged_in(self._config) as client:
            for folder in chosen(client, self._config):
                validity = select(client, self._config, folder, readonly=True)
                known, last = places.get(folder, (0, 0))
                last = last if known == validity else 0
                found = client.search(["UID", f"{last + 1}:*", *self._config.search])
                # `n:*` always has the last message, even when its UID is below n (RFC 3501).
                new = sorted(uid for uid in found if uid > last)
                for uids in batched(new, _AT_ONCE, strict=False):
                    items = self._items(client, folder, validity, uids)
                    places[folder] = (validity, uids[-1])
                    yield Page(
                        items=tuple(each for each in items if pattern.match(each.name)),
                        cursor=json.dumps(places),
                    )

    def _items(
        self, client: IMAPClient, folder: str, validity: int, uids: Sequence[int]
    ) -> Iterator[Item]:
        """The files of some messages, in the order they arrived."""
        parts: dict[int, list[Leaf]] = {}
        letters: dict[int, tuple[Letter, datetime]] = {}
        whole: list[int] = []
        for uid, data in fetched(client, uids, ["BODYSTRUCTURE", *_ABOUT]):
            told = data or dict(fetched(client, [uid], _ABOUT)).get(uid)
            if told is None:
                log.warning("%s, UID %d is passed over: it cannot be read", folder, uid)
                continue
            headed = read_headers(told[b"BODY[HEADER]<0>"] or b"")
            letter = letter_of(headed, self._config.own_address)
            letters[uid] = letter, told[b"INTERNALDATE"]
            try:
                parts[uid] = leaves(data[b"BODYSTRUCTURE"] if data else ())
            except BrokenStructureError:
                whole.append(uid)
            except DataError as error:
                log.warning("%s, UID %d is passed over: %s", folder, uid, error.message)
        named = named_parts(client, parts)
        for uid, letter_and_date in letters.items():
            place = {"folder": folder, "uid": f"{validity}:{uid}"}
            if letter_and_date[0].passed_over:
                names = [name for _, headers in named.get(uid, ()) if (name := file_name(headers))]
                if names or uid in whole:
                    tell_passed_over(f"{folder}, UID {uid}", letter_and_date[0], names)
                continue
            for leaf, headers in named.get(uid, ()):
                for part in self._files(client, uid, leaf, headers):
                    yield item_of(*letter_and_date, part, place, uid)
            if uid in whole:
                for found in self._whole_files(client, uid):
                    yield item_of(*letter_and_date, part_of(found), {**place, "whole": "yes"}, uid)

    def _whole_files(self, client: IMAPClient, uid: int) -> Sequence[MessageFile]:
        """The files of a message of which the server tells no structure; none of one too large."""
        try:
            raw = b"".join(blocks(client, uid, "", _CONTAINER_BYTES))
            return tuple(unfolded_files(io.BytesIO(raw)))
        except DataError as error:
            log.warning("UID %d is passed over: %s", uid, error.message)
            return ()

    def _files(
        self, client: IMAPClient, uid: int, leaf: Leaf, headers: Message
    ) -> Iterator[FilePart]:
        """The file that a part is, or the files that it holds; none if it has no name."""
        whole = FilePart(
            name=file_name(headers),
            section=leaf.section,
            kind=leaf.kind,
            encoding=encoding_of(headers),
            size=leaf.size,
        )
        if is_container(whole.name, leaf.kind) and leaf.size <= _CONTAINER_BYTES:
            try:
                sent = blocks(client, uid, leaf.section, _CONTAINER_BYTES)
                data = b"".join(decoded(sent, whole.encoding))
                inner = files_within(whole.name, leaf.kind, data)
            except DataError as error:
                log.warning("UID %d: %s", uid, error.message)
            else:
                for number, (name, _) in enumerate(inner):
                    yield replace(whole, name=name, container=whole.name, inner=str(number))
                return
        if whole.name:
            yield whole

    @contextmanager
    def open(self, item: Item) -> Iterator[BinaryIO]:
        """Stream one attachment. Raises ItemChangedError if the message is gone, and DataError for
        an attachment that is cut short or larger than `attachment_bytes`."""
        detail = item.detail
        with tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES) as spool:
            with logged_in(self._config) as client:
                uid = self._found(client, item, readonly=True)
                if uid is None:
                    raise ItemChangedError(f"the message with {item.name} is gone")
                if "whole" in detail:
                    yield io.BytesIO(self._whole_file(client, uid, item))
                    return
                most = self._config.attachment_bytes
                sent = blocks(client, uid, detail["section"], most)
                for block in decoded(sent, detail["encoding"]):
                    spool.write(block)
                    if spool.tell() > most:
                        raise too_large(most)
            spool.seek(0)
            if not detail["inner"]:
                yield cast(BinaryIO, spool)
                return
            files = files_within(detail["container"], detail["kind"], spool.read())
        yield io.BytesIO(files[int(detail["inner"])][1])

    def vouched(self, item: Item) -> Sequence[Vouched]:
        """What speaks for the sender of an item's message (protocol `Vouching`). Raises
        RetryableError when DNS is away, ItemChangedError if the message is gone."""
        return vouched_for(self._config.authentication, item, lambda: self._whole(item))

    def _whole(self, item: Item) -> bytes:
        """An item's message, as a signature is made over it; nothing of one that is too large."""
        with logged_in(self._config) as client:
            uid = self._found(client, item, readonly=True)
            if uid is None:
                raise ItemChangedError(f"the message with {item.name} is gone")
            try:
                return b"".join(blocks(client, uid, "", _SIGNED_BYTES))
            except DataError:
                return b""

    def _whole_file(self, client: IMAPClient, uid: int, item: Item) -> bytes:
        at = (item.detail["section"], item.detail["inner"])
        for found in self._whole_files(client, uid):
            if (str(found.number), found.inner) == at:
                return found.data
        raise ItemChangedError(f"the message with {item.name} has changed")

    def _found(self, client: IMAPClient, item: Item, *, readonly: bool) -> int | None:
        """Open the folder of the item's message and say its UID there; None if it is gone.

        After a change of UIDVALIDITY it is looked for by its Message-ID, which others can write.
        """
        folder, (validity, _, uid) = item.detail["folder"], item.detail["uid"].partition(":")
        if str(select(client, self._config, folder, readonly=readonly)) == validity:
            return int(uid) if int(uid) in client.search(["UID", uid]) else None
        message_id = item.detail["message_id"]
        found = client.search(["HEADER", "Message-ID", message_id]) if message_id else []
        for number, told in fetched(client, list(found)[::-1], _ABOUT[1:]):
            headers = read_headers((told or {}).get(b"BODY[HEADER]<0>") or b"")
            if letter_of(headers).digest == item.group:
                return number
        return None

    def acknowledge(self, item: Item, answer: Answer) -> None:
        """With the message's last attachment, mark it as seen and move it if configured. Quiet if
        the message has gone: a person, or an earlier try, has moved it."""
        if not answer.last_of_group:
            return
        with logged_in(self._config) as client:
            uid = self._found(client, item, readonly=False)
            if uid is None:
                return
            client.add_flags([uid], [b"\\Seen", b"\\Answered"])
            if self._config.move_to:
                move(client, uid, self._config.move_to)

    def forget(self, item: Item) -> int:
        """Nothing: replies are in their readers' mailboxes."""
        return 0

    def watches(self, stop: threading.Event) -> Iterator[Iterator[None]]:
        """For every folder that is read, also for those that come to match a glob later, an
        iterator that goes on when mail may have arrived."""
        return watches(self._config, stop)

    def check(self) -> str:
        """Log in, open every folder and count the messages."""
        config = self._config
        with logged_in(config) as client:
            count = 0
            folders = chosen(client, config)
            for folder in folders:
                select(client, config, folder, readonly=True)
                count += int(client.folder_status(folder, ["MESSAGES"])[b"MESSAGES"])
        named = ", ".join(folders) or "no folder"
        return f"{config.user} at {config.host}, {named}: {count:,} messages"


def _places(cursor: str | None) -> dict[str, tuple[int, int]]:
    """UIDVALIDITY and the last UID looked at, by folder; none for a cursor that is not ours."""
    try:
        return {
            folder: (int(known), int(uid))
            for folder, (known, uid) in json.loads(cursor or "{}").items()
        }
    except (ValueError, TypeError, AttributeError):
        return {}
