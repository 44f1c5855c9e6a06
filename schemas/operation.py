"""An operation: long work that somebody asked for and a worker does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from schemas.act import Actor


class OperationKind(StrEnum):
    """What is to be done."""

    UNLOAD = "unload"
    REPLAY = "replay"
    BACKFILL = "backfill"
    CHECK_DRAFT = "check_draft"
    SUBMIT_DRAFT = "submit_draft"
    CHECK = "check"
    FIND_ROW = "find_row"
    DRIFT_SAMPLES = "drift_samples"


class OperationState(StrEnum):
    """How far it is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Operation:
    """Long work on one feed: what was asked for, by whom, how far it is and what came of it.

    `tries` counts how often somebody has begun it. While it runs, `owner` holds it until
    `lease_until`: should its worker die, another goes on.
    """

    operation_id: str
    kind: OperationKind
    feed: str
    request: Mapping[str, Any]
    actor: Actor
    state: OperationState = OperationState.WAITING
    created_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    tries: int = 0
    owner: str | None = None
    lease_until: datetime | None = None
    result: Mapping[str, Any] | None = None
    error: str | None = None
    hint: str | None = None

    @property
    def attempted(self) -> bool:
        """Whether somebody had begun it before who does it now."""
        return self.tries > 1
