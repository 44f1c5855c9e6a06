"""File search: files by what they are called, who sent them and what became of them, in pages."""

from __future__ import annotations

import heapq
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pipelines.operations.feeds import feed_named
from pipelines.runtime import Runtime
from schemas.errors import ConflictError
from schemas.file import File
from schemas.file_query import FileQuery, Starts, state_of

_ID = re.compile(r"[0-9a-f]{4,16}")
_BY = (Starts.NAME, Starts.SENDER)


@dataclass(frozen=True, slots=True)
class FilePage:
    """Some files, and the mark to ask for the next ones by; None at the end."""

    files: tuple[File, ...]
    mark: tuple[str, ...] | None


def search_files(
    runtime: Runtime,
    query: FileQuery,
    feeds: Collection[str] | None,
    mark: Sequence[str] | None,
    limit: int,
) -> FilePage:
    """A page of the files that the query means, of those feeds only if any are named. Newest first;
    those that begin with a text in its order, by id, then by name, then by sender. A page costs the
    same however many files there are.

    Raises ConflictError for a status or a mark that is none, or a text to be contained in names of
    more than one feed; NotFoundError for an unknown feed.
    """
    # The folder of feeds is looked at once, not for each.
    for name in set(feeds or ()) - set(runtime.feeds):
        feed_named(runtime, name)
    if query.contains is not None and (feeds is None or len(feeds) != 1):
        raise ConflictError(
            "what names contain is looked for within one feed", hint="name the feed"
        )
    try:
        if query.starts:
            return _starting(runtime, query, feeds, mark, limit)
        return _newest(runtime, query, feeds, mark, limit)
    except ValueError as error:
        raise ConflictError(str(error)) from error


def _newest(
    runtime: Runtime,
    query: FileQuery,
    feeds: Collection[str] | None,
    mark: Sequence[str] | None,
    limit: int,
) -> FilePage:
    """Feeds are asked one by one: the newest of one that has few files may lie far back."""
    after = None if mark is None else _time_mark(mark)
    pages = runtime.ledger.file_pages
    if feeds is None or len(feeds) == 1:
        feed = next(iter(feeds)) if feeds else None
        found, further = pages.newest(query, feed, after, limit)
        return FilePage(tuple(found), None if further is None else _text_mark(further))
    lists = [pages.newest(query, feed, after, limit) for feed in sorted(feeds)]
    merged = list(heapq.merge(*(files for files, _ in lists), key=_order, reverse=True))
    if len(merged) > limit or any(further is not None for _, further in lists):
        merged = merged[:limit]
        return FilePage(tuple(merged), _text_mark(_order(merged[-1])))
    return FilePage(tuple(merged), None)


def _starting(
    runtime: Runtime,
    query: FileQuery,
    feeds: Collection[str] | None,
    mark: Sequence[str] | None,
    limit: int,
) -> FilePage:
    found: list[File] = []
    by, after = _stage(mark)
    if mark is None and _ID.fullmatch(query.starts or ""):
        found += _by_id(runtime, query, feeds)[:limit]
    for each in _BY[_BY.index(by) :]:
        some, further = runtime.ledger.file_pages.starting(
            each, query, feeds, after, limit - len(found)
        )
        known = {file.file_id for file in found}
        found += [file for file in some if file.file_id not in known]
        if further is not None:
            return FilePage(tuple(found), (str(each), *further))
        if len(found) >= limit and each is not _BY[-1]:
            return FilePage(tuple(found), (str(_BY[-1]), "", ""))
        after = None
    return FilePage(tuple(found), None)


def _by_id(runtime: Runtime, query: FileQuery, feeds: Collection[str] | None) -> list[File]:
    text = query.starts or ""
    found = (file for file in runtime.ledger.files.find(text) if file.file_id.startswith(text))
    return [file for file in found if (feeds is None or file.feed in feeds) and _fits(file, query)]


def _fits(file: File, query: FileQuery) -> bool:
    at = file.discovered_at or file.item.sent_at
    return (
        (query.status is None or query.status in (file.status, file.outcome))
        and (query.state is None or query.state is state_of(file))
        and (query.sender is None or query.sender == file.item.sender)
        and (query.since is None or at >= query.since)
        and (query.until is None or at < query.until)
    )


def _stage(mark: Sequence[str] | None) -> tuple[Starts, tuple[str, str] | None]:
    if mark is None:
        return Starts.NAME, None
    by, value, file_id = mark
    return Starts(by), (value, file_id)


def _order(file: File) -> tuple[Any, str]:
    return (file.discovered_at, file.file_id)


def _text_mark(mark: tuple[datetime, str]) -> tuple[str, ...]:
    return (mark[0].isoformat(), mark[1])


def _time_mark(mark: Sequence[str]) -> tuple[datetime, str]:
    at, file_id = mark
    moment = datetime.fromisoformat(at)
    if moment.tzinfo is None:
        raise ValueError("the mark has no time zone")
    try:
        return moment.astimezone(UTC), file_id
    except OverflowError as error:
        raise ValueError("the mark's time is beyond all calendars") from error
