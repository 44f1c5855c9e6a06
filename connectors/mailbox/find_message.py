"""Finding: the message of an item, wherever in the mailbox it lies by now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from imapclient import IMAPClient

from connectors.mailbox.config import MailboxConfig
from connectors.mailbox.fetch import HEADER_BYTES, fetched
from connectors.mailbox.folders import chosen, select
from connectors.mailbox.headers import Letter, letter_of, read_headers
from schemas.errors import ConfigError
from schemas.item import Item

_ABOUT = ("INTERNALDATE", "RFC822.SIZE", f"BODY.PEEK[HEADER]<0.{HEADER_BYTES}>")
_MAX = 1000
"""So many messages of one day, or of one Message-ID, are looked at in a folder."""


@dataclass(frozen=True, slots=True)
class FoundMessage:
    """A message of the folder that is open: its UID there, its size, and what its headers say."""

    uid: int
    size: int
    letter: Letter


def find(
    client: IMAPClient, config: MailboxConfig, item: Item, *, readonly: bool
) -> FoundMessage | None:
    """Open the folder in which an item's message lies and say which it is; None if it is gone.

    Its own headers tell it: others may have its UID, after a change of UIDVALIDITY or where a
    server counts anew, and others can write its Message-ID. People and rules of a server file it
    elsewhere: it is looked for in every folder that is read, and where we move what is done.
    """
    first = item.detail["folder"]
    validity, _, uid = item.detail["uid"].partition(":")
    others = [each for each in chosen(client, config, (first,)) if each != first]
    moved = [config.move_to] if config.move_to else []
    for folder in dict.fromkeys([first, *others, *moved]):
        try:
            there = select(client, config, folder, readonly=readonly)
        except ConfigError:
            # Folders come and go; the item's own may have gone with all that was in it.
            continue
        here = iter([int(uid)] if folder == first and str(there) == validity else [])
        if found := _same(client, item, here) or _same(client, item, _candidates(client, item)):
            return found
    return None


def _candidates(client: IMAPClient, item: Item) -> Iterator[int]:
    """The messages that may be it, the newest first."""
    if message_id := item.detail.get("message_id"):
        found = client.search(["HEADER", "Message-ID", message_id])
    elif received := item.detail.get("received"):
        day = date.fromisoformat(received)
        found = client.search(["SINCE", day - timedelta(days=1), "BEFORE", day + timedelta(days=2)])
    else:
        return
    yield from sorted(found, reverse=True)[:_MAX]


def letters(client: IMAPClient, uids: Sequence[int]) -> Iterator[FoundMessage]:
    """The messages of those UIDs of the open folder that are there and can be read."""
    for uid, told in fetched(client, uids, _ABOUT) if uids else ():
        if told is None:
            continue
        headers = read_headers(told.get(b"BODY[HEADER]<0>") or b"")
        letter = letter_of(headers, received=told.get(b"INTERNALDATE"))
        size = told.get(b"RFC822.SIZE")
        yield FoundMessage(uid, size if isinstance(size, int) else 0, letter)


def _same(client: IMAPClient, item: Item, uids: Iterator[int]) -> FoundMessage | None:
    found = letters(client, list(uids))
    return next((each for each in found if each.letter.digest == item.group), None)
