"""Bundling: which files of a feed share a task."""

from __future__ import annotations

from collections.abc import Sequence

from pipelines.runtime import Runtime, Work
from schemas.file import File


def acknowledgements_of(runtime: Runtime, files: Sequence[File]) -> list[Work]:
    """The work that tells the senders of a feed's loaded files."""
    if len(files) < 2:
        return [Work("acknowledge", file.file_id) for file in files]
    bundles = -(-len(files) // runtime.limits.bundle_files)
    return [Work("acknowledge_many", files[0].feed)] * bundles
