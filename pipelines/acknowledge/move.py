"""Move: an original is marked and moved only once nobody needs it where it is.

A bucket's key or a mail may be several feeds' business, and a mail may hold several files. What was
answered and must stay for others is written down, and looked at again.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta

from connectors.protocols import FinishesMany
from pipelines.discover.taking import takes
from pipelines.runtime import Runtime
from schemas.alert import AlertKind, Trouble
from schemas.errors import WaybillError
from schemas.file import File
from schemas.language import translate

_MOVED = "{name} was moved after days, though {who}"
_LOOK = "look for it where move_to says, should that feed need it"
log = logging.getLogger(__name__)


def needed_by(runtime: Runtime, file: File) -> str | None:
    """Who still needs the file's original where it is, in a few words; None if nobody does."""
    for other in runtime.ledger.moves.needing(file):
        return f"{other.item.name} of feed {other.feed} is {other.status}"
    source = runtime.sources[file.source]
    for feed in runtime.feeds.values():
        if feed.source != file.source or feed.name == file.feed:
            continue
        state = runtime.ledger.feeds.state(feed.name)
        word = "is stopped" if state.stopped_at is not None else "has not looked at it yet"
        if not source.is_past(state.cursor, file.item):
            return f"feed {feed.name} {word}"
        if file.item.group is None and takes(feed, source, file.item):
            # A listing that is always whole has no cursor: the ledger says what was seen.
            theirs = runtime.ledger.files.versions(feed.name, {file.item.key})
            if all(each.item.version != file.item.version for each in theirs):
                return f"feed {feed.name} {word}"
    return None


def move_original(runtime: Runtime, file: File) -> None:
    """Move the original of a file that is done, if nobody needs it; else it waits, written down. A
    source that is away just now is asked again later."""
    if needed_by(runtime, file) is not None:
        return
    try:
        runtime.sources[file.source].finish(file.item)
    except WaybillError as error:
        log.warning("the original of %s stays for now: %s", file.file_id, error.message)
        return
    runtime.ledger.moves.close(file.file_id)


def move_many(runtime: Runtime, files: Sequence[File]) -> None:
    """Move the originals of files that are done, as `move_original` does each, with few round trips
    to their source."""
    free = [file for file in files if needed_by(runtime, file) is None]
    for name in {file.source for file in free}:
        source, ours = runtime.sources[name], [file for file in free if file.source == name]
        if not isinstance(source, FinishesMany):
            for file in ours:
                move_original(runtime, file)
            continue
        ids = {(file.item.key, file.item.version): file.file_id for file in ours}
        for item, error in source.finish_many([file.item for file in ours]):
            file_id = ids[item.key, item.version]
            if error is None:
                runtime.ledger.moves.close(file_id)
            else:
                log.warning("the original of %s stays for now: %s", file_id, error.message)


def move_originals(runtime: Runtime) -> None:
    """Move those originals that waited and that nobody needs any more; after
    `limits.move_after_days` nobody is waited for but files on their way."""
    patience = timedelta(days=runtime.limits.move_after_days)
    for file, since in runtime.ledger.moves.deferred():
        if file.source not in runtime.sources:
            runtime.ledger.moves.close(file.file_id)
            continue
        who = needed_by(runtime, file)
        is_late = runtime.now() - since > patience and not runtime.ledger.moves.needing(file)
        if who is not None and not is_late:
            continue
        try:
            runtime.sources[file.source].finish(file.item)
        except WaybillError as error:
            log.warning("the original of %s stays for now: %s", file.file_id, error.message)
            continue
        if who is not None:
            runtime.raise_alert(_moved_anyway(file, who))
        runtime.ledger.moves.close(file.file_id)


def _moved_anyway(file: File, who: str) -> Trouble:
    return Trouble(
        kind=AlertKind.KEPT,
        subject=file.file_id,
        feed=file.feed,
        says=translate(_MOVED, name=file.item.name, who=who),
        todo=translate(_LOOK),
    )
