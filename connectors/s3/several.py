"""Several: what is asked of a bucket for many items, a few at a time over one client."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice

from schemas.errors import WaybillError

_AT_A_TIME = 8
"""Fewer than the connections that a client of boto3 keeps open."""


def several[Item, T](
    items: Sequence[Item], do: Callable[[Item], T]
) -> Iterator[tuple[Item, T | WaybillError]]:
    """Every item in turn, with what was done or its error; no more than twice as many are begun as
    are at work."""

    def outcome(item: Item) -> T | WaybillError:
        try:
            return do(item)
        except WaybillError as error:
            return error

    coming: deque[tuple[Item, Future[T | WaybillError]]] = deque()
    waiting = iter(items)
    with ThreadPoolExecutor(_AT_A_TIME, "several") as pool:
        try:
            # The first by itself: it makes the client that all of them use.
            yield from ((item, outcome(item)) for item in islice(waiting, 1))
            while True:
                for item in islice(waiting, 2 * _AT_A_TIME - len(coming)):
                    coming.append((item, pool.submit(outcome, item)))
                if not coming:
                    return
                first, done = coming.popleft()
                yield first, done.result()
        finally:
            pool.shutdown(cancel_futures=True)
