"""Long work: asked for at once, written down, and done by a worker; whoever asked can follow it."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from pipelines.lease import keep_lease
from pipelines.operations.asked import ask_for_work
from pipelines.operations.backfill import backfill
from pipelines.operations.checks import check_upload
from pipelines.operations.draft_work import do_check_draft, do_submit_draft
from pipelines.operations.drift_samples import find_samples
from pipelines.operations.feeds import feed_named
from pipelines.operations.replay import Progress, replay, replayable
from pipelines.operations.row_search import find_row
from pipelines.operations.unload import plan_unload, unload
from pipelines.runtime import Runtime
from schemas.errors import (
    ConflictError,
    LeaseLostError,
    NotFoundError,
    RetryableError,
    WaybillError,
)
from schemas.file import AT_REST, File
from schemas.operation import Operation, OperationKind

log = logging.getLogger(__name__)

_LEASE_SECONDS, _TRIES = 120.0, 5


def request_unload(runtime: Runtime, file: File) -> Operation:
    """Ask for a file's rows to be taken out of their table. Raises ConflictError for a file that
    has none there, or is on its way."""
    if not file.in_force or file.status not in AT_REST:
        raise ConflictError(
            f"{file.item.name} is {file.status}: it has no rows to unload now",
            hint="only files that are loaded and done can be unloaded",
        )
    return ask_for_work(runtime, OperationKind.UNLOAD, file.feed, {"file_ids": [file.file_id]})


def request_replay(
    runtime: Runtime,
    feed: str,
    *,
    file: File | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    tell: bool = False,
) -> Operation:
    """Ask for a file, or a feed's files as far as they were sent in a time, to be prepared again.
    Raises NotFoundError, and ConflictError for a file that is on its way."""
    feed_named(runtime, feed)
    if file is not None and file.status not in AT_REST:
        raise ConflictError(f"{file.item.name} is {file.status}: it is still on its way")
    request: dict[str, Any] = {**_bounds(since, until), "tell": tell}
    if file is not None:
        request["file_ids"] = [file.file_id]
    return ask_for_work(runtime, OperationKind.REPLAY, feed, request)


def request_backfill(
    runtime: Runtime, feed: str, since: datetime | None = None, until: datetime | None = None
) -> Operation:
    """Ask for what a feed's source holds from before. Raises NotFoundError, and ConflictError for a
    stopped feed."""
    feed_named(runtime, feed)
    state = runtime.ledger.feeds.state(feed)
    if state.stopped_at is not None:
        raise ConflictError(f"feed {feed} is stopped: {state.reason}", hint="resume it first")
    return ask_for_work(runtime, OperationKind.BACKFILL, feed, _bounds(since, until))


def operation_of(runtime: Runtime, operation_id: str) -> Operation:
    """An operation as it is now. Raises NotFoundError."""
    try:
        return runtime.ledger.operations.get(operation_id)
    except KeyError:
        raise NotFoundError(f"there is no operation {operation_id}") from None


def list_operations(
    runtime: Runtime, feeds: Collection[str] | None, limit: int
) -> Sequence[Operation]:
    """The latest operations, newest first, of those feeds only if any are named."""
    return runtime.ledger.operations.latest(feeds, limit)


def do_operation(runtime: Runtime, operation_id: str) -> None:
    """Do an operation in the name of who asked for it; nothing if somebody does it already or it is
    done. What its like has begun before it died, it goes on with."""
    ledger = runtime.ledger.operations
    operation = ledger.claim(operation_id, runtime.owner, _LEASE_SECONDS)
    if operation is None:
        return
    if operation.tries > _TRIES:
        # Whoever did it was killed each time.
        ledger.finish(operation, error=f"it was broken off {_TRIES} times", hint="tell an admin")
        return
    acting_runtime = replace(runtime, actor=operation.actor)
    try:
        with keep_lease(
            lambda: ledger.renew(operation, _LEASE_SECONDS), _LEASE_SECONDS / 3
        ) as check:
            result = _DO[operation.kind](acting_runtime, operation, lambda work, left: check())
        ledger.finish(operation, result=result)
    except LeaseLostError:
        return
    except RetryableError as error:
        if operation.tries < _TRIES:
            # Once its lease has run out, `recover` finds it again.
            log.warning("operation %s is tried again: %s", operation_id, error.message)
            return
        ledger.finish(operation, error=error.message, hint=error.hint)
    except WaybillError as error:
        ledger.finish(operation, error=error.message, hint=error.hint)
    except Exception as error:
        ledger.finish(operation, error=f"it broke down: {type(error).__name__}")
        raise


def _unload(runtime: Runtime, operation: Operation, told: Progress) -> dict[str, Any]:
    files = runtime.ledger.files.many(operation.request["file_ids"])
    if files and not any(file.in_force for file in files) and operation.attempted:
        # Whoever began it died after the warehouse had committed.
        return {"file_ids": [file.file_id for file in files]}
    done = unload(runtime, plan_unload(runtime, files))
    return {
        "batch_id": done.batch_id,
        "file_ids": [file.file_id for file in done.files],
        "rows_removed": done.rows_removed,
        "rows_restored": done.rows_restored,
    }


def _replay(runtime: Runtime, operation: Operation, told: Progress) -> dict[str, Any]:
    request = operation.request
    if "file_ids" in request:
        files = list(runtime.ledger.files.many(request["file_ids"]))
    else:
        since, until = _moment(request["since"]), _moment(request["until"])
        files = replayable(runtime, operation.feed, since, until)
    if operation.attempted:
        files = [file for file in files if not _sent_again(runtime, file, operation)]
    replay(runtime, files, told, quiet=not request["tell"])
    counts: dict[str, int] = {}
    for file in runtime.ledger.files.many([file.file_id for file in files]):
        counts[str(file.status)] = counts.get(str(file.status), 0) + 1
    return {"files": len(files), "statuses": counts}


def _sent_again(runtime: Runtime, file: File, operation: Operation) -> bool:
    """Whether an earlier try of the operation has sent the file on its way."""
    begun = operation.created_at
    events = runtime.ledger.timelines.of(file.file_id)
    return file.status not in AT_REST or any(
        each.step == "retry" and begun is not None and each.at >= begun for each in events
    )


def _backfill(runtime: Runtime, operation: Operation, told: Progress) -> dict[str, Any]:
    request = operation.request
    since, until = _moment(request["since"]), _moment(request["until"])
    seen, new = backfill(runtime, operation.feed, since, until, told)
    return {"seen": seen, "new": len(new)}


def _bounds(since: datetime | None, until: datetime | None) -> dict[str, str | None]:
    return {
        "since": since.isoformat() if since is not None else None,
        "until": until.isoformat() if until is not None else None,
    }


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


_DO = {
    OperationKind.UNLOAD: _unload,
    OperationKind.REPLAY: _replay,
    OperationKind.BACKFILL: _backfill,
    OperationKind.CHECK_DRAFT: do_check_draft,
    OperationKind.SUBMIT_DRAFT: do_submit_draft,
    OperationKind.CHECK: check_upload,
    OperationKind.FIND_ROW: find_row,
    OperationKind.DRIFT_SAMPLES: find_samples,
}
