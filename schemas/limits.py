"""Limits: how much, how long and how often. The defaults suit one small host."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Seconds = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(gt=0)]


class Limits(BaseModel):
    """Bounds that the stages keep. Sizes in bytes, times in seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    block_bytes: Count = 8 * 1024 * 1024
    """How much text is parsed at once; memory grows with this, never with the file."""
    file_bytes: Count = 20 * 1024**3
    """A larger file is quarantined without being read to its end."""
    unpack_ratio: Count = 250
    """A compressed file that unpacks to more than this many times its size is refused."""
    members: Count = 1000
    """The most files in one archive."""
    workbook_bytes: Count = 512 * 1024**2
    """The most that a workbook may unpack to: a sheet is held in memory."""
    batch_files: Count = 1000
    """The most files in one batch."""
    batch_bytes: Count = 2 * 1024**3
    """The most staged bytes in one batch."""
    batch_seconds: Seconds = 2
    """How long a prepared file waits for others to share its load job."""
    queued_files: Count = 10_000
    """Discover stops registering new files of a feed while this many wait."""
    lease_seconds: Seconds = 60
    """A worker that has not renewed its lease for this long is taken to be dead."""
    attempts: Count = 5
    """A step that failed this often for an unknown or retryable reason is given up."""
    retry_seconds: Seconds = 5
    """The pause before the second attempt; it doubles with every further one."""
    recover_seconds: Seconds = 15
    """How often beat looks for work whose lease ran out."""
    partitions: Count = 4000
    """The most partitions one file may touch (BigQuery's own limit for one job)."""
    receipt_examples: Count = 5
    """How many examples of each broken rule a receipt shows."""
