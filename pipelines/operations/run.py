"""Run: one pass over some feeds in the foreground, with no broker."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable

from pipelines.acknowledge.move import move_originals
from pipelines.operations.recover import recover
from pipelines.runtime import Runtime, Work
from pipelines.steps import OF_FEEDS, STEPS
from schemas.errors import WaybillError

log = logging.getLogger(__name__)


def run(
    runtime: Runtime,
    feeds: Iterable[str],
    progress: Callable[[Work, int], None] = lambda work, left: None,
) -> None:
    """Discover the feeds, then do all work that is owed to them until none is left. A pass sends
    the digests that wait after it, whatever their schedule.

    A source that is away, a load that is refused, or a feed that is stopped for it, ends the pass
    for none of the others: the first such error is raised once they are done.
    """
    names = tuple(feeds)
    sources = dict.fromkeys(runtime.feeds[name].source for name in names)
    looks = [Work("discover", name) for name in names]
    failed = drain(runtime, names, [*looks, *(Work("survey", name) for name in sources)], progress)
    waiting = set(runtime.ledger.digests.feeds())
    digests = [Work("digest", name) for name in names if name in waiting]
    failed += drain(runtime, names, digests, progress)
    move_originals(runtime)
    if failed:
        raise failed[0]


def drain(
    runtime: Runtime,
    names: Collection[str],
    first: Iterable[Work],
    progress: Callable[[Work, int], None] = lambda work, left: None,
) -> list[WaybillError]:
    """Do the first work, then all that is owed to those feeds until none is left; the errors of
    work that could not be done, each of which is logged.

    `progress` hears of each piece of work before it is done and how many are left after it. Loads
    wait until no file is left to prepare, so that a pass makes one batch a table.
    """
    queues: dict[str, dict[str, None]] = {step: {} for step in STEPS}
    done: set[Work] = set()
    failed: list[WaybillError] = []

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
        try:
            add(STEPS[step](runtime, work.target))
        except WaybillError as error:
            log.warning("%s of %s: %s", step, work.target, error.message)
            failed.append(error)
        done.add(work)
        if not any(queues.values()):
            add(each for each in _owed(runtime, names) if each not in done)
    return failed


def drain_or_raise(
    runtime: Runtime, name: str, progress: Callable[[Work, int], None] = lambda work, left: None
) -> None:
    """Do all that is owed to a feed; raises the first error of what could not be done."""
    if failed := drain(runtime, [name], (), progress):
        raise failed[0]


def _owed(runtime: Runtime, feeds: Collection[str]) -> list[Work]:
    """What `recover` finds, as far as it belongs to these feeds."""
    return [
        work
        for work in recover(runtime)
        if (work.target if work.step in OF_FEEDS else runtime.ledger.files.get(work.target).feed)
        in feeds
    ]
