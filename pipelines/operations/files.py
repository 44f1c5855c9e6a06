"""Files: listing them, finding one, and looking at it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from pipelines.operations.feeds import FeedPause, feed_named, why_waiting
from pipelines.runtime import Runtime
from pipelines.stored_files import stored_rejects
from schemas.errors import ConflictError, NotFoundError
from schemas.file import Event, File, Status
from schemas.reject import RejectedRow

_SHOWN = 10
MAX_AT_ONCE = 10_000
"""How many files one act may be about."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FileFilter:
    """Which files are meant: of a feed, of a status or outcome, found since then (UTC); at most
    `limit`, the newest first."""

    feed: str | None = None
    status: str | None = None
    since: datetime | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True)
class FileView:
    """One file with its timeline, its first rejected rows, and why it waits, if it does; `sheet` is
    the one that its contract reads. `others` are files of the same name or key, the newest
    first."""

    file: File
    events: Sequence[Event]
    rejected: Sequence[RejectedRow]
    waits: FeedPause | None
    sheet: str = ""
    others: Sequence[File] = ()


def list_files(runtime: Runtime, wanted: FileFilter) -> list[File]:
    """The files that are meant, the newest first. Raises ConflictError for an unknown status, and
    NotFoundError for a feed that there is not, nor any file of it."""
    try:
        found = list(
            runtime.ledger.files.latest(
                feed=wanted.feed, status=wanted.status, since=wanted.since, limit=wanted.limit
            )
        )
    except ValueError as error:
        raise ConflictError(str(error)) from error
    if wanted.feed is not None and not found:
        feed_named(runtime, wanted.feed)
    return found


def files_touched(runtime: Runtime, feeds: Collection[str], since: datetime) -> list[File]:
    """The files of these feeds to which something has happened since then, in that order."""
    order = runtime.ledger.timelines.since(since)
    found = {file.file_id: file for file in runtime.ledger.files.many(order)}
    return [found[each] for each in order if each in found and found[each].feed in feeds]


def file_named(runtime: Runtime, text: str) -> File:
    """The one file with that id, start of an id, name or key. Raises NotFoundError for none, and
    ConflictError, which lists them, for several."""
    found = runtime.ledger.files.find(text)
    if not found:
        raise NotFoundError(f'no file has "{text}" as its id, name or key')
    if len(found) > 1 and not any(file.file_id == text for file in found):
        names = "\n".join(f"  {file.file_id}  {file.item.key}" for file in found[:_SHOWN])
        raise ConflictError(f'"{text}" names several files:\n{names}')
    return found[0]


def view_file(runtime: Runtime, text: str, rows: int) -> FileView:
    """What is known of one file, with at most so many rejected rows; of several that have that name
    or key, of the newest. Raises as `file_named` for none, and for the start of several ids."""
    file, others = _newest_named(runtime, text)
    waits = None
    if file.status is Status.PREPARED and file.feed in runtime.feeds:
        waits = why_waiting(runtime, file.feed)
    events = runtime.ledger.timelines.of(file.file_id)
    feed = runtime.feeds.get(file.feed)
    sheet = "" if feed is None else runtime.contract_of(feed).dialect.sheet
    return FileView(file, events, rejected_rows(runtime, file, rows), waits, sheet, others)


def _newest_named(runtime: Runtime, text: str) -> tuple[File, Sequence[File]]:
    """The newest file of that name or key, and the others; or the one that `file_named` finds.
    Looking changes nothing, so it does not matter that another may be meant."""
    found = runtime.ledger.files.find(text)
    if not found or any(text not in (each.item.name, each.item.key) for each in found):
        return file_named(runtime, text), ()
    return found[0], found[1:]


def rejected_rows(runtime: Runtime, file: File, limit: int) -> list[RejectedRow]:
    """The first rejected rows of a file, read from storage."""
    if file.rejects_key is None or limit == 0:
        return []
    with stored_rejects(runtime, file) as rejects:
        return list(islice(rejects.rows, limit))
