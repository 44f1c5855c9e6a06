"""What the warehouse has recorded of a file: enough for a ledger that has lost it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from schemas.accounted import Accounted
from schemas.file import Counts, Outcome


@dataclass(frozen=True, kw_only=True, slots=True)
class Recorded:
    """A file as its last load recorded it. `placed_at` and `place` are its place among the loads.
    `in_force`: the table shows its rows, as far as later files left them. `superseded_by` is the
    file that took its place."""

    file_id: str
    feed: str
    table: str
    source: str
    key: str
    version: str
    name: str
    sender: str | None
    sent_at: datetime
    sha256: str | None
    outcome: Outcome
    counts: Counts
    accounted: Accounted | None
    contract_version: str | None
    partitions: tuple[str, ...]
    reason: str | None
    repeats: str | None
    corrects: str | None
    batch_id: str
    loaded_at: datetime
    placed_at: datetime
    place: int
    in_force: bool
    superseded_by: str | None


NOT_THE_LAST = "the table's last load is not the one that the ledger knows of"
"""What `connectors.bigquery.errors` refuses a load with, once ledger or warehouse was restored from
an older copy."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LastCommit:
    """The number of a table's last commit, none for those of earlier releases, and when it ran;
    None for a table without commits."""

    number: int | None
    at: datetime | None


class Learned(StrEnum):
    """What the ledger made of a recorded file."""

    NEW = "new"
    CORRECTED = "corrected"
    SAME = "same"
