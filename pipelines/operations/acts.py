"""Acts: writing down who changes what, in the transaction of the change, and reading it back."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pipelines.runtime import Runtime
from schemas.act import BEGINNING, Act, Phase
from schemas.errors import WaybillError


@dataclass(slots=True)
class Told:
    """What an act has changed: filled in by whoever acts, `before` and `after`. One that turns out
    to change nothing is no act (`is_none`)."""

    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
    is_none: bool = False


@dataclass(frozen=True, slots=True)
class Verified:
    """How many acts there are, the hash of the last, and the number of the first that does not fit
    the one before, or has been changed; None if all do."""

    count: int
    last_hash: str
    broken_at: int | None


@contextmanager
def acting(
    runtime: Runtime, action: str, subject_kind: str, subject: str, feed: str | None = None
) -> Iterator[Told]:
    """What the ledger is told within the block, and the act itself, are one transaction: neither is
    there without the other."""
    told = Told()
    with runtime.ledger.acts.together():
        yield told
        if not told.is_none:
            act = Act(
                action=action,
                subject_kind=subject_kind,
                subject=subject,
                actor=runtime.actor,
                feed=feed,
                before=told.before or None,
                after=told.after or None,
            )
            runtime.ledger.acts.append(act)


@contextmanager
def acting_outside(
    runtime: Runtime,
    action: str,
    subject_kind: str,
    subject: str,
    feed: str | None = None,
    before: Mapping[str, Any] | None = None,
) -> Iterator[Told]:
    """The same of what changes things outside the ledger: the act is written down before, and
    afterwards how it ended. One without an end was broken off."""
    act = Act(
        action=action,
        subject_kind=subject_kind,
        subject=subject,
        actor=runtime.actor,
        feed=feed,
        before=before,
        phase=Phase.BEGUN,
    )
    begun = runtime.ledger.acts.append(act)
    told = Told()
    try:
        yield told
    except Exception as error:
        why = error.message if isinstance(error, WaybillError) else type(error).__name__
        _end(runtime, begun, Phase.FAILED, {**told.after, "error": why})
        raise
    _end(runtime, begun, Phase.ENDED, told.after)


def _end(runtime: Runtime, begun: Act, phase: Phase, after: Mapping[str, Any]) -> None:
    end = Act(
        action=begun.action,
        subject_kind=begun.subject_kind,
        subject=begun.subject,
        actor=begun.actor,
        feed=begun.feed,
        after=after or None,
        phase=phase,
        about=begun.number,
    )
    runtime.ledger.acts.append(end)


def list_acts(
    runtime: Runtime,
    *,
    feeds: Collection[str] | None = None,
    subject: str | None = None,
    before: int | None = None,
    limit: int = 100,
) -> Sequence[Act]:
    """The latest acts, newest first: on those feeds, on one subject, of lower numbers."""
    return runtime.ledger.acts.latest(feeds=feeds, subject=subject, before=before, limit=limit)


def verify_acts(runtime: Runtime) -> Verified:
    """Whether no act was changed, taken out or put in since: each has the hash that it must have,
    and the number and hash before it. That the last ones were cut off is only seen by whoever kept
    the last hash."""
    number, previous = 0, BEGINNING
    while page := runtime.ledger.acts.page(number):
        for act in page:
            fits = act.number == number + 1 and act.previous == previous
            if not fits or act.hash != act.hashed():
                return Verified(number, previous, act.number)
            number, previous = act.number, act.hash
    return Verified(number, previous, None)
