"""File pages: lists of files of any length, read one page at a time from where the last ended."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from itertools import batched
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, literal_column, or_, select

from connectors.ledger.columns import AnyText
from connectors.ledger.database import Database
from connectors.ledger.file_rows import Condition, files_by
from connectors.ledger.file_states import alternatives
from connectors.ledger.files import status_is
from connectors.ledger.records import file_of
from connectors.ledger.tables import files
from connectors.ledger.tables.conditions import FIXED, OWED
from schemas.file import File, Outcome
from schemas.file_query import FileQuery, FileState, Starts

_START = 64
_TAKEN = (Outcome.ACCEPTED, Outcome.PARTLY, Outcome.SUPERSEDED)
_FIRSTS_AT_ONCE = 50
_LOOKED_THROUGH = 5_000
"""So many files are looked through for a text within their names before a page ends."""


class FilePages:
    """Pages of the ledger's files."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def at_once(self) -> AbstractContextManager[None]:
        return self._database.together(writes=False)

    def newest(
        self, query: FileQuery, feed: str | None, after: tuple[datetime, str] | None, limit: int
    ) -> tuple[Sequence[File], tuple[datetime, str] | None]:
        wanted, feeds = _conditions(query), None if feed is None else [feed]
        of_sender = query.sender is not None
        if after is not None:
            # Said twice: the first half is what an index can begin at.
            at, file_id = after
            later = and_(files.c.discovered_at == at, files.c.file_id < file_id)
            wanted += [files.c.discovered_at <= at, or_(files.c.discovered_at < at, later)]
        if query.contains is not None:
            wanted += [*_any_of(query), *_of_feeds(feeds, [], hides=of_sender)]
            return self._containing(wanted, query.contains, limit)
        found: list[File] = []
        with self._database.read() as connection:
            for each in alternatives(query.state):
                of_feed = _of_feeds(feeds, each, hides=of_sender)
                some = select(files).where(*wanted, *of_feed, *each)
                chosen = _by_time(some, of_sender=of_sender)
                rows = connection.execute(chosen.limit(limit + 1))
                found += [file_of(row) for row in rows.mappings()]
        found.sort(key=lambda file: (file.discovered_at, file.file_id), reverse=True)
        return found[:limit], _mark(found[limit - 1]) if len(found) > limit else None

    def first_sent(
        self, feed: str, windows: Sequence[tuple[datetime, datetime]]
    ) -> Sequence[datetime | None]:
        if not windows:
            return []
        firsts = [
            select(files.c.sent_at)
            .where(
                files.c.feed == feed,
                files.c.discovered_at >= start,
                files.c.discovered_at < end,
                files.c.outcome.in_(_TAKEN),
            )
            .order_by(files.c.discovered_at)
            .limit(1)
            .scalar_subquery()
            for start, end in windows
        ]
        found: list[datetime | None] = []
        with self._database.read() as connection:
            for some in batched(firsts, _FIRSTS_AT_ONCE, strict=False):
                found += connection.execute(select(*some)).one()
        return found

    def at_most(self, state: FileState, feeds: Collection[str] | None, most: int) -> int:
        count = 0
        with self._database.read() as connection:
            if connection.dialect.name == "postgresql":
                # Where a state is frequent it would read the table from its beginning, in the hope
                # to meet enough of it soon: all of it, where they came lately.
                connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
            for each in alternatives(state):
                wanted = [*each, *_of_feeds(feeds, each)]
                some = select(files.c.file_id).where(*wanted).limit(most - count)
                count += connection.scalar(select(func.count()).select_from(some.subquery())) or 0
                if count >= most:
                    break
        return count

    def starting(
        self,
        by: Starts,
        query: FileQuery,
        feeds: Collection[str] | None,
        after: tuple[str, str] | None,
        limit: int,
    ) -> tuple[Sequence[File], tuple[str, str] | None]:
        text = query.starts or ""
        column = {Starts.NAME: files.c.name, Starts.SENDER: files.c.sender}[by]
        start = _start_of(column)
        wanted = [*_conditions(query), *_any_of(query), *_begins(start, text[:_START])]
        wanted += _of_feeds(feeds, [], hides=True)
        if len(text) > _START:
            wanted.append(_start_of(column, len(text)) == text)
        if by is Starts.SENDER:
            # Those whose name begins so, too, were found by it.
            wanted.append(_start_of(files.c.name, len(text)) != text)
        if after is not None:
            value, file_id = after
            later = and_(start == value, files.c.file_id > file_id)
            wanted += [start >= value, or_(start > value, later)]
        order = select(files).where(*wanted).order_by(start, files.c.file_id).limit(limit + 1)
        with self._database.read() as connection:
            found = [file_of(row) for row in connection.execute(order).mappings()]
        if len(found) <= limit:
            return found, None
        last = found[limit - 1]
        value = last.item.name if by is Starts.NAME else last.item.sender or ""
        return found[:limit], (value[:_START], last.file_id)

    def _containing(
        self, wanted: list[Condition], text: str, limit: int
    ) -> tuple[Sequence[File], tuple[datetime, str] | None]:
        """Look through the names of a bounded number of the newest; the mark says how far it
        came."""
        facts = select(files.c.file_id, files.c.discovered_at, files.c.name)
        some = _by_time(facts.where(*wanted)).limit(_LOOKED_THROUGH)
        with self._database.read() as connection:
            looked = connection.execute(some).all()
            ids = [row.file_id for row in looked if text in row.name][: limit + 1]
            by_id = {
                file.file_id: file for file in files_by(connection, files.c.file_id, ids[:limit])
            }
        found = [by_id[each] for each in ids[:limit] if each in by_id]
        if len(ids) > limit:
            return found, _mark(found[-1])
        if len(looked) < _LOOKED_THROUGH:
            return found, None
        return found, (looked[-1].discovered_at, looked[-1].file_id)


