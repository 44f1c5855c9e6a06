"""Checks: what would become of a file, found out by a worker, without loading it.

The file is kept as an upload for a day: to send it, its bytes need not come again. What a check
answers is kept twice, once without the values that are not public: who may read which is decided
when somebody reads it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pipelines.operations.asked import ask_for_work
from pipelines.operations.check_facts import check_facts
from pipelines.operations.dry_run import check
from pipelines.operations.fits import Fit, fits
from pipelines.operations.replay import Progress
from pipelines.operations.uploads import Incoming, Uploaded, keep, refuse_more, register
from pipelines.prepare.history import history_of
from pipelines.runtime import Runtime
from pipelines.stored_files import fetched
from schemas import storage_keys
from schemas.errors import ConflictError, NotFoundError
from schemas.operation import Operation, OperationKind
from schemas.upload import Upload, UploadState, upload_name

_SURE = 0.5
_SHOWN = 10
_GONE = "what was checked is not kept any more"


def request_check(
    runtime: Runtime,
    name: str,
    coming: Incoming,
    feeds: Collection[str],
    feed: str | None = None,
    sha256: str | None = None,
) -> Operation:
    """Keep a file that has come, and ask for it to be checked under a feed; without one, under
    whichever of those feeds it fits. Raises RefusedError for a name or bytes that cannot be
    taken."""
    kept = keep(runtime, feed, name, coming, sha256=sha256)
    runtime.ledger.uploads.stored(kept.upload_id)
    request: dict[str, Any] = {"upload_id": kept.upload_id, "name": kept.name, "size": kept.size}
    if feed is None:
        request["feeds"] = sorted(feeds)
    return ask_for_work(runtime, OperationKind.CHECK, feed or "", request)


def refuse_check(name: str) -> None:
    """Raise RefusedError for a name that no file may have."""
    upload_name(name)


def send_checked(runtime: Runtime, operation: Operation, feed: str | None = None) -> Uploaded:
    """Make what was checked a file of the feed that it was checked under, or of `feed`; the same
    file however often it is asked for. Raises ConflictError where that is not possible."""
    target = operation.feed or feed
    if operation.kind is not OperationKind.CHECK:
        raise NotFoundError(f"{operation.operation_id} is no check")
    if not target or target not in runtime.feeds:
        raise ConflictError("it was checked under no feed", hint="say which feed it is for")
    if feed is not None and feed != target:
        raise ConflictError(
            f"it was checked under feed {target}", hint=f"check it under feed {feed} first"
        )
    kept = _kept(runtime, operation)
    if kept.state is UploadState.REGISTERED and kept.feed != target:
        raise ConflictError(f"it was sent to feed {kept.feed} before")
    if kept.state is not UploadState.REGISTERED:
        refuse_more(runtime, target)
    return register(runtime, kept, target)


def _kept(runtime: Runtime, operation: Operation) -> Upload:
    kept = runtime.ledger.uploads.get(operation.request["upload_id"])
    if kept is None:
        raise ConflictError(_GONE, hint="send the file itself")
    return kept


def check_upload(runtime: Runtime, operation: Operation, told: Progress) -> dict[str, Any]:
    """Check what an operation asks to: `full` for those who may see every value, and `public`.
    Raises WaybillError for a file that is gone, or a feed whose transform fails."""
    kept = _kept(runtime, operation)
    with tempfile.TemporaryDirectory(dir=runtime.work_folder, prefix="check-") as name:
        path = Path(name) / "file" / kept.name
        path.parent.mkdir()
        try:
            fetched(runtime, _key_of(runtime, kept), path)
        except FileNotFoundError:
            raise ConflictError(_GONE, hint="send it again") from None
        folder = Path(name) / "check"
        folder.mkdir()
        feed, found = operation.feed or None, list[Fit]()
        if feed is None:
            candidates = [each for each in operation.request["feeds"] if each in runtime.feeds]
            found = fits(runtime, path, candidates)
            best = found[0] if found and found[0].sure >= _SURE else None
            feed = best.feed if best is not None else None
        return _checked(runtime, path, feed, found, folder)


def _key_of(runtime: Runtime, kept: Upload) -> str:
    """Where the bytes are: once they were sent they may only be landed."""
    key = storage_keys.uploaded(kept.upload_id)
    if kept.sha256 is None or runtime.storage.exists(key):
        return key
    return storage_keys.landing(kept.sha256)


def _checked(
    runtime: Runtime, path: Path, feed: str | None, found: list[Fit], folder: Path
) -> dict[str, Any]:
    facts: dict[str, Any] = {"full": None, "public": None}
    if feed is not None:
        of = runtime.feeds[feed]
        contract = runtime.contract_of(of)
        checked = check(
            path,
            of,
            contract,
            runtime.limits,
            folder,
            capabilities=runtime.warehouse.capabilities,
            memory=history_of(runtime.ledger, feed),
            now=runtime.now(),
        )
        facts = {
            "full": check_facts(checked, of, contract, sees_all=True),
            "public": check_facts(checked, of, contract, sees_all=False),
        }
    shown = found[:_SHOWN]
    return {
        "feed": feed,
        "fits": [{**asdict(each), "unknown": len(each.unknown)} for each in shown],
        "check": facts,
    }


def check_result(result: dict[str, Any], sees_all: bool) -> dict[str, Any]:
    """What a check has found, as somebody may see it."""
    return {**result, "check": result["check"]["full" if sees_all else "public"]}
