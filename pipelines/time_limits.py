"""Time limits: how long a step may take for a file of its size, and what follows if it is killed.

Whoever runs steps in processes of their own kills them from outside: what hangs cannot end itself.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import timedelta

from pipelines.runtime import Runtime, Work
from schemas.errors import DataError, LeaseLostError
from schemas.file import LEASED, Event, File

log = logging.getLogger(__name__)

TOO_LONG = "too long"
"""What the timeline says of a step that was killed for the time it took."""
_OF_FILES = ("prepare", "part")
_OTHERS = 6
"""A step that is about no single file may take so many times as long as a small one."""
_SIZE_UNKNOWN = 64 * 1024 * 1024
_MB = 1024 * 1024


def seconds_for(runtime: Runtime, works: Collection[Work]) -> dict[Work, float]:
    """How long each step may take: by the size of its file, or of a bundle, if it prepares one."""
    base = runtime.limits.step_seconds
    found = dict.fromkeys(works, base * _OTHERS)
    # Should one of its files hang, its leases run out with it, and each goes alone from then on.
    bundle = base + runtime.limits.bundle_bytes / _MB * runtime.limits.step_mb_seconds
    found |= {work: bundle for work in works if work.step == "prepare_many"}
    found |= {
        work: runtime.feeds[work.target].after_load_seconds + base
        for work in works
        if work.step == "after_load" and work.target in runtime.feeds
    }
    ids = {work: work.target.partition("/")[0] for work in works if work.step in _OF_FILES}
    if not ids:
        return found
    files = {file.file_id: file for file in runtime.ledger.files.many(set(ids.values()))}
    for work, file_id in ids.items():
        file = files.get(file_id)
        size = (file and (file.size or file.item.size)) or _SIZE_UNKNOWN
        found[work] = base + size / _MB * runtime.limits.step_mb_seconds
    return found


def give_back(runtime: Runtime, file_id: str, step: str, seconds: float) -> None:
    """Give back the file of a step that is being killed; the killed one's lease is gone then."""
    file = next(iter(runtime.ledger.files.many([file_id])), None)
    if file is None or file.status not in LEASED:
        return
    now = runtime.now()
    event = Event(
        file_id=file_id,
        at=now,
        step=step,
        outcome=TOO_LONG,
        seconds=seconds,
        message=f"it was ended after {seconds:,.0f} s, try {file.tries}",
    )
    later = now + timedelta(seconds=runtime.limits.retry_seconds)
    try:
        runtime.ledger.leases.release(file, later, event)
    except LeaseLostError:
        log.info("%s of %s had ended just before", step, file_id)


def refuse_too_slow(runtime: Runtime, file: File) -> None:
    """Raise DataError for a file whose every try was ended for the time it took."""
    if file.tries <= runtime.limits.attempts:
        return
    told = [each for each in runtime.ledger.timelines.of(file.file_id) if each.step == "prepare"]
    if told and told[-1].outcome == TOO_LONG:
        raise DataError(
            "preparing it took too long: more than {seconds:,.0f} seconds, {count} times",
            hint="split the file, or raise limits.step_seconds",
            seconds=told[-1].seconds or 0,
            count=sum(each.outcome == TOO_LONG for each in told[-file.tries :]),
        )
