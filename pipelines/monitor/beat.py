"""Beat: when it was last seen. It cannot tell of its own end; workers, and whoever asks, can."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipelines.runtime import Runtime
from schemas.alert import AlertKind, Trouble
from schemas.file import Status
from schemas.language import translate

SERVICE = "beat"
"""Its name among the ledger's services."""
PATIENCE = timedelta(minutes=5)
_FOR_A_PERSON = frozenset({Status.HELD, Status.FAILED, Status.UNLOADED})


@dataclass(frozen=True, kw_only=True, slots=True)
class BeatView:
    """When beat was last seen (None: never), whether it is missed, and how many files are due, the
    oldest since when."""

    seen_at: datetime | None
    is_missed: bool
    files: int = 0
    oldest: datetime | None = None


def note_beat(runtime: Runtime) -> None:
    """Write down that beat goes on, once a minute at most. Raises RetryableError while the ledger
    is away."""
    runtime.ledger.services.note(SERVICE)


def beat_is_missed(runtime: Runtime) -> bool:
    """Whether beat was there, and has not been seen for minutes. One that has been away for longer
    than alerts of files last was taken away: passes by hand (`waybill run`) need none."""
    seen = runtime.ledger.services.get(SERVICE).good_at
    return seen is not None and _is_missed(runtime, seen)


def view_beat(runtime: Runtime) -> BeatView:
    """How beat is, and what waits if it is missed."""
    seen = runtime.ledger.services.get(SERVICE).good_at
    if seen is None or not _is_missed(runtime, seen):
        return BeatView(seen_at=seen, is_missed=False)
    due = [
        each for each in runtime.ledger.measures.on_the_way() if each.status not in _FOR_A_PERSON
    ]
    return BeatView(
        seen_at=seen,
        is_missed=True,
        files=sum(each.files for each in due),
        oldest=min((each.oldest for each in due), default=None),
    )


def missed_beat(runtime: Runtime) -> Iterator[Trouble]:
    """The trouble of a schedule that has stopped."""
    seen = runtime.ledger.services.get(SERVICE).good_at
    if seen is not None and _is_missed(runtime, seen):
        yield Trouble(
            kind=AlertKind.SCHEDULE,
            subject=SERVICE,
            says=translate(
                "beat was last seen {seen}: since then no feed looks for files on schedule,"
                " and nothing that was interrupted goes on",
                seen=f"{seen:%Y-%m-%d %H:%M} UTC",
            ),
            todo=translate("start it again: waybill up, or waybill beat beside workers"),
        )


def _is_missed(runtime: Runtime, seen: datetime) -> bool:
    away = runtime.now() - seen
    return PATIENCE < away <= timedelta(days=runtime.alert_rules.file_days)
