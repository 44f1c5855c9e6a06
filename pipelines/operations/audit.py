"""Audit: every file of some feeds verified, and what could not be looked into."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from pipelines.operations.deep_verify import NotLookedInto, deep
from pipelines.operations.feeds import feed_named
from pipelines.operations.verify import Difference, verify
from pipelines.runtime import Runtime

type Progress = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class Audited:
    """How many files were verified, every difference, and what was not looked into."""

    files: int
    differences: tuple[Difference, ...]
    not_looked_into: tuple[NotLookedInto, ...]


def audit(
    runtime: Runtime,
    feeds: Sequence[str],
    since: datetime | None = None,
    *,
    is_deep: bool = False,
    progress: Progress = lambda feed, files: None,
) -> Audited:
    """Verify every file of those feeds (all, if none is named), loaded since then (UTC); `is_deep`
    prepares the raw files anew as well. `progress` hears the feed and the files so far.

    Raises NotFoundError for an unknown feed before anything is read.
    """
    names = [feed_named(runtime, name).name for name in feeds] or list(runtime.feeds)
    differences: list[Difference] = []
    skipped: list[NotLookedInto] = []
    files = 0
    for name in names:

        def counted(_: object, name: str = name) -> None:
            nonlocal files
            files += 1
            progress(name, files)

        progress(name, files)
        differences += verify(runtime, name, counted, since)
        found = deep(runtime, name, lambda _, name=name: progress(name, files)) if is_deep else ()  # type: ignore[misc]
        for each in found:
            (differences if isinstance(each, Difference) else skipped).append(each)  # type: ignore[arg-type]
    return Audited(files, tuple(differences), tuple(skipped))
