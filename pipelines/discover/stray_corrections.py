"""Stray corrections: corrections that lie where no feed looks, whatever their names.

What no feed takes is looked into once, while it is small and young. What is given to a feed is a
file of the ledger from then on, and what is none is listed as unmatched: neither is read again.
"""

from __future__ import annotations

import heapq
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path

from pipelines.parse.kind import Kind, kind_of
from pipelines.prepare.corrected import may_speak, named_file
from pipelines.rejects.correction import HEAD_BYTES, correction_dialect
from pipelines.runtime import Runtime, Work
from pipelines.stored_files import COPY_BYTES
from schemas.dialect import Dialect
from schemas.errors import DataError, ItemChangedError, ItemDeniedError
from schemas.file import File
from schemas.item import Item, Left, Page
from schemas.unmatched import Why

_MAX = 200
_LARGEST = 16 * 1024 * 1024
_YOUNGEST = timedelta(days=7)


class Strays:
    """The newest of what no feed takes, so many of them, that may be corrections."""

    def __init__(self, runtime: Runtime, source: str) -> None:
        self._runtime, self._source = runtime, source
        self._since = runtime.now() - _YOUNGEST
        self._newest: list[tuple[float, int, Item]] = []
        self._offered = 0

    def offer(self, left: Iterable[Left]) -> None:
        """Remember what is worth a look."""
        for each in left:
            item = each.item
            is_fit = item.sent_at > self._since and 0 < (item.size or 0) <= _LARGEST
            if each.why != Why.NAME.name or not is_fit or self._is_known(item):
                continue
            self._offered += 1
            heapq.heappush(self._newest, (item.sent_at.timestamp(), self._offered, item))
            if len(self._newest) > _MAX:
                heapq.heappop(self._newest)

    def _is_known(self, item: Item) -> bool:
        """Whether it was looked into before, and listed as unmatched."""
        return (item.key, item.sent_at) in self._known

    @cached_property
    def _known(self) -> set[tuple[str, datetime]]:
        return {
            (item.key, item.sent_at)
            for dismissed in (False, True)
            for group in self._runtime.ledger.unmatched.latest(self._source, dismissed=dismissed)
            for item in group.items
        }

    def corrections(self) -> Iterator[tuple[Item, list[Work]]]:
        """Those that are corrections, each with the work that it makes, given to the feeds of the
        files that they correct. Raises RetryableError when the source is away."""
        for _, _, item in self._newest:
            target = self._target(item)
            if target is not None:
                page = Page(items=(item,))
                new = self._runtime.ledger.files.register(target.feed, self._source, page)
                yield item, [Work("prepare", file_id) for file_id in new]

    def _target(self, item: Item) -> File | None:
        """The file that an item corrects; None for one that corrects none, or cannot be read."""
        with tempfile.TemporaryDirectory(dir=self._runtime.work_folder, prefix="stray-") as name:
            raw = Path(name) / "raw"
            try:
                if not self._is_fetched(item, raw):
                    return None
                dialect = correction_dialect(raw, Dialect(), self._runtime.limits)
                if dialect is None:
                    return None
                target = named_file(self._runtime, raw, dialect, Path(name))
            except (DataError, ItemChangedError, ItemDeniedError):
                # It is listed as what it is: something that no feed takes.
                return None
        return target if target is not None and may_speak(item, target) else None

    def _is_fetched(self, item: Item, raw: Path) -> bool:
        """Bring the item here, or no more than the beginning of a text that is no correction."""
        runtime = self._runtime
        with runtime.sources[self._source].open(item) as stream, raw.open("wb") as copy:
            copy.write(stream.read(HEAD_BYTES))
            copy.flush()
            is_other = correction_dialect(raw, Dialect(), runtime.limits) is None
            if kind_of(raw) is Kind.TEXT and is_other:
                return False
            shutil.copyfileobj(stream, copy, COPY_BYTES)
        return True
