"""Run: one pass over some feeds in the foreground, with no broker."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from pipelines.acknowledge import acknowledge
from pipelines.digest import digest
from pipelines.discover import discover
from pipelines.load import load
from pipelines.parts import part
from pipelines.prepare import prepare
from pipelines.recover import recover
from pipelines.runtime import Runtime, Work

STEPS: dict[str, Callable[[Runtime, str], list[Work]]] = {
    "discover": discover,
    "prepare": prepare,
    "part": part,
    "load": load,
    "acknowledge": acknowledge,
    "digest": digest,
}
"""The steps a task can be, by the name of its queue."""

_OF_FEEDS = ("discover", "load", "digest")
"""The steps whose target is a feed; the others' is a file."""


def run(
    runtime: Runtime,
    feeds: Iterable[str],
    progress: Callable[[Work, int], None] = lambda work, left: None,
) -> None:
    """Discover the feeds, then do all work that is owed to them until none is left. A pass sends
    the digests that wait after it, whatever their schedule."""
    names = tuple(feeds)
    drain(runtime, names, [Work("discover", name) for name in names], progress)
    waiting = set(runtime.ledger.digest_feeds())
    drain(runtime, names, [Work("digest", name) for name in names if name in waiting], progress)


def drain(
    runtime: Runtime,
    names: Collection[str],
    first: Iterable[Work],
    progress: Callable[[Work, int], None] = lambda work, left: None,
) -> None:
    """Do the first work, then all that is owed to those feeds until none is left.

    `progress` hears of each piece of work before it is done and how many are left after it. Loads
    wait until no file is left to prepare, so that a pass makes one batch a table.
    """
    queues: dict[str, dict[str, None]] = {step: {} for step in STEPS}
    done: set[Work] = set()

    def add(works: Iterable[Work]) -> None:
        for each in works:
            queues[each.step][each.target] = None

    add(first)
    add(_owed(runtime, names))
    while any(queues.values()):
        step = next(step for step, queue in queues.items() if queue)
        work = Work(step, next(iter(queues[step])))
        del queues[step][work.target]
        progress(work, sum(map(len, queues.values())))
        add(STEPS[step](runtime, work.target))
        done.add(work)
        if not any(queues.values()):
            add(each for each in _owed(runtime, names) if each not in done)


def _owed(runtime: Runtime, feeds: Collection[str]) -> list[Work]:
    """What `recover` finds, as far as it belongs to these feeds."""
    return [
        work
        for work in recover(runtime)
        if (work.target if work.step in _OF_FEEDS else runtime.ledger.get(work.target).feed)
        in feeds
    ]
