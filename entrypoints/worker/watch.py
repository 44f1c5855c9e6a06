"""Watch: take in, or send `discover`, as soon as a source hears of something new."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from kombu.exceptions import OperationalError

from connectors.protocols import Watched
from entrypoints.config.assembly import build_runtime
from entrypoints.config.settings import read_settings
from entrypoints.worker.app import make_app
from entrypoints.worker.queues import Queues
from pipelines.discover.hinted import register_hinted, watch_of
from pipelines.runtime import Runtime
from schemas.errors import FatalError, WaybillError
from schemas.item import Hint

log = logging.getLogger(__name__)

_BRIEFLY = 1.0
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 300.0


class Listener(Protocol):
    """What is done with what sources tell."""

    def look(self, source: str) -> None:
        """Look at all of the source; raises OperationalError while the broker is away."""

    def take_in(self, source: str, hints: Sequence[Hint]) -> None:
        """Take in what the hints name; raises a WaybillError when it cannot be done now, and
        OperationalError when it is done but nobody hears of the work while the broker is away."""

    def fail(self, source: str, error: WaybillError) -> None:
        """Write down that nothing can be heard, or taken in."""


class Tasks:
    """A listener that registers by itself, and has all else done by the workers."""

    def __init__(self, runtime: Runtime, config: Path) -> None:
        self._runtime, self._app = runtime, make_app(config)
        self._queues = Queues(self._app)

    def look(self, source: str) -> None:
        """Send `discover` of every feed that reads the source."""
        for feed in self._runtime.feeds.values():
            if feed.source == source:
                self._app.send_task("waybill.discover", (feed.name,), queue="discover", expires=600)

    def take_in(self, source: str, hints: Sequence[Hint]) -> None:
        """Register them, and send what is to be done next; should that be lost, `recover` finds
        it."""
        self._queues.send(self._runtime, register_hinted(self._runtime, source, hints))

    def fail(self, source: str, error: WaybillError) -> None:
        """Note it of the service `watch <source>`, of which an alert tells in the end."""
        try:
            self._runtime.ledger.services.note(watch_of(source), error.message)
        except WaybillError as away:
            log.warning("the ledger does not take it down: %s", away.message)


def watch(config: Path, parent: int | None) -> None:
    """Watch every source that can be watched until TERM or INT, or until the parent has ended."""
    runtime = build_runtime(read_settings(config))
    listener = Tasks(runtime, config)
    stop = threading.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: stop.set())

    threads = watchers(runtime, listener, stop)
    log.info("sources watched: %d", len(threads))
    while not stop.wait(_BRIEFLY):
        # A feed that is added may be the first one of its source.
        threads |= watchers(runtime, listener, stop, but=threads)
        if parent is not None and os.getppid() != parent:
            break
    stop.set()
    for thread in threads.values():
        thread.join(10)


def watchers(
    runtime: Runtime,
    listener: Listener,
    stop: threading.Event,
    but: Collection[str] = (),
) -> dict[str, threading.Thread]:
    """A thread for every source that feeds use and that can be watched, `but` for those that are
    already, by the source's name; it starts one more for each thing to watch, and ends after them.
    What they hear goes to the listener. They rest briefly after a look, so that many mails make
    one, and for longer and longer while something fails."""

    def attend(name: str, source: Watched) -> None:
        followed = [
            _started(f"watch {name}", _follow, name, news, listener, stop)
            for news in source.watches(stop)
        ]
        for thread in followed:
            thread.join()

    used = {feed.source for feed in runtime.feeds.values()}
    return {
        name: _started(f"watch {name}", attend, name, source)
        for name in sorted(used.difference(but))
        if isinstance(source := runtime.sources[name], Watched)
    }


def _follow(
    name: str,
    news: Iterator[Sequence[Hint] | None],
    listener: Listener,
    stop: threading.Event,
) -> None:
    pause = _FIRST_PAUSE
    while True:
        try:
            told = next(news)
            if told is None:
                listener.look(name)
                stop.wait(_BRIEFLY)
            else:
                _take_in(name, told, listener)
            pause = _FIRST_PAUSE
        except StopIteration:
            return
        except OperationalError as error:
            # The broker is away; beat looks on schedule all the same, and recover finds the rest.
            log.warning("%s has news, which cannot be passed on: %s", name, error)
            stop.wait(_BRIEFLY)
        except WaybillError as error:
            pause = _LONGEST_PAUSE if isinstance(error, FatalError) else pause
            log.warning("not watching %s for %.0f s: %s", name, pause, error.message)
            listener.fail(name, error)
            stop.wait(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)


def _take_in(name: str, told: Sequence[Hint], listener: Listener) -> None:
    """Take in all of it at once; should something of it break us, each by itself, so that the rest
    does not go where that goes: to the dead-letter queue."""
    try:
        listener.take_in(name, told)
    except (WaybillError, OperationalError):
        raise
    except Exception:
        if len(told) < 2:
            log.exception("%s: what it tells cannot be taken in", name)
            return
        for hint in told:
            _take_in(name, [hint], listener)


def _started(name: str, target: Callable[..., None], *args: object) -> threading.Thread:
    thread = threading.Thread(target=target, args=args, daemon=True, name=name)
    thread.start()
    return thread
