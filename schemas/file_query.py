"""A file query: which files somebody asks for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Starts(StrEnum):
    """What of a file begins with a text."""

    NAME = "name"
    SENDER = "sender"


@dataclass(frozen=True, kw_only=True, slots=True)
class FileQuery:
    """Files of a status or outcome, of a sender, found `since` a time and before `until` (UTC).
    `starts` is the beginning of their name, id or sender; `contains` stands within their name."""

    status: str | None = None
    sender: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    starts: str | None = None
    contains: str | None = None
