"""Bundle: many small files of a feed from their source to staged Parquet, in one task.

Each keeps its own verdict, receipt and place; what costs the same for one file as for two hundred
(leases, transactions, objects of storage, the rules' set-up) is done once for all of them. What is
not plain goes the way of a single file: archives, workbooks, corrections, and every file that has
been tried before, so that one that brings its worker down does not hold up the others.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from connectors.failpoints import crash_point
from pipelines.failure import held_many
from pipelines.parse.registry import reader_of
from pipelines.prepare.bundle_files import BundleFiles
from pipelines.prepare.stage_bundle import is_for_bundles
from pipelines.prepare.step import load_of, prepare_claimed
from pipelines.runtime import Runtime, Work
from schemas.file import File, Status


def goes_in_bundles(runtime: Runtime, feed: str) -> bool:
    """Whether small files of the feed are prepared many at a time."""
    contract = runtime.contract_of(runtime.feeds[feed])
    is_text = reader_of(contract.dialect.format).traits.is_text
    return is_text and is_for_bundles(runtime.feeds[feed], contract)


def bundles_of(runtime: Runtime, feed: str, sizes: Iterable[tuple[str, int | None]]) -> list[Work]:
    """The work that prepares files of a feed, given with their sizes at the source: for the small
    ones as many tasks as there are bundles, for each of the others one of its own."""
    limits = runtime.limits
    is_bundled = goes_in_bundles(runtime, feed)
    work, count, room = [], 0, 0
    for file_id, size in sizes:
        if not is_bundled or size is None or size > _small_bytes(runtime):
            work.append(Work("prepare", file_id))
            continue
        if not count or count >= limits.bundle_files or size > room:
            work.append(Work("prepare_many", feed))
            count, room = 0, limits.bundle_bytes
        count, room = count + 1, room - size
    return work


def prepare_many(runtime: Runtime, feed_name: str) -> list[Work]:
    """Prepare the feed's oldest small files and return the work that follows; nothing if there are
    none. Files that no time was left for are given back for another bundle."""
    limits = runtime.limits
    if feed_name not in runtime.feeds or not goes_in_bundles(runtime, feed_name):
        # The contract has changed since it was asked for: `recover` sends the files alone.
        return []
    lease = runtime.new_lease()
    files = runtime.ledger.leases.claim_many(
        feed_name,
        Status.DISCOVERED,
        lease,
        limits.lease_seconds,
        max_files=limits.bundle_files,
        max_bytes=limits.bundle_bytes,
        file_bytes=_small_bytes(runtime),
    )
    if not files:
        return []
    crash_point("bundle.claimed")
    work: list[Work] = []
    with held_many(runtime, files, "prepare") as hold:
        # They may be due because their contract was changed a moment ago.
        runtime.refresh()
        with tempfile.TemporaryDirectory(dir=runtime.work_folder, prefix="bundle-") as folder:
            alone = BundleFiles(runtime, hold, Path(folder), lease).prepare(files)
        work += load_of(runtime, feed_name)
        if _is_full(runtime, files):
            work.append(Work("prepare_many", feed_name))
        for file in alone:
            work += prepare_claimed(runtime, file)
    return work


def _small_bytes(runtime: Runtime) -> int:
    """Up to how many bytes a file is small; one that is to be refused for its size goes alone."""
    return min(runtime.limits.small_bytes, runtime.limits.file_bytes)


def _is_full(runtime: Runtime, files: Sequence[File]) -> bool:
    """Whether more files may wait than were claimed."""
    limits = runtime.limits
    size = sum(file.item.size or 0 for file in files) + limits.small_bytes
    return len(files) >= limits.bundle_files or size > limits.bundle_bytes
