"""Cost: what a job of the warehouse was billed for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """The bytes that one job was billed for, and what it was for. Load jobs are free."""

    job_id: str
    at: datetime
    command: str
    feed: str | None
    table: str | None
    batch_id: str | None
    bytes_billed: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Pricing:
    """What reading costs in a warehouse, and above how many bytes a person is asked first."""

    dollars_per_tib: float
    ask_above_bytes: int

    def dollars(self, size: int) -> float:
        """What so many bytes cost."""
        return size / 1024**4 * self.dollars_per_tib


@dataclass(frozen=True, kw_only=True, slots=True)
class CostSum:
    """Jobs of one feed, table and command together."""

    feed: str | None
    table: str | None
    command: str
    jobs: int
    bytes_billed: int
