"""A rate limit: one counter in Redis for each key or address and minute."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from entrypoints.config.settings import Broker

if TYPE_CHECKING:
    from redis import Redis

log = logging.getLogger(__name__)

_MINUTE = 60
_AWAY_SECONDS = 5


class RateLimit:
    """Counts what happens in a minute, for all web processes together. While Redis is away each
    process counts for itself: nobody is let through uncounted."""

    def __init__(self, broker: Broker, clock: Callable[[], float] = time.time) -> None:
        self._broker, self._clock = broker, clock
        self._own: Counter[str] = Counter()
        self._own_minute, self._lock = 0, threading.Lock()
        self._away_until = 0.0

    def count(self, what: str) -> int:
        """Count one more; how many there are in this minute."""
        return self._add(what, 1)

    def counted(self, what: str) -> int:
        """How many there are in this minute."""
        return self._add(what, 0)

    def seconds_left(self) -> int:
        """Until the minute ends."""
        return _MINUTE - int(self._clock()) % _MINUTE

    def _add(self, what: str, more: int) -> int:
        from redis.exceptions import RedisError

        minute = int(self._clock()) // _MINUTE
        name = f"waybill:web:{what}:{minute}"
        if self._clock() < self._away_until:
            return self._add_here(what, more, minute)
        try:
            if not more:
                return int(self._redis.get(name) or 0)
            with self._redis.pipeline(transaction=False) as pipe:
                pipe.incrby(name, more)
                pipe.expire(name, 2 * _MINUTE)
                return int(pipe.execute()[0])
        except RedisError as error:
            log.warning("for %d s requests are counted here alone: %s", _AWAY_SECONDS, error)
            self._away_until = self._clock() + _AWAY_SECONDS
            return self._add_here(what, more, minute)

    def _add_here(self, what: str, more: int, minute: int) -> int:
        with self._lock:
            if minute != self._own_minute:
                self._own.clear()
                self._own_minute = minute
            self._own[what] += more
            return self._own[what]

    @cached_property
    def _redis(self) -> Redis:
        from redis import Redis

        return Redis.from_url(
            self._broker.url.get_secret_value(),
            socket_timeout=1,
            socket_connect_timeout=1,
            **(self._broker.tls or {}),
        )
