"""A reply: what is told to a sender by mail, written down before it is sent and after."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from schemas.file import File
from schemas.receipt import Receipt


class ReplyState(StrEnum):
    """Where a reply is: it waits for a digest, is about to be sent, was sent, or was refused."""

    WAITING = "waiting"
    PLANNED = "planned"
    SENT = "sent"
    REFUSED = "refused"


OWED_REPLIES = frozenset({ReplyState.WAITING, ReplyState.PLANNED})
"""The states of replies that are still to be sent."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """The reply about one file's one load. `message_id` is that of the mail it goes in, the same
    for every repeat; several replies of a digest share one. `thread` is the first message of the
    conversation, as far as that is known."""

    reply_id: str
    message_id: str
    file_id: str
    feed: str
    to: str
    name: str
    receipt: Receipt
    state: ReplyState
    is_digest: bool
    planned_at: datetime
    closed_at: datetime | None = None
    note: str | None = None
    thread: str | None = None


def reply_id_of(file: File) -> str:
    """24 hex digits that depend only on the file and the batch that loaded it."""
    return hashlib.sha256(f"{file.file_id}.{file.batch_id}".encode()).hexdigest()[:24]


def root_of(name: str) -> str:
    """The name of the file that a file corrects: our rejects file goes by the original's name."""
    lower = name.lower()
    while lower.endswith(_REJECTED):
        lower = lower.removesuffix(_REJECTED)
    return lower


_REJECTED = ".rejected.csv"
