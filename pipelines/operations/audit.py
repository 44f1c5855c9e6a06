"""Audit: every file of some feeds verified, and what could not be looked into."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from pipelines.operations.deep_verify import NotLookedInto, deep
from pipelines.operations.feeds import feeds_named
from pipelines.operations.verify import Difference, verify
from pipelines.runtime import Runtime

log = logging.getLogger(__name__)

type Progress = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class Audited:
    """How many files were verified, every difference, and what was not looked into. `failed` are
    the feeds that were not checked to their end, each with the error that broke it off."""

    files: int
    differences: tuple[Difference, ...]
    not_looked_into: tuple[NotLookedInto, ...]
    failed: tuple[tuple[str, Exception], ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether no error has kept anything from being checked."""
        return not self.failed and not any(each.is_fault for each in self.not_looked_into)


def audit(
    runtime: Runtime,
    feeds: Sequence[str],
    since: datetime | None = None,
    *,
    is_deep: bool = False,
    progress: Progress = lambda feed, files: None,
) -> Audited:
    """Verify every file of those feeds (all, if none is named), loaded since then (UTC); `is_deep`
    prepares the raw files anew as well. `progress` hears the feed and how many were looked into.

    An error in one feed ends none of the others. Raises NotFoundError for an unknown feed before
    anything is read.
    """
    names = feeds_named(runtime, feeds)
    found: list[Difference | NotLookedInto] = []
    failed: list[tuple[str, Exception]] = []
    heard: Counter[str] = Counter()

    def hear(kind: str, feed: str) -> Callable[[object], None]:
        def of(_: object) -> None:
            heard[kind] += 1
            progress(feed, heard.total())

        return of

    for name in names:
        try:
            found.extend(verify(runtime, name, hear("verified", name), since))
            if is_deep:
                found.extend(deep(runtime, name, hear("prepared anew", name)))
        except Exception as error:
            log.debug("check of %s", name, exc_info=True)
            failed.append((name, error))
    return Audited(
        heard["verified"],
        tuple(each for each in found if isinstance(each, Difference)),
        tuple(each for each in found if isinstance(each, NotLookedInto)),
        tuple(failed),
    )
