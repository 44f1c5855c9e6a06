"""The cache: where login limits are counted, for all web processes together."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

log = logging.getLogger(__name__)

_AWAY_SECONDS = 5


class SharedCache(RedisCache):
    """Django's cache in Redis. While Redis is away each process counts for itself: people can still
    sign in, and nobody tries passwords uncounted."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        plain = {key: value for key, value in params.items() if key != "OPTIONS"}
        self._own = LocMemCache("waybill.console", plain)
        self._away_until = 0.0

    def _asked[Found](self, name: str, *args: Any, **kwargs: Any) -> Any:
        if time.monotonic() >= self._away_until:
            shared: Callable[..., Found] = getattr(super(), name)
            try:
                return shared(*args, **kwargs)
            except RedisError as error:
                log.warning("for %d s logins are counted here alone: %s", _AWAY_SECONDS, error)
                self._away_until = time.monotonic() + _AWAY_SECONDS
        return getattr(self._own, name)(*args, **kwargs)

    def add(self, *args: Any, **kwargs: Any) -> Any:
        """As Django says."""
        return self._asked("add", *args, **kwargs)

    def get(self, *args: Any, **kwargs: Any) -> Any:
        """As Django says."""
        return self._asked("get", *args, **kwargs)

    def set(self, *args: Any, **kwargs: Any) -> Any:
        """As Django says."""
        return self._asked("set", *args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> Any:
        """As Django says."""
        return self._asked("delete", *args, **kwargs)

    def incr(self, *args: Any, **kwargs: Any) -> Any:
        """As Django says."""
        return self._asked("incr", *args, **kwargs)
