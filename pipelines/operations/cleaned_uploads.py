"""Cleaning uploads: those that nobody went on with, and what is done with.

An upload's row goes first, if it is still as it was: whoever would make a file of it then finds it
gone. So no file is ever without its bytes; an object whose row went just before a crash is left.
"""

from __future__ import annotations

from datetime import timedelta

from pipelines.operations.cleaned import Cleaned
from pipelines.operations.part_uploads import store_of
from pipelines.runtime import Runtime
from schemas import storage_keys
from schemas.file import AT_REST, File, Status
from schemas.operation import OperationKind
from schemas.upload import Upload

_UNSENT = timedelta(days=1)
_KEPT_A_DAY = (OperationKind.CHECK, OperationKind.FIND_ROW, OperationKind.DRIFT_SAMPLES)


def abandoned(runtime: Runtime, dry_run: bool) -> Cleaned:
    """What was begun or checked a day ago and has become no file; and what checks have found."""
    most, before = runtime.retention.clean_files, runtime.now() - _UNSENT
    if not dry_run:
        # They quote the file.
        for kind in _KEPT_A_DAY:
            runtime.ledger.operations.forget_results(kind, before)
    found = runtime.ledger.uploads.waiting(before, most)
    gone = [each for each in found if dry_run or _remove(runtime, each)]
    return Cleaned(kind="unsent uploads", count=len(gone), more=len(found) == most)


def finished(runtime: Runtime, days: int, dry_run: bool) -> Cleaned:
    """Uploads of so many days ago whose files are done."""
    most = runtime.retention.clean_files
    found = runtime.ledger.uploads.registered(runtime.now() - timedelta(days=days), most)
    files = runtime.ledger.files.many({each.file_id for each in found if each.file_id})
    waiting = {file.file_id for file in files if not _is_done_with(file)}
    over = [each for each in found if each.file_id not in waiting]
    gone = [each for each in over if dry_run or _remove(runtime, each)]
    # Where nothing could go, to ask again at once would change nothing.
    return Cleaned(kind="uploads", count=len(gone), more=bool(gone) and len(found) == most)


def _is_done_with(file: File) -> bool:
    """Whether nothing is read from the upload any more: what is landed is read from there."""
    return file.status is Status.DONE or (file.status in AT_REST and file.landing_key is not None)


def _remove(runtime: Runtime, upload: Upload) -> bool:
    if not runtime.ledger.uploads.forget(upload):
        return False
    store = store_of(runtime) if upload.multipart is not None else None
    if store is not None and upload.multipart is not None:
        store.abort(storage_keys.uploaded(upload.upload_id), upload.multipart)
    runtime.storage.delete(storage_keys.uploaded(upload.upload_id))
    return True
