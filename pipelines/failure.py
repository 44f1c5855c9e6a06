"""What happens after an error: its type alone decides."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial

from pipelines.lease import keep_lease
from pipelines.runtime import Runtime
from pipelines.telemetry import event_now
from schemas.alert import AlertKind, Trouble
from schemas.errors import (
    AwayError,
    BusyError,
    FatalError,
    LeaseLostError,
    RetryableError,
    ThrottledError,
    WaybillError,
)
from schemas.file import Event, File, Status
from schemas.language import translate

log = logging.getLogger(__name__)

_STOPPED = "feed {feed} has stopped and its files wait: {reason}"
_RESUME = "fix it, then: waybill resume {feed}"
_RESUME_AFTER = "{hint}; then: waybill resume {feed}"
_THROTTLED_SECONDS = 120.0
_LONGEST_WAIT = 86_400.0
_TELLING, _WAITING_TRIES = "acknowledge", 300
_LONGEST_PAUSE = 900.0
"""Seconds between two tries. With 300 of them a source, or a mail server, may be away for three
days: what is there waits, and is not given up."""


@contextmanager
def held(runtime: Runtime, file: File, step: str) -> Iterator[Callable[[], None]]:
    """Hold a claimed file while its step runs; yields a check that raises once the lease is lost.

    A RetryableError, or an error nobody foresaw, gives the file back to be tried again after a
    growing pause, and fails it after `limits.attempts`; a source that is away is waited for, and
    to tell a sender is tried, for days, and a BusyError counts for no try at all. A
    FatalError fails it at once and stops its feed. A lost lease leaves everything to the new
    holder. DataError is the step's own business and must not come out of it.
    """
    seconds = runtime.limits.lease_seconds
    try:
        with keep_lease(lambda: runtime.ledger.leases.renew(file, seconds), seconds / 3) as check:
            yield check
    except Exception as error:
        _after(runtime, file, step, error)


class HeldFiles:
    """Claimed files that a step works on together; those that are not settled when it ends are
    given back."""

    def __init__(
        self, runtime: Runtime, files: Sequence[File], step: str, check: Callable[[], None]
    ) -> None:
        self._runtime, self._step, self.check = runtime, step, check
        self._left = {file.file_id: file for file in files}

    def settle(self, file_ids: Iterable[str]) -> None:
        """Nothing more is to be done for these."""
        for file_id in file_ids:
            self._left.pop(file_id, None)

    def advance(self, steps: Sequence[tuple[File, Event]]) -> list[File]:
        """Tell the ledger of files that are a step further, all at once; those whose lease had not
        been lost."""
        lost = set(self._runtime.ledger.leases.advance_many(steps))
        for file_id in lost:
            _log_lost(self._step, file_id)
        self.settle(file.file_id for file, _ in steps)
        return [file for file, _ in steps if file.file_id not in lost]

    def give_back(self, file: File, error: Exception) -> None:
        """What an error about one of the files does to it alone, as `held` has it."""
        self.settle([file.file_id])
        _after(self._runtime, file, self._step, error)

    def give_back_all(self, error: Exception) -> None:
        """The same for all that are left."""
        for file in [*self._left.values()]:
            self.give_back(file, error)


@contextmanager
def held_many(runtime: Runtime, files: Sequence[File], step: str) -> Iterator[HeldFiles]:
    """Hold claimed files while a step runs over them; an error that leaves the block is about all
    that are not settled by then, as `held` has it."""
    seconds = runtime.limits.lease_seconds
    renew = partial(runtime.ledger.leases.renew_many, files, seconds)
    with keep_lease(renew, seconds / 3) as check:
        hold = HeldFiles(runtime, files, step, check)
        try:
            yield hold
        except Exception as error:
            hold.give_back_all(error)


def _after(runtime: Runtime, file: File, step: str, error: Exception) -> None:
    """What an error in a step does to its file, by the error's type."""
    if isinstance(error, LeaseLostError):
        _log_lost(step, file.file_id)
    elif isinstance(error, FatalError):
        _fail(runtime, file, step, error)
        stop_feed(runtime, file.feed, error)
    else:
        _again(runtime, file, step, error)


def _log_lost(step: str, file_id: str) -> None:
    log.warning("%s of %s: another worker has taken it over", step, file_id)


def stop_feed(runtime: Runtime, feed: str, error: FatalError) -> None:
    """Stop a feed, and alert ops the first time."""
    if runtime.ledger.feeds.stop(feed, error.message):
        log.error("feed %s stopped: %s", feed, error.message)
        runtime.raise_alert(stopped_feed(feed, error.message, error.hint))


def _again(runtime: Runtime, file: File, step: str, error: Exception) -> None:
    """Give a file back after an error that may pass; fail it when it has not passed for long."""
    if not isinstance(error, RetryableError):
        log.exception("%s of %s failed unexpectedly", step, file.file_id)
    waits = isinstance(error, AwayError) or (step == _TELLING and isinstance(error, RetryableError))
    # Waiting for what somebody else holds is no try: locks and leases run out by themselves.
    is_busy = isinstance(error, BusyError)
    if not is_busy and file.tries >= (_WAITING_TRIES if waits else runtime.limits.attempts):
        _fail(runtime, file, step, error)
        return
    doublings = 0 if is_busy else min(max(0, file.tries - 1), 20)
    pause = min(runtime.limits.retry_seconds * 2**doublings, _LONGEST_PAUSE)
    if isinstance(error, ThrottledError):
        pause = max(pause, _THROTTLED_SECONDS)
    if isinstance(error, AwayError) and error.wait is not None:
        pause = max(pause, min(error.wait, _LONGEST_WAIT))
    now = runtime.now()
    outcome = "waits" if is_busy else "retry"
    event = event_now(runtime, file.file_id, step, outcome, sentence_of(error))
    later = now + timedelta(seconds=pause)
    _quietly_lost(lambda: runtime.ledger.leases.release(file, later, event, is_try=not is_busy))
    log.warning("%s of %s: %s; again in %.0f s", step, file.file_id, sentence_of(error), pause)


def _fail(runtime: Runtime, file: File, step: str, error: Exception) -> None:
    """Give a file up: it stays as it is until a person says `waybill retry`."""
    reason = sentence_of(error)
    event = event_now(runtime, file.file_id, step, "failed", reason)
    failed = replace(file, status=Status.FAILED, reason=reason)
    _quietly_lost(lambda: runtime.ledger.leases.advance(failed, event))
    log.error("%s of %s given up: %s", step, file.file_id, reason)


def _quietly_lost(write: Callable[[], object]) -> None:
    """Run a ledger write; if the lease was lost meanwhile, the new holder decides instead."""
    try:
        write()
    except LeaseLostError:
        log.warning("another worker has taken the file over meanwhile")


def sentence_of(error: Exception) -> str:
    """One line that says what went wrong, for the ledger and the log."""
    if isinstance(error, WaybillError):
        return error.message
    return " ".join(traceback.format_exception_only(error)).strip()[:500]


def stopped_feed(feed: str, reason: str, hint: str | None = None) -> Trouble:
    """The trouble of one feed that has stopped."""
    return Trouble(
        kind=AlertKind.STOPPED,
        subject=feed,
        feed=feed,
        says=translate(_STOPPED, feed=feed, reason=reason),
        todo=translate(_RESUME_AFTER, hint=hint, feed=feed)
        if hint
        else translate(_RESUME, feed=feed),
    )
