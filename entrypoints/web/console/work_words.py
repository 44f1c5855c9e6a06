"""Work words: long work, and how far it is, in words to a person."""

from __future__ import annotations

from entrypoints.web.console.language import say
from schemas.operation import OperationKind, OperationState


def work_name(kind: OperationKind) -> str:
    """What is to be done."""
    words = {
        OperationKind.UNLOAD: say("take rows out"),
        OperationKind.REPLAY: say("check files again"),
        OperationKind.BACKFILL: say("take in old files"),
        OperationKind.CHECK_DRAFT: say("check fixed rows"),
        OperationKind.SUBMIT_DRAFT: say("load fixed rows"),
        OperationKind.CHECK: say("try a file"),
        OperationKind.FIND_ROW: say("look for a row"),
        OperationKind.DRIFT_SAMPLES: say("look at values that differ"),
    }
    return words[kind]


def work_state(state: OperationState) -> str:
    """How far it is."""
    words = {
        OperationState.WAITING: say("waits for a worker"),
        OperationState.RUNNING: say("under way"),
        OperationState.DONE: say("is done"),
        OperationState.FAILED: say("has failed"),
    }
    return words[state]
