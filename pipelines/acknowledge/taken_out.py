"""Taken out: when the rows of a file were unloaded, its receipt says so.

The documents at its source are written anew, and the rejected rows taken back. No mail and no post
goes out: an operator has decided it, and tells whom it concerns.
"""

from __future__ import annotations

import logging
import tempfile
from contextlib import ExitStack
from pathlib import Path

from pipelines.acknowledge.answer import answer_about
from pipelines.acknowledge.leave import leave, note_receipts
from pipelines.acknowledge.links import links_of
from pipelines.acknowledge.stale import TAKEN_OUT, withdraw_stale
from pipelines.runtime import Runtime
from schemas.errors import ItemChangedError, WaybillError
from schemas.file import File, Status

log = logging.getLogger(__name__)


def tell_taken_out(runtime: Runtime, file: File) -> bool:
    """Leave the receipt of an unloaded file anew at its source; False if it cannot be left there
    now, which is logged: the link and the API say it all the same. Safe to repeat."""
    is_due = file.status is Status.UNLOADED and file.feed in runtime.feeds
    if not is_due or file.source not in runtime.sources:
        return True
    try:
        _leave(runtime, file)
    except (FileNotFoundError, ItemChangedError):
        return True  # its rows are not kept any more, or a newer version lies there
    except WaybillError as error:
        log.warning("the receipt of unloaded file %s: %s", file.file_id, error.message)
        note_receipts(runtime, file.source, error)
        return False
    return True


def _leave(runtime: Runtime, file: File) -> None:
    with (
        tempfile.TemporaryDirectory(dir=runtime.work_folder, prefix="taken-out-") as folder,
        ExitStack() as stack,
    ):
        link = links_of(runtime, [file]).get(file.file_id)
        leave(runtime, file, answer_about(runtime, file, Path(folder), stack, link=link))
        withdraw_stale(runtime, file, [file], TAKEN_OUT)