def _conditions(query: FileQuery) -> list[Condition]:
    wanted: list[Condition] = []
    if query.status is not None:
        wanted += status_is(query.status)
    if query.sender is not None:
        start = _start_of(files.c.sender)
        wanted += [files.c.sender == query.sender, start == query.sender[:_START]]
    if query.since is not None:
        wanted.append(files.c.discovered_at >= query.since)
    if query.until is not None:
        wanted.append(files.c.discovered_at < query.until)
    return wanted


def _any_of(query: FileQuery) -> list[Condition]:
    """The condition of the query's state, where an index of something else finds the files."""
    return [or_(*(and_(*each) for each in alternatives(query.state)))] if query.state else []


def _start_of(column: ColumnElement[Any], length: int = _START) -> ColumnElement[Any]:
    """The beginning of a text; the numbers stand in the query, or no index would be found."""
    one: ColumnElement[Any] = literal_column("1")
    return func.substr(column, one, literal_column(str(length)), type_=AnyText())


def _begins(start: ColumnElement[Any], text: str) -> list[Condition]:
    """The values that begin so, as a range, which an index on both databases can find."""
    return [start >= text, start < text + "\U0010ffff"]


def _of_feeds(
    feeds: Collection[str] | None, others: Sequence[Condition], *, hides: bool = False
) -> list[Condition]:
    """The condition that a file is of those feeds. Files that are not done, or were fixed, are few,
    and are found by an index of that."""
    if feeds is None:
        return []
    hides = hides or any(each is OWED or each is FIXED for each in others)
    column = _hidden(files.c.feed) if hides else files.c.feed
    names = sorted(feeds)
    # One name, the usual case, needs no list, which is made anew for each length.
    return [column == names[0] if len(names) == 1 else column.in_(names)]


def _hidden(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """The same values, but by an index of something else: the planner takes all of a feed, or all
    there is in its order, for fewer than it is."""
    return func.coalesce(column, column)


def _by_time(query: Select[Any], *, of_sender: bool = False) -> Select[Any]:
    at = _hidden(files.c.discovered_at) if of_sender else files.c.discovered_at
    return query.order_by(at.desc(), files.c.file_id.desc())


def _mark(file: File) -> tuple[datetime, str]:
    assert file.discovered_at is not None
    return (file.discovered_at, file.file_id)
