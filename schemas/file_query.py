"""A file query: which files somebody asks for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from schemas.file import File, Outcome, Status


class Starts(StrEnum):
    """What of a file begins with a text."""

    NAME = "name"
    SENDER = "sender"


class FileState(StrEnum):
    """What a person wants to know of a file: whether its rows are in the table."""

    LOADED = "loaded"
    PARTLY = "partly"
    NOT_LOADED = "not_loaded"
    ON_ITS_WAY = "on_its_way"


THROUGH = (Status.LOADED, Status.ACKNOWLEDGING, Status.DONE)
"""The statuses of files of which it is known for good what became of them."""

UNDER_WAY = (
    Status.DISCOVERED,
    Status.PREPARING,
    Status.HELD,
    Status.PREPARED,
    Status.LOADING,
    Status.UNLOADING,
)
"""The statuses of files of which it is not."""


def state_of(file: File) -> FileState:
    """The state of a file; one whose rejected rows were all corrected is loaded."""
    if file.status in UNDER_WAY:
        return FileState.ON_ITS_WAY
    is_through = file.status in THROUGH or file.in_force
    if not is_through or file.outcome in (Outcome.QUARANTINED, Outcome.SUPERSEDED, None):
        return FileState.NOT_LOADED
    is_partly = file.outcome is Outcome.PARTLY and not file.is_fixed
    return FileState.PARTLY if is_partly else FileState.LOADED


@dataclass(frozen=True, kw_only=True, slots=True)
class FileQuery:
    """Files of a status or outcome, or of a state, of a sender, found `since` a time and before
    `until` (UTC). `starts` is the beginning of their name, id or sender; `contains` stands within
    their name."""

    status: str | None = None
    state: FileState | None = None
    sender: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    starts: str | None = None
    contains: str | None = None
