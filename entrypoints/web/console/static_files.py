"""Static files: served by WhiteNoise from where they lie, under names that hold their hash, so that
browsers keep them for good."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import StaticFilesStorage
from whitenoise.middleware import WhiteNoiseMiddleware

_DIGITS = 12


class HashedFilesStorage(StaticFilesStorage):
    """Names files with their hash, without copying them."""

    def url(self, name: str | None) -> str:
        """The address of a file; the same as long as its bytes are."""
        path = _found(name or "")
        return str(super().url(name if path is None else _hashed(name or "", _digest(path))))


class StaticFiles(WhiteNoiseMiddleware):  # type: ignore[misc]
    """Serves each file of the applications under its hashed name, too."""

    def add_file_to_dictionary(self, url: str, path: str, stat_cache: Any = None) -> None:
        """Know a file by both its names."""
        super().add_file_to_dictionary(url, path, stat_cache=stat_cache)
        super().add_file_to_dictionary(_hashed(url, _digest(path)), path, stat_cache=stat_cache)

    def immutable_file_test(self, path: str, url: str) -> bool:
        """Whether the bytes under that address never change."""
        return _digest(path) in url.rsplit("/", 1)[-1]


def _hashed(name: str, digest: str) -> str:
    stem, dot, suffix = name.rpartition(".")
    return f"{stem}.{digest}.{suffix}" if dot else name


@cache
def _found(name: str) -> str | None:
    found = finders.find(name)
    return found if isinstance(found, str) else None


@cache
def _digest(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:_DIGITS]
