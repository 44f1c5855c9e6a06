"""What the ledger knows of corrections while they are being written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from schemas.draft import CellChange, Draft, DraftCell


class LedgerDrafts(Protocol):
    """Drafts of rejected rows: at most one open draft a file, beside those that were submitted."""

    def open_of(self, file_id: str) -> Draft | None:
        """The file's open draft, if there is one."""

    def get(self, draft_id: str) -> Draft:
        """The draft; raises KeyError."""

    def submitted(self, file_id: str) -> Sequence[Draft]:
        """The file's drafts that were submitted, oldest first."""

    def cells(self, draft_id: str) -> Sequence[DraftCell]:
        """All cells of a draft, by member and line."""

    def change(self, file_id: str, feed: str, changes: Sequence[CellChange], who: str) -> Draft:
        """Change cells of the file's open draft, which is made if there is none: all or none. A
        cell that is as wanted already stays as it is; a draft at revision 0 is not kept, for it
        has changed none.

        Raises DraftConflictError for cells that somebody else has changed since they were seen, and
        DraftFullError beyond what a draft may hold.
        """

    def note_check(self, draft: Draft, found: Mapping[str, Any]) -> bool:
        """Keep what a check found of the draft; False if that has changed meanwhile."""

    def submit(self, draft: Draft, who: str, role: str | None) -> Draft:
        """Submit the draft as it was seen; raises DraftChangedError if it has changed, or is not
        open."""

    def reopen(self, draft: Draft) -> Draft:
        """Let a submitted draft be changed again: by itself, or within one that was begun since,
        whose own cells stay."""

    def discard(self, draft: Draft) -> None:
        """Delete the draft as it was seen; raises DraftChangedError likewise."""
