"""Files: writing them down, finding them, and their timelines."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from datetime import datetime
from itertools import batched

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select, update

from connectors.ledger.database import Database, insert_into
from connectors.ledger.file_rows import Condition, files_by, one_file, start_again
from connectors.ledger.identity import known_versions, rename, told_apart
from connectors.ledger.records import file_of, row_of, write_events
from connectors.ledger.tables import GROUPED, NOTED, OWED, PREPARED, SUPERSEDED, WAITING, feeds
from connectors.ledger.tables import files as files_table
from schemas.file import AT_REST, Event, File, Outcome, Status, file_id_of
from schemas.item import Item, Page
from schemas.left_document import LeftDocument

_AT_ONCE = 500
_MAX_FOUND = 100
_ID = re.compile(r"[0-9a-f]{1,16}")


class Files:
    """The files of the ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def register(self, feed: str, source: str, page: Page, *, past: bool = False) -> Sequence[str]:
        items = {file_id_of(feed, item.key, item.version): item for item in page.items}
        now = self._database.now()
        with self._database.read() as connection:
            known = _known(connection, list(items))
            cursor = connection.scalar(select(feeds.c.cursor).where(feeds.c.feed == feed))
            others = {file_id: items[file_id] for file_id in items if file_id not in known}
            standing = told_apart(
                others, known_versions(connection, feed, source, others.values()), now
            )
        items, unseen = items | dict(standing.unseen), [*standing.unseen]
        if not unseen and not standing.renamed and page.cursor in (None, cursor):
            return []
        new: set[str] = set()
        with self._database.write() as connection:
            rename(connection, standing.renamed)
            rows = [
                row_of(file_id, feed, source, items[file_id], now, past=past) for file_id in unseen
            ]
            for some in batched(rows, _AT_ONCE, strict=False):
                # Another process may have written the same items since they were looked up.
                statement = insert_into(connection, files_table).on_conflict_do_nothing()
                new.update(
                    connection.scalars(statement.returning(files_table.c.file_id), list(some))
                )
            write_events(
                connection,
                (
                    Event(file_id=file_id, at=now, step="discover", outcome="discovered")
                    for file_id in unseen
                    if file_id in new
                ),
            )
            if page.cursor is not None:
                _save_cursor(connection, feed, page.cursor)
        return [file_id for file_id in unseen if file_id in new]

    def waiting(self, feed: str) -> int:
        query = select(func.count()).select_from(files_table).where(files_table.c.feed == feed)
        with self._database.read() as connection:
            # Two counts, for each has a partial index of its own.
            unprepared, prepared = (
                connection.scalars(query.where(each)).one() for each in (WAITING, PREPARED)
            )
            return unprepared + prepared

    def unprepared(self, feed: str) -> bool:
        query = select(files_table.c.file_id).where(files_table.c.feed == feed, WAITING).limit(1)
        with self._database.read() as connection:
            return connection.scalar(query) is not None

    def get(self, file_id: str) -> File:
        with self._database.read() as connection:
            return one_file(connection, file_id)

    def many(self, file_ids: Collection[str]) -> Sequence[File]:
        with self._database.read() as connection:
            found = files_by(connection, files_table.c.file_id, file_ids)
        return sorted(found, key=lambda file: file.file_id)

    def versions(self, feed: str, keys: Collection[str]) -> Sequence[File]:
        with self._database.read() as connection:
            # With the feed in the question SQLite would look through all of the feed's files.
            found = files_by(connection, files_table.c.key, keys)
        return sorted((file for file in found if file.feed == feed), key=File.order)

    def listed(self, source: str, items: Collection[Item]) -> set[tuple[str, str]]:
        columns = (files_table.c.key, files_table.c.version)
        wanted = {item.key for item in items}
        with self._database.read() as connection:
            return {
                (key, version)
                for some in batched(sorted(wanted), _AT_ONCE, strict=False)
                for key, version in connection.execute(
                    select(*columns).where(
                        files_table.c.key.in_(some), files_table.c.source == source
                    )
                )
            }

    def superseded_by(self, file_ids: Collection[str]) -> Sequence[File]:
        with self._database.read() as connection:
            found = files_by(connection, files_table.c.superseded_by, file_ids, SUPERSEDED)
        return sorted(found, key=lambda file: file.file_id)

    def of_batch(self, batch_id: str) -> Sequence[File]:
        query = select(files_table).where(files_table.c.batch_id == batch_id)
        with self._database.read() as connection:
            return sorted(map(file_of, connection.execute(query).mappings()), key=File.order)

    def find(self, text: str) -> Sequence[File]:
        matches: list[ColumnElement[bool]] = [
            files_table.c.key == text,
            files_table.c.name == text,
        ]
        prefix = text.strip().lower()
        if _ID.fullmatch(prefix):
            # A range can use the primary key on both databases; LIKE cannot. "g" ends the digits.
            file_id = files_table.c.file_id
            matches.append(and_(file_id >= prefix, file_id < prefix + "g"))
        return self._newest([or_(*matches)], _MAX_FOUND)

    def latest(
        self,
        *,
        feed: str | None = None,
        status: str | None = None,
        since: datetime | None = None,
        limit: int = 100,
    ) -> Sequence[File]:
        conditions: list[Condition] = []
        if feed is not None:
            conditions.append(files_table.c.feed == feed)
        if status is not None:
            conditions += status_is(status)
        if since is not None:
            conditions.append(files_table.c.discovered_at >= since)
        return self._newest(conditions, limit)

    def retry(self, file_id: str, *, quiet: bool = False, may_lose: bool = False) -> File:
        now = self._database.now()
        with self._database.write() as connection:
            old = one_file(connection, file_id, lock=True)
            if old.status is Status.HELD:
                raise ValueError(
                    f"{old.item.name} is held; to let it in: waybill release {file_id}"
                )
            if old.status not in AT_REST:
                raise ValueError(f"{old.item.name} is {old.status}: it is still on its way")
            start_again(connection, old, now, quiet=quiet, may_lose=may_lose)
            return one_file(connection, file_id)

    def note_left(self, file_id: str, left: LeftDocument | None) -> None:
        own = files_table.c.file_id == file_id
        values = {"rejects_left": left.to_json() if left is not None else None}
        with self._database.write() as connection:
            connection.execute(update(files_table).where(own).values(values))

    def prepare_again(self, feed: str, version: str) -> Sequence[str]:
        prepared_by = files_table.c.contract_version
        stale = and_(
            files_table.c.feed == feed,
            PREPARED,
            prepared_by != version,
            prepared_by.not_like(f"{version}+%"),
        )
        with self._database.read() as connection:
            if connection.scalar(select(files_table.c.file_id).where(stale).limit(1)) is None:
                return []
        now = self._database.now()
        with self._database.write() as connection:
            again = connection.scalars(
                update(files_table)
                .where(stale)
                .values(status=Status.DISCOVERED, tries=0, retry_at=None)
                .returning(files_table.c.file_id)
            ).all()
            message = "the contract has changed meanwhile"
            write_events(
                connection,
                (
                    Event(file_id=each, at=now, step="prepare", outcome="again", message=message)
                    for each in again
                ),
            )
        return again

    def unfinished_of_group(self, file: File) -> int:
        if file.item.group is None:
            return 0
        query = (
            select(func.count())
            .select_from(files_table)
            .where(
                files_table.c.source == file.source,
                files_table.c.item_group == file.item.group,
                files_table.c.file_id != file.file_id,
                files_table.c.status.not_in((Status.FAILED, Status.UNLOADING)),
                GROUPED,
            )
        )
        with self._database.read() as connection:
            return connection.scalars(query).one()

    def _newest(self, conditions: Sequence[Condition], limit: int) -> list[File]:
        query = (
            select(files_table)
            .where(*conditions)
            .order_by(files_table.c.discovered_at.desc(), files_table.c.sent_at.desc())
            .limit(limit)
        )
        with self._database.read() as connection:
            return [file_of(row) for row in connection.execute(query).mappings()]


def _known(connection: Connection, file_ids: Sequence[str]) -> set[str]:
    known: set[str] = set()
    for some in batched(file_ids, _AT_ONCE, strict=False):
        query = select(files_table.c.file_id).where(files_table.c.file_id.in_(some))
        known.update(connection.scalars(query))
    return known


def _save_cursor(connection: Connection, feed: str, cursor: str) -> None:
    statement = insert_into(connection, feeds).values(feed=feed, cursor=cursor)
    connection.execute(
        statement.on_conflict_do_update(index_elements=["feed"], set_={"cursor": cursor})
    )


def status_is(word: str) -> list[Condition]:
    """The condition that a status or an outcome names, with that of the index that finds it."""
    if word in list(Status):
        same = files_table.c.status == word
        return [same] if word == Status.DONE else [same, OWED]
    if word in list(Outcome):
        same = files_table.c.outcome == word
        return [same] if word == Outcome.ACCEPTED else [same, NOTED]
    words = ", ".join([*Status, *Outcome])
    raise ValueError(f'"{word}" is not a status or an outcome: {words}')
