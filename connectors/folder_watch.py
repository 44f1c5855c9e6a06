"""Watching a folder: hear of files as they are written, and tell of them once they have settled."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from schemas.item import Hint

log = logging.getLogger(__name__)

_LOOK_MS = 500
_POLL_MS = 1000
_STILL_SECONDS = 20.0
"""So often it says that it still listens."""
_PAUSE = 60.0


def news(
    root: Path, stop: threading.Event, *, settle_seconds: float, is_recursive: bool, is_polled: bool
) -> Iterator[Sequence[Hint] | None]:
    """None at first, and when a whole folder has come; then the files that have changed and have
    been left alone for so many seconds. Ends once `stop` is set.

    A folder that cannot be watched is tried again every minute: it is listed all the same.
    """
    while not stop.is_set():
        try:
            yield None
            yield from _changes(root, stop, settle_seconds, is_recursive, is_polled)
        except (OSError, RuntimeError) as error:
            # RuntimeError is what watchfiles raises when the system's limit of watches is reached.
            log.warning("%s is not watched, but listed on schedule: %s", root, error)
            stop.wait(_PAUSE)


def _changes(
    root: Path, stop: threading.Event, settle_seconds: float, is_recursive: bool, is_polled: bool
) -> Iterator[Sequence[Hint] | None]:
    from watchfiles import Change, watch

    changed: dict[str, float] = {}
    said = time.monotonic()
    for found in watch(
        root, watch_filter=None, debounce=200, step=50, stop_event=stop, rust_timeout=_LOOK_MS,
        yield_on_timeout=True, recursive=is_recursive, force_polling=is_polled,
        poll_delay_ms=_POLL_MS, ignore_permission_denied=True,
    ):  # fmt: skip
        now = time.monotonic()
        for kind, path in found:
            if kind is Change.deleted:
                changed.pop(path, None)
            elif kind is Change.added or not os.path.isdir(path):
                changed[path] = now
        # A moment more: the file's own clock is not this one.
        ready = [path for path, at in changed.items() if now - at > settle_seconds]
        for path in ready:
            del changed[path]
        if any(os.path.isdir(path) for path in ready):
            # Of a folder that was moved here, nobody tells what lies in it.
            yield None
        hints = [Hint(os.path.relpath(path, root)) for path in ready if not os.path.isdir(path)]
        if hints or now - said > _STILL_SECONDS:
            yield hints
            said = now
