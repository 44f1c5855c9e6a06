"""Files: writing them down, finding them, and their timelines."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from datetime import datetime
from itertools import batched
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, func, or_, select, update
from sqlalchemy.sql.elements import TextClause

from connectors.ledger.database import Database, insert_into
from connectors.ledger.identity import known_versions, rename, told_apart
from connectors.ledger.records import event_of, facts_of, file_of, row_of, write_events
from connectors.ledger.tables import GROUPED, NOTED, OWED, PREPARED, SUPERSEDED, WAITING, feeds
from connectors.ledger.tables import events as events_table
from connectors.ledger.tables import files as files_table
from schemas.file import AT_REST, Event, File, Outcome, Status, file_id_of
from schemas.item import Item, Page

_AT_ONCE = 500
_MOST_FOUND = 100
_ID = re.compile(r"[0-9a-f]{1,16}")

Condition = ColumnElement[bool] | TextClause


class Files:
    """The files of the ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def register(self, feed: str, source: str, page: Page, *, past: bool = False) -> Sequence[str]:
        """Write the page's unseen items and its cursor; the new file ids, in the page's order.

        Items of the `past` take their place among the loads by when they were sent. A page without
        news (the usual case) only reads. What is known by its former version is given the new one
        and keeps its file id; what was put back to an earlier state counts as sent now, so that it
        is the newest.
        """
        items = {file_id_of(feed, item.key, item.version): item for item in page.items}
        now = self._database.now()
        with self._database.read() as connection:
            known = _known(connection, list(items))
            cursor = connection.scalar(select(feeds.c.cursor).where(feeds.c.feed == feed))
            others = {file_id: items[file_id] for file_id in items if file_id not in known}
            standing = told_apart(others, known_versions(connection, feed, others.values()), now)
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
        """How many files of the feed are discovered or prepared but in no batch yet."""
        query = select(func.count()).select_from(files_table).where(files_table.c.feed == feed)
        with self._database.read() as connection:
            # Two counts, for each has a partial index of its own.
            unprepared, prepared = (
                connection.scalars(query.where(each)).one() for each in (WAITING, PREPARED)
            )
            return unprepared + prepared

    def unprepared(self, feed: str) -> bool:
        """Whether any file of the feed is discovered or being prepared."""
        query = select(files_table.c.file_id).where(files_table.c.feed == feed, WAITING).limit(1)
        with self._database.read() as connection:
            return connection.scalar(query) is not None

    def get(self, file_id: str) -> File:
        """The file; raises KeyError."""
        with self._database.read() as connection:
            return one_file(connection, file_id)

    def many(self, file_ids: Collection[str]) -> Sequence[File]:
        """The files of those ids, by id; unknown ids are left out."""
        with self._database.read() as connection:
            found = files_by(connection, files_table.c.file_id, file_ids)
        return sorted(found, key=lambda file: file.file_id)

    def versions(self, feed: str, keys: Collection[str]) -> Sequence[File]:
        """All versions of those keys that the feed has taken in, oldest first."""
        with self._database.read() as connection:
            found = files_by(connection, files_table.c.key, keys, files_table.c.feed == feed)
        return sorted(found, key=File.order)

    def listed(self, source: str, items: Collection[Item]) -> set[tuple[str, str]]:
        """Key and version of the files, of whatever feed, that lie where those items of a source
        do."""
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
        """The files that those have superseded, by id."""
        with self._database.read() as connection:
            found = files_by(connection, files_table.c.superseded_by, file_ids, SUPERSEDED)
        return sorted(found, key=lambda file: file.file_id)

    def of_batch(self, batch_id: str) -> Sequence[File]:
        """The files that were last part of that batch, oldest first."""
        query = select(files_table).where(files_table.c.batch_id == batch_id)
        with self._database.read() as connection:
            return sorted(map(file_of, connection.execute(query).mappings()), key=File.order)

    def find(self, text: str) -> Sequence[File]:
        """The latest files whose id starts with, or whose key or name is, that text."""
        matches: list[ColumnElement[bool]] = [
            files_table.c.key == text,
            files_table.c.name == text,
        ]
        prefix = text.strip().lower()
        if _ID.fullmatch(prefix):
            # A range can use the primary key on both databases; LIKE cannot. "g" ends the digits.
            file_id = files_table.c.file_id
            matches.append(and_(file_id >= prefix, file_id < prefix + "g"))
        return self._newest([or_(*matches)], _MOST_FOUND)

    def files(
        self,
        *,
        feed: str | None = None,
        status: str | None = None,
        since: datetime | None = None,
        limit: int = 100,
    ) -> Sequence[File]:
        """The latest files, newest first. `status` may also be an outcome.

        Raises ValueError for a status that is neither.
        """
        conditions: list[Condition] = []
        if feed is not None:
            conditions.append(files_table.c.feed == feed)
        if status is not None:
            conditions += _status_is(status)
        if since is not None:
            conditions.append(files_table.c.discovered_at >= since)
        return self._newest(conditions, limit)

    def events(self, file_id: str) -> Sequence[Event]:
        """The file's timeline, oldest first."""
        query = (
            select(events_table)
            .where(events_table.c.file_id == file_id)
            .order_by(events_table.c.event_id)
        )
        with self._database.read() as connection:
            return [event_of(row) for row in connection.execute(query).mappings()]

    def retry(self, file_id: str, *, quiet: bool = False, may_lose: bool = False) -> File:
        """Send a done, failed or unloaded file on its way again from the start.

        What is known of its bytes stays, so that the source is not asked for them again. `quiet`:
        its sender gets no mail about it. `may_lose`: it may take the place of rows under which
        others cannot come back. Raises KeyError, and ValueError for a file that is still on its
        way.
        """
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

    def prepare_again(self, feed: str, version: str) -> Sequence[str]:
        """Send back the feed's prepared files whose contract has changed; their file ids.

        What was staged for them is as the contract was. A version that was only extended counts
        as the same.
        """
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
        """How many other files of the same source and group are not done or failed."""
        if file.item.group is None:
            return 0
        query = (
            select(func.count())
            .select_from(files_table)
            .where(
                files_table.c.source == file.source,
                files_table.c.item_group == file.item.group,
                files_table.c.file_id != file.file_id,
                GROUPED,
            )
        )
        with self._database.read() as connection:
            return connection.scalars(query).one()

    def prune(self, before: datetime, most: int = 10_000, *, dry_run: bool = False) -> int:
        """Forget timelines of files done before that time, at most so many events; how many went.
        With `dry_run`, how many would go in all."""
        done = select(files_table.c.file_id).where(
            files_table.c.file_id == events_table.c.file_id,
            files_table.c.status == Status.DONE,
            files_table.c.done_at < before,
        )
        # A file's events are not later than its end, so the old events are enough to look at.
        old = select(events_table.c.event_id).where(events_table.c.at < before, done.exists())
        if dry_run:
            with self._database.read() as connection:
                return connection.scalars(select(func.count()).select_from(old.subquery())).one()
        some = old.order_by(events_table.c.at).limit(most)
        with self._database.write() as connection:
            gone = delete(events_table).where(events_table.c.event_id.in_(some))
            return connection.execute(gone).rowcount

    def _newest(self, conditions: Sequence[Condition], limit: int) -> list[File]:
        query = (
            select(files_table)
            .where(*conditions)
            .order_by(files_table.c.discovered_at.desc(), files_table.c.sent_at.desc())
            .limit(limit)
        )
        with self._database.read() as connection:
            return [file_of(row) for row in connection.execute(query).mappings()]


