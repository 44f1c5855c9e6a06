"""Preload: parts of a large file go to the warehouse while the rest of it is prepared.

It is only ever a help. Whatever goes wrong ends it, and the file is loaded as any other; the batch
asks the warehouse whether everything is there.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from types import TracebackType

from connectors.failpoints import crash_point
from connectors.protocols import PreloadsParts
from pipelines import quota
from pipelines.prepare.parts_exchange import Found
from pipelines.runtime import Runtime
from schemas.contract import Contract
from schemas.errors import WaybillError
from schemas.file import File

log = logging.getLogger(__name__)


class Preloader(AbstractContextManager["Preloader"]):
    """Sends the parts of one file's attempt to the warehouse, in a thread beside the file's own
    worker, one load job for neighbours of half of `limits.part_bytes` together: two or three parts
    as they usually are.

    Only what is final for the file may be offered. What was sent is taken back when the block is
    left, unless the file is `kept` and all of it was sent.
    """

    def __init__(self, runtime: Runtime, file: File, contract: Contract) -> None:
        self._runtime, self._file, self._contract = runtime, file, contract
        able = runtime.warehouse
        self._warehouse = able if isinstance(able, PreloadsParts) else None
        self._beside = ThreadPoolExecutor(1, "preload")
        self._waiting: dict[int, Found] = {}
        self._has_begun, self._has_ended = False, self._warehouse is None
        self.kept = False

    def offer(self, number: int, found: Found) -> None:
        """A part of the file, by its number; it goes once its neighbours make it worth a job."""
        self._waiting[number] = found
        # A part that cannot be read lets the whole file be read in another way.
        self._has_ended |= found.refused
        group = _around(number, self._waiting)
        if sum(self._waiting[each].size for each in group) >= self._runtime.limits.part_bytes // 2:
            self._send(group)

    def rest(self) -> None:
        """Nothing more comes: what waits goes, too, if some of the file went before."""
        while self._has_begun and self._waiting:
            self._send(_around(min(self._waiting), self._waiting))

    def _send(self, group: Iterable[int]) -> None:
        some = [self._waiting.pop(number) for number in group]
        keys = [each.rows for each in some if each.rows]
        if keys and not self._has_ended:
            self._has_begun = True
            self._beside.submit(self._preload, keys, sum(each.counts.loaded for each in some))

    def _preload(self, keys: list[str], rows: int) -> None:
        if self._has_ended or self._warehouse is None:
            return
        sent = False
        try:
            table = self._warehouse.table_id(self._contract)
            if quota.may_preload(self._runtime, table, self._job(keys[0])):
                sent = self._warehouse.preload(self._file, self._contract, keys, rows)
        except WaybillError as error:
            log.warning("%s is not loaded ahead: %s", self._file.file_id, error.message)
        except Exception:
            log.exception("%s is not loaded ahead", self._file.file_id)
        self._has_ended = not sent
        if sent:
            crash_point("prepare.preloading")

    def _job(self, key: str) -> str:
        digest = hashlib.sha256(key.encode()).hexdigest()[:16]
        return f"{self._file.file_id}.{self._file.attempt}.{digest}"

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._has_ended |= not self.kept
        self._beside.shutdown()
        if self._has_begun and self._has_ended:
            forget_preloaded(self._runtime, self._file, self._contract)


def forget_preloaded(runtime: Runtime, file: File, contract: Contract) -> None:
    """Take back what the warehouse may have got of a file's attempt that is not to be loaded."""
    if isinstance(runtime.warehouse, PreloadsParts):
        runtime.warehouse.forget_preloaded(file, contract)


def _around(number: int, waiting: Iterable[int]) -> list[int]:
    """The number with those that follow each other around it, in order."""
    known = set(waiting)
    first = last = number
    while first - 1 in known:
        first -= 1
    while last + 1 in known:
        last += 1
    return [*range(first, last + 1)]
