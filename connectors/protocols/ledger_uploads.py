"""What the ledger knows of files that are sent directly."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from schemas.upload import Upload


class LedgerUploads(Protocol):
    """Uploads: what is on its way into storage, and which file it has become."""

    def begin(self, upload: Upload) -> Upload:
        """Write down that an upload comes; the one that has the same `key_hash`, if there is one,
        which is then as fresh as if it had begun now."""

    def get(self, upload_id: str) -> Upload | None:
        """The upload; None if there is none."""

    def by_key(self, key_hash: str) -> Upload | None:
        """The upload that was begun with that key; None if there is none."""

    def stored(self, upload_id: str, **facts: object) -> bool:
        """Write down that its bytes are in storage, and what is known of them (`size`, `sha256`);
        False if it is not open any more."""

    def close(self, upload_id: str, feed: str, file_id: str) -> bool:
        """Write down which file it has become; False if it is one already, or forgotten."""

    def waiting(self, before: datetime, most: int) -> Sequence[Upload]:
        """Uploads begun before then that have become no file, oldest first."""

    def registered(self, before: datetime, most: int) -> Sequence[Upload]:
        """Uploads begun before then that have become files, oldest first."""

    def forget(self, upload: Upload) -> bool:
        """Remove an upload's row; False if it is not as it was any more."""
