"""What a feed's command is told after a load: the batch, written down until the command has ended
well."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class AfterLoadState(StrEnum):
    """Where the run for a batch is: it is still owed, ended well, or was given up."""

    WAITING = "waiting"
    DONE = "done"
    GIVEN_UP = "given_up"


@dataclass(frozen=True, kw_only=True, slots=True)
class AfterLoad:
    """The run of a feed's command for one batch. Every try gets the same `batch`, as JSON has it;
    `file_ids` are the files in whose timelines it is told."""

    batch_id: str
    feed: str
    batch: Mapping[str, Any] = field(repr=False)
    file_ids: tuple[str, ...]
    planned_at: datetime
    state: AfterLoadState = AfterLoadState.WAITING
    tries: int = 0
    next_at: datetime | None = None
    owner: str | None = None
    closed_at: datetime | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended: its status, None if it was killed for the time it took, and what it
    printed, of which the middle is left out where it is long."""

    status: int | None
    output: str

    @property
    def is_well(self) -> bool:
        """Whether it did what it was asked."""
        return self.status == 0