def files_by(
    connection: Connection,
    column: ColumnElement[Any],
    values: Collection[str],
    *more: Condition,
) -> list[File]:
    """The files whose column holds one of those values, if some more holds, in no order."""
    return [
        file_of(row)
        for some in batched(sorted(values), _AT_ONCE, strict=False)
        for row in connection.execute(select(files_table).where(*more, column.in_(some))).mappings()
    ]


def one_file(connection: Connection, file_id: str, *, lock: bool = False) -> File:
    """The file, and with `lock` nobody else's to change in this transaction; raises KeyError."""
    query = select(files_table).where(files_table.c.file_id == file_id)
    row = connection.execute(query.with_for_update() if lock else query).mappings().first()
    if row is None:
        raise KeyError(file_id)
    return file_of(row)


def start_again(
    connection: Connection,
    old: File,
    now: datetime,
    *,
    quiet: bool = False,
    may_lose: bool = False,
    why: str = "requested",
) -> None:
    """Put a file that is at rest back to its start, in the caller's transaction."""
    fresh = File(
        file_id=old.file_id,
        feed=old.feed,
        source=old.source,
        item=old.item,
        status=Status.DISCOVERED,
        sha256=old.sha256,
        size=old.size,
        landing_key=old.landing_key,
        corrects=old.corrects,
    )
    connection.execute(
        update(files_table)
        .where(files_table.c.file_id == old.file_id)
        .values(
            status=Status.DISCOVERED,
            tries=0,
            batch_id=None,
            quiet=quiet,
            may_lose=may_lose,
            **facts_of(fresh),
        )
    )
    write_events(connection, [Event(file_id=old.file_id, at=now, step="retry", outcome=why)])


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


def _status_is(word: str) -> list[Condition]:
    """The condition that a status or an outcome names, with that of the index that finds it."""
    if word in list(Status):
        same = files_table.c.status == word
        return [same] if word == Status.DONE else [same, OWED]
    if word in list(Outcome):
        same = files_table.c.outcome == word
        return [same] if word == Outcome.ACCEPTED else [same, NOTED]
    words = ", ".join([*Status, *Outcome])
    raise ValueError(f'"{word}" is not a status or an outcome: {words}')
