"""Telemetry: how long a step took and what came of it, as an event of its file and a log line."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

from pipelines.runtime import Runtime
from schemas.file import Event

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TimedStep:
    """A step that is running since `started` (seconds of a clock that never goes back)."""

    runtime: Runtime
    step: str
    started: float

    @property
    def seconds(self) -> float:
        """How long the step has taken until now."""
        return time.monotonic() - self.started

    def event(
        self,
        file_id: str,
        outcome: str,
        *,
        rows: int | None = None,
        message: str | None = None,
        seconds: float | None = None,
    ) -> Event:
        """The event that says how the step ended for a file, and it is logged. The step has taken
        until now, or so many `seconds` where it ended for several files at once."""
        seconds = self.seconds if seconds is None else seconds
        counted = "" if rows is None else f", {rows:,} rows"
        log.info(
            "%s of %s: %s in %.2f s%s", self.step, file_id, outcome, seconds, counted,
            extra={
                "file_id": file_id,
                "step": self.step,
                "outcome": outcome,
                "seconds": round(seconds, 3),
                "rows": rows,
            },
        )  # fmt: skip
        return Event(
            file_id=file_id,
            at=self.runtime.now(),
            step=self.step,
            outcome=outcome,
            seconds=seconds,
            rows=rows,
            message=message,
        )


def timed_step(runtime: Runtime, step: str) -> TimedStep:
    """A step that begins now."""
    return TimedStep(runtime, step, time.monotonic())


def event_now(
    runtime: Runtime, file_id: str, step: str, outcome: str, message: str | None = None
) -> Event:
    """An event that takes no time: something was decided about a file."""
    return Event(file_id=file_id, at=runtime.now(), step=step, outcome=outcome, message=message)
