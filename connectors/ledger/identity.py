"""Identity: which listed items are deliveries that the ledger knows by another version.

A delivery is told by its key and its time, not by its bytes: what is put back to earlier bytes is
news, and what only has another time than before is not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import batched

from sqlalchemy import Connection, select, update

from connectors.ledger.tables import files
from schemas.item import Item

_AT_ONCE = 500
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownVersion:
    """A version of a key that the ledger has."""

    file_id: str
    version: str
    sent_at: datetime

    def is_called(self, former: str | None) -> bool:
        """Whether it is known by a former version, alone or with a time behind it."""
        return former is not None and (
            self.version == former or self.version.startswith(f"{former}:")
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """What is to be written of listed items: those that are news, by file id, and known files by
    the items that they are."""

    unseen: Mapping[str, Item]
    renamed: Mapping[str, Item]


def known_versions(
    connection: Connection, feed: str, source: str, items: Iterable[Item]
) -> Mapping[str, list[KnownVersion]]:
    """The versions that a source has brought of the items' keys, as they were found, by key. Items
    that go by one version only are not looked up."""
    keys = sorted({item.key for item in items if item.formerly is not None})
    found: dict[str, list[KnownVersion]] = defaultdict(list)
    columns = (files.c.key, files.c.file_id, files.c.version, files.c.sent_at)
    for some in batched(keys, _AT_ONCE, strict=False):
        query = (
            select(*columns)
            .where(files.c.key.in_(some), files.c.feed == feed, files.c.source == source)
            .order_by(files.c.discovered_at, files.c.sent_at, files.c.file_id)
        )
        for key, file_id, version, sent_at in connection.execute(query):
            found[key].append(KnownVersion(file_id=file_id, version=version, sent_at=sent_at))
    return found


def told_apart(
    items: Mapping[str, Item], known: Mapping[str, list[KnownVersion]], now: datetime
) -> Standing:
    """Tell news from what is known under another version; `items` are those not known by id."""
    unseen: dict[str, Item] = {}
    renamed: dict[str, Item] = {}
    for file_id, item in items.items():
        versions = known.get(item.key, [])
        if any(each.version == item.version for each in versions):
            continue
        if versions and versions[-1].is_called(item.formerly):
            renamed[versions[-1].file_id] = item
            continue
        if any(each.is_called(item.formerly) for each in versions):
            # Put back: its own time may be that of the first time it lay there.
            newest = max(each.sent_at for each in versions)
            item = replace(item, sent_at=_latest(item.sent_at, newest, now))
        unseen[file_id] = item
    return Standing(unseen=unseen, renamed=renamed)


def _latest(sent: datetime, newest: datetime, now: datetime) -> datetime:
    return sent if sent > newest else max(now, newest + _TICK)


def rename(connection: Connection, renamed: Mapping[str, Item]) -> None:
    """Give known files the version and the details under which their source lists them now."""
    for file_id, item in renamed.items():
        connection.execute(
            update(files)
            .where(files.c.file_id == file_id)
            .values(version=item.version, detail=dict(item.detail))
        )
