"""File pages: lists of files of any length, read one page at a time from where the last ended."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, literal, literal_column, or_, select

from connectors.ledger.columns import AnyText
from connectors.ledger.database import Database
from connectors.ledger.file_rows import Condition
from connectors.ledger.files import status_is
from connectors.ledger.records import file_of
from connectors.ledger.tables import files
from schemas.file import File
from schemas.file_query import FileQuery, Starts

_START = 64
_LOOKED_THROUGH = 20_000
"""So many files are looked through for a text within their names before a page ends."""


class FilePages:
    """Pages of the ledger's files."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def newest(
        self, query: FileQuery, feed: str | None, after: tuple[datetime, str] | None, limit: int
    ) -> tuple[Sequence[File], tuple[datetime, str] | None]:
        wanted = [*_conditions(query)]
        if feed is not None:
            wanted.append(files.c.feed == feed)
        if after is not None:
            # Said twice: the first half is what an index can begin at.
            at, file_id = after
            later = and_(files.c.discovered_at == at, files.c.file_id < file_id)
            wanted += [files.c.discovered_at <= at, or_(files.c.discovered_at < at, later)]
        if query.contains is not None:
            return self._containing(wanted, query.contains, limit)
        with self._database.read() as connection:
            rows = connection.execute(_by_time(select(files).where(*wanted)).limit(limit + 1))
            found = [file_of(row) for row in rows.mappings()]
        return found[:limit], _mark(found[limit - 1]) if len(found) > limit else None

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
        wanted = [*_conditions(query), *_begins(start, text[:_START])]
        if feeds is not None:
            wanted.append(files.c.feed.in_(sorted(feeds)))
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
        """Look through a bounded number of the newest; the mark says how far it came."""
        some = _by_time(select(files).where(*wanted)).limit(_LOOKED_THROUGH).subquery()
        held: ColumnElement[Any] = func.instr(some.c.name, literal(text, AnyText()))
        with self._database.read() as connection:
            if connection.dialect.name == "postgresql":
                held = func.strpos(some.c.name, literal(text, AnyText()))
            query = select(some).where(held > 0)
            query = query.order_by(some.c.discovered_at.desc(), some.c.file_id.desc())
            found = [file_of(row) for row in connection.execute(query.limit(limit + 1)).mappings()]
            if len(found) > limit:
                return found[:limit], _mark(found[limit - 1])
            ids = select(some.c.discovered_at, some.c.file_id)
            last = connection.execute(
                ids.order_by(some.c.discovered_at, some.c.file_id).limit(1)
            ).first()
            count = connection.scalar(select(func.count()).select_from(some))
        is_all = last is None or (count or 0) < _LOOKED_THROUGH
        return found, None if is_all or last is None else (last[0], last[1])


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


def _start_of(column: ColumnElement[Any], length: int = _START) -> ColumnElement[Any]:
    """The beginning of a text; the length stands in the query, or no index would be found."""
    return func.substr(column, 1, literal_column(str(length)), type_=AnyText())


def _begins(start: ColumnElement[Any], text: str) -> list[Condition]:
    """The values that begin so, as a range, which an index on both databases can find."""
    return [start >= text, start < text + "\U0010ffff"]


def _by_time(query: Select[Any]) -> Select[Any]:
    return query.order_by(files.c.discovered_at.desc(), files.c.file_id.desc())


def _mark(file: File) -> tuple[datetime, str]:
    assert file.discovered_at is not None
    return (file.discovered_at, file.file_id)
