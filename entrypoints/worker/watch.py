"""Watch: send `discover` as soon as a source hears of something new."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from kombu.exceptions import OperationalError

from connectors.protocols import Watched
from entrypoints.config.assembly import build_runtime
from entrypoints.config.settings import read_settings
from entrypoints.worker.app import make_app
from pipelines.runtime import Runtime

log = logging.getLogger(__name__)

_BRIEFLY = 1.0


def watch(config: Path, parent: int | None) -> None:
    """Watch every source that can be watched until TERM or INT, or until the parent has ended."""
    runtime, app = build_runtime(read_settings(config)), make_app(config)
    stop = threading.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: stop.set())

    def look(source: str) -> None:
        for feed in runtime.feeds.values():
            if feed.source == source:
                app.send_task("waybill.discover", (feed.name,), queue="discover", expires=600)

    threads = watchers(runtime, look, stop)
    log.info("sources watched: %d", len(threads))
    while not stop.wait(_BRIEFLY):
        # A feed that is added may be the first one of its source.
        threads |= watchers(runtime, look, stop, but=threads)
        if parent is not None and os.getppid() != parent:
            break
    stop.set()
    for thread in threads.values():
        thread.join(10)


def watchers(
    runtime: Runtime,
    look: Callable[[str], None],
    stop: threading.Event,
    but: Collection[str] = (),
) -> dict[str, threading.Thread]:
    """A thread for every source that feeds use and that can be watched, `but` for those that are
    already, by the source's name; it starts one more for each thing to watch, and ends after them.
    They call `look` with the source's name, and rest briefly after it, so that many mails make one
    look."""

    def follow(name: str, news: Iterator[None]) -> None:
        for _ in news:
            try:
                look(name)
            except OperationalError as error:
                # The broker is away; beat looks on schedule all the same.
                log.warning("%s has news, which cannot be passed on: %s", name, error)
            stop.wait(_BRIEFLY)

    def attend(name: str, source: Watched) -> None:
        followed = [_started(f"watch {name}", follow, name, news) for news in source.watches(stop)]
        for thread in followed:
            thread.join()

    used = {feed.source for feed in runtime.feeds.values()}
    return {
        name: _started(f"watch {name}", attend, name, source)
        for name in sorted(used.difference(but))
        if isinstance(source := runtime.sources[name], Watched)
    }


def _started(name: str, target: Callable[..., None], *args: object) -> threading.Thread:
    thread = threading.Thread(target=target, args=args, daemon=True, name=name)
    thread.start()
    return thread
