"""Listing: the files of a mailbox's messages, folder by folder, and what brings none.

Answers of servers are not trusted whole: a message that is left out or refused is asked for by
itself, kept in the cursor to be asked for again, and told of; the others are read meanwhile.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.message import Message
from itertools import batched
from typing import Any

from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientAbortError, IMAPClientError

from connectors.mailbox.body_text import what_it_says
from connectors.mailbox.config import MailboxConfig
from connectors.mailbox.containers import (
    MessageFile,
)
from connectors.mailbox.fetch import HEADER_BYTES, fetched, named_parts
from connectors.mailbox.folders import Opened, chosen, opened
from connectors.mailbox.headers import (
    Letter,
    file_name,
    letter_of,
    read_headers,
    tell_passed_over,
)
from connectors.mailbox.items import item_of, left_of, part_of
from connectors.mailbox.parts import PartReader
from connectors.mailbox.places import MAX_PENDING, Place, read_places, written
from connectors.mailbox.structure import BrokenStructureError, Leaf, all_leaves
from schemas.errors import ConfigError, DataError, ItemDeniedError
from schemas.item import Item, Left, Page

log = logging.getLogger(__name__)

ABOUT = ("INTERNALDATE", f"BODY.PEEK[HEADER]<0.{HEADER_BYTES}>")
_AT_ONCE = 200


@dataclass(slots=True)
class _Seen:
    """What was found in some messages; `last` is the mark of the one with the highest UID."""

    items: list[Item] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    unread: list[int] = field(default_factory=list)
    last: str = ""


@dataclass(frozen=True, slots=True)
class _Found:
    """One message, as far as the server has told of it."""

    letter: Letter
    received: datetime
    place: dict[str, str]
    leaves: Sequence[Leaf] = ()
    is_whole: bool = False


class Listing:
    """One look at a mailbox, over an open connection."""

    def __init__(
        self, client: IMAPClient, config: MailboxConfig, since: datetime | None = None
    ) -> None:
        self._client, self._config, self._since = client, config, since
        self._reader = PartReader(client)

    def pages(self, cursor: str | None) -> Iterator[Page]:
        """All files of messages after the cursor, whatever their names, and what was left out."""
        places = read_places(cursor)
        for folder in chosen(self._client, self._config, places):
            there = opened(self._client, self._config, folder, readonly=True)
            place = self._from(places.get(folder), there)
            if place.pending:
                yield from self._again(folder, place, places)
                place = places[folder]
            for uids in batched(self._new(place, there), _AT_ONCE, strict=False):
                seen = self._look(folder, there.validity, uids)
                pending = (*place.pending, *seen.unread)[-MAX_PENDING:]
                place = Place(there.validity, uids[-1], seen.last, pending)
                places[folder] = place
                yield Page(items=tuple(seen.items), cursor=written(places), left=tuple(seen.left))
            if self._since is not None and there.next_uid - 1 > place.uid:
                # What is older than the feed is not looked at again.
                places[folder] = replace(place, validity=there.validity, uid=there.next_uid - 1,
                                         mark="")  # fmt: skip
                yield Page(items=(), cursor=written(places))

    def _from(self, known: Place | None, there: Opened) -> Place:
        """Where to go on: at the beginning for a folder that is new, or whose UIDs are."""
        if known is None or known.validity != there.validity:
            return Place(there.validity)
        if there.next_uid and there.next_uid <= known.uid:
            return Place(there.validity)
        if known.mark:
            told = dict(fetched(self._client, [known.uid], ABOUT)).get(known.uid)
            if told and _mark(self._letter(told)[0]) != known.mark:
                log.warning("the mail server counts its messages anew; all are looked at again")
                return Place(there.validity)
        return known

    def _new(self, place: Place, there: Opened) -> list[int]:
        asked: list[Any] = ["UID", f"{place.uid + 1}:*"]
        if self._since is not None:
            asked += ["SINCE", self._since.date()]
        # `n:*` always has the last message, even when its UID is below n (RFC 3501).
        return sorted(uid for uid in search(self._client, self._config, asked) if uid > place.uid)

    def _again(self, folder: str, place: Place, places: dict[str, Place]) -> Iterator[Page]:
        """Ask again for messages that could not be read before; those that are gone are let be."""
        seen = self._look(folder, place.validity, place.pending)
        places[folder] = replace(place, pending=tuple(seen.unread))
        readable = [uid for uid in place.pending if uid not in seen.unread]
        if readable:
            unknown = letter_of(read_headers(b""))
            cleared = (
                self._unreadable(folder, place.validity, uid, unknown).item for uid in readable
            )
            left = tuple(each for each in seen.left if each.why != "UNREADABLE")
            yield Page(
                items=tuple(seen.items), cursor=written(places), left=left, readable=tuple(cleared)
            )

    def _look(self, folder: str, validity: int, uids: Sequence[int]) -> _Seen:
        """The files of some messages, in the order they arrived."""
        seen, messages = _Seen(), dict[int, _Found]()
        for uid, data in fetched(self._client, uids, ["BODYSTRUCTURE", *ABOUT]):
            told = data or dict(fetched(self._client, [uid], ABOUT)).get(uid)
            if not told or told.get(b"BODY[HEADER]<0>") is None:
                self._not_read(seen, folder, validity, uid)
                continue
            letter, received = self._letter(told)
            if uid == uids[-1]:
                seen.last = _mark(letter)
            if self._since is not None and received.astimezone(UTC) < self._since:
                continue
            found = _Found(letter, received, {"folder": folder, "uid": f"{validity}:{uid}"})
            try:
                body = data[b"BODYSTRUCTURE"] if data else ()
                messages[uid] = replace(found, leaves=all_leaves(body), is_whole=letter.is_encoded)
            except (BrokenStructureError, KeyError):
                messages[uid] = replace(found, is_whole=True)
            except DataError as error:
                self._let_be(seen, found, "UNREADABLE", error)
        parts = {uid: [leaf for leaf in each.leaves if not leaf.is_text and not each.is_whole]
                 for uid, each in messages.items()}  # fmt: skip
        named = named_parts(self._client, parts)
        for uid, found in messages.items():
            if uid not in named:
                self._not_read(seen, folder, validity, uid, found.letter)
                continue
            try:
                self._add(seen, uid, found, named[uid])
            except ItemDeniedError:
                self._not_read(seen, folder, validity, uid, found.letter)
        return seen

    def _letter(self, told: dict[bytes, Any]) -> tuple[Letter, datetime]:
        received = told.get(b"INTERNALDATE")
        if not isinstance(received, datetime):
            received = datetime.fromtimestamp(0, UTC)
        headers = read_headers(told.get(b"BODY[HEADER]<0>") or b"")
        return letter_of(headers, self._config.own_address, received), received

    def _not_read(
        self, seen: _Seen, folder: str, validity: int, uid: int, letter: Letter | None = None
    ) -> None:
        log.warning("%s, UID %d cannot be read just now", folder, uid)
        seen.unread.append(uid)
        unknown = letter_of(read_headers(b""))
        left = self._unreadable(folder, validity, uid, unknown)
        if letter is not None:
            left = Left(replace(left.item, sender=letter.sender), left.why)
        seen.left.append(left)

    def _unreadable(self, folder: str, validity: int, uid: int, letter: Letter) -> Left:
        place = {"folder": folder, "uid": f"{validity}:{uid}"}
        name = f"{folder}, UID {uid}"
        left = left_of(letter, datetime.now(UTC), "UNREADABLE", name, place)
        return Left(replace(left.item, key=f"{folder}/{validity}:{uid}"), left.why)

    def _let_be(self, seen: _Seen, found: _Found, why: str, error: DataError | None = None) -> None:
        letter = found.letter
        if error is not None:
            log.warning("%s is passed over: %s", found.place, error.message)
        name = letter.subject or letter.message_id
        seen.left.append(left_of(letter, found.received, why, name, found.place))

    def _add(
        self, seen: _Seen, uid: int, found: _Found, named: Sequence[tuple[Leaf, Message]]
    ) -> None:
        """Put what a message brings to what was seen."""
        letter, received, place = found.letter, found.received, found.place
        if letter.passed_over:
            names = [name for _, headers in named if (name := file_name(headers))]
            if names or found.is_whole:
                where = f"{place['folder']}, UID {uid}"
                tell_passed_over(where, letter, names)
                if letter.brings_others:
                    seen.left += (
                        left_of(letter, received, "AUTOMATIC", name, place) for name in names
                    )
            return
        items: list[Item] = []
        if found.is_whole:
            whole = {**place, "whole": "yes"}
            for each in self._whole(seen, uid, found):
                items.append(item_of(letter, received, part_of(each), whole, uid))
        for leaf, headers in named:
            for part in self._reader.files(uid, leaf, headers, marked=not letter.message_id):
                items.append(item_of(letter, received, part, place, uid))
        seen.items += items
        if all(item.detail.get("adornment") for item in items) and not found.is_whole:
            self._let_be(seen, found, what_it_says(self._reader.texts(uid, found.leaves)))

    def _whole(self, seen: _Seen, uid: int, found: _Found) -> Sequence[MessageFile]:
        """The files of a message of which the server tells no structure."""
        try:
            return self._reader.whole_files(uid)
        except DataError as error:
            why = "TOO_LARGE" if "most" in error.values else "UNREADABLE"
            self._let_be(seen, found, why, error)
            return ()


def search(client: IMAPClient, config: MailboxConfig, asked: Sequence[Any]) -> Sequence[int]:
    """The UIDs that a search finds, of messages that `search` of the source lets through; raises
    ConfigError where the server does not take that."""
    own = [each for each in config.search if each.upper() != "ALL"]
    if not own:
        return list(client.search([*asked, "ALL"]))
    try:
        charset = None if all(each.isascii() for each in own) else "UTF-8"
        return list(client.search([*asked, *own], charset))
    except (IMAPClientAbortError, OSError):
        raise
    except (IMAPClientError, ValueError) as error:
        client.search(list(asked))
        # The rest of it is taken: it is our own part that the server does not understand.
        raise ConfigError(
            f"mailbox {config.host} does not understand search: {' '.join(own)} ({error})",
            hint="correct search of this source in config.yaml, in words of IMAP (RFC 3501, 6.4.4)",
        ) from error


def _mark(letter: Letter) -> str:
    return letter.digest[:12]
