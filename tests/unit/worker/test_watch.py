"""Watching sources: what they tell is followed, whatever goes wrong meanwhile."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

import entrypoints.worker.watch
from entrypoints.worker.watch import watchers
from schemas.errors import AwayError, WaybillError
from schemas.item import Hint


class Notes:
    """A listener that remembers, and that breaks at a hint named so."""

    def __init__(self) -> None:
        self.looks, self.taken = queue.Queue[str](), queue.Queue[str]()
        self.failed = queue.Queue[str]()

    def look(self, source: str) -> None:
        self.looks.put(source)

    def take_in(self, source: str, hints: Sequence[Hint]) -> None:
        if any(hint.key == "broken" for hint in hints):
            raise KeyError("broken")
        for hint in hints:
            self.taken.put(hint.key)

    def fail(self, source: str, error: WaybillError) -> None:
        self.failed.put(error.message)


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
    source, stop, notes = Late(), threading.Event(), Notes()
    feeds = {name: SimpleNamespace(source=name) for name in ("mail", "drop")}
    runtime: Any = SimpleNamespace(feeds=feeds, sources={"mail": source, "drop": object()})
    [thread] = watchers(runtime, notes, stop).values()
    assert notes.looks.get(timeout=10) == "mail"
    source.heard.set()
    assert notes.looks.get(timeout=10) == "mail"
    feeds["more"] = SimpleNamespace(source="later")
    later = Late()
    later.heard.set()
    runtime.sources["later"] = later
    [added] = watchers(runtime, notes, stop, but=["mail"])
    assert notes.looks.get(timeout=10) == added == "later"
    stop.set()
    thread.join(10)
    assert not thread.is_alive()


class Telling:
    """A source that tells of things, is away for once, and tells on."""

    def watches(self, stop: threading.Event) -> Iterator[Iterator[Sequence[Hint] | None]]:
        yield self.Told()

    class Told(Iterator[Sequence[Hint] | None]):
        def __init__(self) -> None:
            self.rest: list[list[str] | WaybillError] = [
                ["a"], AwayError("away for once"), ["b", "broken", "c"],
            ]  # fmt: skip

        def __next__(self) -> Sequence[Hint] | None:
            if not self.rest:
                raise StopIteration
            told = self.rest.pop(0)
            if isinstance(told, WaybillError):
                raise told
            return [Hint(key) for key in told]


def test_neither_a_source_that_is_away_nor_a_hint_that_breaks_us_ends_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(entrypoints.worker.watch, "_FIRST_PAUSE", 0.0)
    notes, stop = Notes(), threading.Event()
    runtime: Any = SimpleNamespace(
        feeds={"drop": SimpleNamespace(source="drop")}, sources={"drop": Telling()}
    )
    [thread] = watchers(runtime, notes, stop).values()
    thread.join(10)
    assert not thread.is_alive()
    assert [notes.taken.get_nowait() for _ in range(3)] == ["a", "b", "c"]
    assert notes.taken.empty()
    assert notes.failed.get_nowait() == "away for once"
