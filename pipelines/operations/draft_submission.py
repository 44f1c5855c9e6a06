"""Submitting a draft: its rows become a file of corrections, uploaded like any other, exactly once.

One transaction of the ledger ends the draft and writes down the operation that sends it. The upload
goes by a key that is made of the draft's id, so that whoever tries again finds the same upload.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from connectors.failpoints import crash_point
from pipelines.operations.draft_file import name_of, write_draft
from pipelines.operations.open_rows import refuse_draft
from pipelines.operations.uploads import OwnKey, key_hash_of, upload
from pipelines.runtime import Runtime
from schemas.draft import DRAFT, Draft
from schemas.errors import ConflictError, RetryableError, WaybillError
from schemas.file import File


def send_draft(runtime: Runtime, draft: Draft, *, is_last: bool) -> str:
    """Send a submitted draft as a file of corrections; the id of that file, the same however often
    this is tried.

    What cannot be sent is open again for its writers. Raises ConflictError then, and RetryableError
    when a part is away, unless this is the last try.
    """
    key = OwnKey(f"draft-{draft.draft_id}")
    if sent := _sent(runtime, key):
        return sent
    try:
        file_id = _send(runtime, draft, key)
    except (WaybillError, FileNotFoundError) as error:
        if isinstance(error, RetryableError) and not is_last:
            raise
        if sent := _sent(runtime, key):
            return sent
        runtime.ledger.drafts.reopen(draft)
        if isinstance(error, FileNotFoundError):
            raise ConflictError("its file's rejected rows are not kept any more") from error
        raise
    crash_point("draft.sent")
    return file_id


def _sent(runtime: Runtime, key: OwnKey) -> str | None:
    key_hash = key_hash_of(runtime, key)
    known = None if key_hash is None else runtime.ledger.uploads.by_key(key_hash)
    return None if known is None else known.file_id


def _send(runtime: Runtime, draft: Draft, key: OwnKey) -> str:
    file = _file_of(runtime, draft)
    refuse_draft(runtime, file)
    with tempfile.TemporaryDirectory(dir=runtime.work_folder, prefix="submit-") as folder:
        raw = Path(folder) / "draft.csv"
        if not write_draft(runtime, file, draft, raw):
            raise ConflictError("none of the rows that the draft changes is rejected")
        with raw.open("rb") as stream:
            done = upload(
                runtime, file.feed, name_of(file, draft), stream,
                idempotency_key=key, detail={DRAFT: draft.draft_id},
            )  # fmt: skip
    return done.file.file_id


def _file_of(runtime: Runtime, draft: Draft) -> File:
    file = next(iter(runtime.ledger.files.many([draft.file_id])), None)
    if file is None:
        raise ConflictError("the file that it corrects is not known any more")
    return file
