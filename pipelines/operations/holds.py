"""Holds: files that are held because their feed does not trust them, and releasing them."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.operations.acts import acting
from pipelines.operations.feeds import feed_named
from pipelines.operations.files import file_named
from pipelines.runtime import Runtime
from schemas.errors import ConflictError
from schemas.file import File
from schemas.trust import Hold


@dataclass(frozen=True, slots=True)
class HeldFile:
    """A file that is or was held, and why."""

    hold: Hold
    file: File


def held_files(runtime: Runtime, feed: str | None = None, *, over: bool = False) -> list[HeldFile]:
    """The files that are held, the latest first; `over`: also those that were released. Raises
    NotFoundError for an unknown feed."""
    if feed is not None:
        feed_named(runtime, feed)
    holds = runtime.ledger.holds.latest(feed, over=over)
    files = {
        file.file_id: file for file in runtime.ledger.files.many([each.file_id for each in holds])
    }
    return [HeldFile(each, files[each.file_id]) for each in holds]


def release(runtime: Runtime, file: File, who: str) -> HeldFile:
    """Let a held file in, in somebody's name; the service prepares it. Raises ConflictError for a
    file that is not held."""
    with acting(runtime, "release", "file", file.file_id, file.feed) as told:
        try:
            released = runtime.ledger.holds.release(file.file_id, who)
        except ValueError as error:
            raise ConflictError(str(error)) from error
        told.before = {"status": str(file.status)}
        told.after = {"status": str(released.status), "released_by": who}
    hold = runtime.ledger.holds.of(file.file_id)
    if hold is None:
        raise ConflictError(f"{file.item.name} was not held")
    return HeldFile(hold, released)


def files_to_release(runtime: Runtime, named: tuple[str, ...], feed: str | None) -> list[File]:
    """The files that are named, each once, or all that a feed holds. Raises NotFoundError and
    ConflictError as `file_named`."""
    if feed is not None:
        return [each.file for each in held_files(runtime, feed)]
    found = [file_named(runtime, each) for each in named]
    return list({each.file_id: each for each in found}.values())
