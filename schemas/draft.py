"""A draft: rejected rows of one file as somebody would correct them, cell by cell."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

MAX_CELLS = 20_000
MAX_CHARACTERS = 4_000_000
MAX_CELL_CHARACTERS = 10_000
"""How large a draft may be, and a cell of it."""

DRAFT = "draft"
"""The name under which the detail of a submitted file keeps the id of its draft."""

type Line = tuple[str | None, int]
"""An archive's member (None where the file is none) and a line in it."""


class DraftState(StrEnum):
    """Whether a draft can still be changed; there is at most one open draft of a file."""

    OPEN = "open"
    SUBMITTED = "submitted"


@dataclass(frozen=True, kw_only=True, slots=True)
class DraftCell:
    """A cell as it would be corrected: where it stands, its value, who wrote it when, and by which
    revision of the draft."""

    line: int
    column: str
    value: str
    who: str
    at: datetime
    revision: int
    member: str | None = None

    @property
    def where(self) -> Line:
        """The row that it is in."""
        return self.member, self.line


@dataclass(frozen=True, kw_only=True, slots=True)
class CellChange:
    """A cell's new value (None takes it out of the draft), and the revision of the cell that was
    seen by whoever changes it; 0 if it was not in the draft."""

    line: int
    column: str
    value: str | None
    revision: int = 0
    member: str | None = None

    @property
    def cell_id(self) -> str:
        """32 hex digits that depend only on where the cell stands."""
        named = "\x00".join((self.member or "", str(self.line), self.column))
        return hashlib.sha256(named.encode("utf-8", "surrogatepass")).hexdigest()[:32]


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """The corrections of a file's rejected rows that are being written, or were submitted.

    `revision` rises with every change. `checked` is what the last check found, of the revision that
    it names. Once submitted it never changes: `submitted_by` and `role` say who did it.
    """

    draft_id: str
    file_id: str
    feed: str
    state: DraftState = DraftState.OPEN
    revision: int = 0
    created_at: datetime | None = None
    updated_at: datetime | None = None
    checked: Mapping[str, Any] | None = field(default=None, repr=False)
    submitted_at: datetime | None = None
    submitted_by: str | None = None
    role: str | None = None


class DraftConflictError(Exception):
    """Somebody else has changed cells meanwhile: `cells` are those as they are now, by change; None
    for one that was taken out."""

    def __init__(self, cells: tuple[tuple[CellChange, DraftCell | None], ...]) -> None:
        super().__init__(f"{len(cells)} cells were changed meanwhile")
        self.cells = cells


class DraftFullError(Exception):
    """The draft would grow beyond what one may hold."""


class DraftChangedError(Exception):
    """The draft is not at the revision that was seen, or is not open any more."""
