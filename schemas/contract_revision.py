"""A contract's revision: its text as it was in force from a moment on, with who and why."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from schemas.act import Actor


@dataclass(frozen=True, kw_only=True, slots=True)
class ContractRevision:
    """One text of a contract or a view. `number` counts from 1 for each contract; without `text`
    the contract was taken out of force. `drift_id` is the drift whose
    acceptance made it; other revisions come from a folder."""

    contract: str
    number: int
    text: str | None
    actor: Actor
    reason: str | None
    at: datetime
    drift_id: str | None = None

    @property
    def sha256(self) -> str | None:
        """The hash of the text; its first 12 digits are the contract's version."""
        return None if self.text is None else sha256_of(self.text)


def sha256_of(text: str) -> str:
    """The hash by which texts of contracts are told apart."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
