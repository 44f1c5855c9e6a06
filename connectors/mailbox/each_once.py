"""Each once: what is done for many items together, and alone for those that it failed on.

A message that breaks the server, the connection or the library must not keep the others from being
read: whatever was not done together is tried item by item, as long as the mailbox lets us in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from schemas.errors import FatalError, ThrottledError, WaybillError
from schemas.item import Item


def each_once[T](
    items: Sequence[Item],
    together: Iterator[tuple[Item, T]],
    alone: Callable[[Item], T],
    enter: Callable[[], None],
) -> Iterator[tuple[Item, T | WaybillError]]:
    """Every item once, with what was done or the error. `alone` raises the error of an item;
    `enter` raises while the mailbox lets nobody in."""
    waiting = {id(item): item for item in items}
    try:
        for item, done in together:
            del waiting[id(item)]
            yield item, done
        return
    except WaybillError as error:
        stop = error if _stops(error) else None
    for item in waiting.values():
        if stop is not None:
            yield item, stop
            continue
        try:
            done = alone(item)
        except WaybillError as error:
            stop = error if _stops(error) else _shut_out(enter)
            yield item, error
        else:
            yield item, done


def _stops(error: WaybillError) -> bool:
    """Whether it is the same for every item, however often it is tried."""
    return isinstance(error, FatalError | ThrottledError)


def _shut_out(enter: Callable[[], None]) -> WaybillError | None:
    try:
        enter()
    except WaybillError as error:
        return error
    return None
