"""Crash points: named moments between two effects, at which a test may kill the process.

`WAYBILL_CRASH_FILE` names a file that holds the name of a point: the first process that gets there
removes the file and ends as by kill -9; with `!` after the name, its whole process group does.
Without the variable a point costs one comparison.
"""

from __future__ import annotations

import os
import signal
from functools import cache
from pathlib import Path

POINTS: dict[str, str] = {
    "draft.saved": "cells of a draft are in the ledger, whoever wrote them is not told",
    "draft.checked": "a draft's rows were judged, nothing of it is kept",
    "draft.submitted": "the draft is submitted, its file is not sent",
    "draft.sent": "the draft's file is registered, the operation is not done",
    "discover.registered": "items are in the ledger, their tasks are not in a queue yet",
    "upload.begun": "the ledger knows that a file comes, nothing of it is stored",
    "upload.stored": "its bytes are in storage, no feed has the file yet",
    "upload.registered": "the file is its feed's, its task is not in a queue yet",
    "prepare.claimed": "the file is leased, nothing is read",
    "prepare.landed": "the raw bytes are in storage, the ledger does not know",
    "prepare.owned": "the bytes belong to the file, nothing is parsed",
    "prepare.preloading": "parts of the file are in its staging table, the ledger does not know",
    "prepare.staged": "staged Parquet is in storage, the ledger does not know",
    "prepare.advanced": "the file is prepared, its load is not in a queue yet",
    "bundle.claimed": "small files are leased together, nothing is read",
    "bundle.landed": "their raw bytes are in storage, the ledger does not know",
    "bundle.owned": "the bytes belong to the files, nothing is parsed",
    "bundle.staged": "their staged Parquet is in storage, the ledger does not know",
    "bundle.advanced": "the files are prepared, their load is not in a queue yet",
    "load.opened": "the batch is in the ledger, the warehouse knows nothing of it",
    "load.submitted": "the load job runs, nobody waits for it",
    "load.adopted": "the batch has found its rows in the file's own staging table",
    "load.staged": "the staging table is full, the transaction has not begun",
    "load.committing": "the transaction runs, nobody waits for it",
    "load.committed": "the warehouse has committed, the ledger does not know",
    "load.closed": "the ledger knows, the acknowledgements are not in a queue yet",
    "after_load.claimed": "the run of the feed's command is leased, it has not begun",
    "after_load.ran": "the command has ended, the ledger does not know",
    "acknowledge.claimed": "the file is leased, nobody has been told",
    "acknowledge.replying": "the reply is in the ledger, nobody has been told",
    "acknowledge.mailed": "the reply is sent, the ledger does not know, the original is not marked",
    "acknowledge.told": "the sender is told and the original marked, the ledger does not know",
    "acknowledge.done": "the file is done, its task is not taken off the queue",
    "acknowledge.followed": "the sender of what it corrects is mailed, that receipt is as it was",
    "bundle.replied": "replies about many files are sent, nothing is left at their source",
    "bundle.told": "their senders are told, the ledger does not know",
    "bundle.done": "the files are done, their task is not taken off the queue",
}
"""Every crash point, in the order of a file's way, and what is true there."""


def crash_point(name: str) -> None:
    """Die here if a test has asked for it."""
    if (order := _order()) is not None:
        _obey(order, name)


@cache
def _order() -> Path | None:
    path = os.environ.get("WAYBILL_CRASH_FILE")
    return Path(path) if path else None


def _obey(order: Path, name: str) -> None:
    try:
        wanted = order.read_text(encoding="utf-8").strip()
        if wanted.removesuffix("!") != name:
            return
        order.unlink()
    except FileNotFoundError:
        return
    if wanted.endswith("!"):
        os.killpg(os.getpgid(0), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)
