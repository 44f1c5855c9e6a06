"""Watching sources: what a source comes to tell of later is followed too."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from entrypoints.worker.watch import watchers


class Late:
    """A source in which a second thing to watch appears once the first was heard of."""

    def __init__(self) -> None:
        self.heard = threading.Event()

    def watches(self, stop: threading.Event) -> Iterator[Iterator[None]]:
        yield iter([None])
        assert self.heard.wait(10)
        yield iter([None])
        stop.wait()


def test_what_appears_later_is_followed_until_the_end() -> None:
    source, stop, looks = Late(), threading.Event(), queue.Queue[str]()
    feeds = {name: SimpleNamespace(source=name) for name in ("mail", "drop")}
    runtime: Any = SimpleNamespace(feeds=feeds, sources={"mail": source, "drop": object()})
    [thread] = watchers(runtime, looks.put, stop).values()
    assert looks.get(timeout=10) == "mail"
    source.heard.set()
    assert looks.get(timeout=10) == "mail"
    feeds["more"] = SimpleNamespace(source="later")
    later = Late()
    later.heard.set()
    runtime.sources["later"] = later
    [added] = watchers(runtime, looks.put, stop, but=["mail"])
    assert looks.get(timeout=10) == added == "later"
    stop.set()
    thread.join(10)
    assert not thread.is_alive()
