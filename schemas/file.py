"""A file: an item on its way through Waybill, as the ledger knows it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from schemas.accounted import Accounted
from schemas.item import Item
from schemas.left_document import LeftDocument
from schemas.storage_keys import staged_by


class Status(StrEnum):
    """Where a file is on its way."""

    DISCOVERED = "discovered"
    PREPARING = "preparing"
    HELD = "held"
    PREPARED = "prepared"
    LOADING = "loading"
    LOADED = "loaded"
    ACKNOWLEDGING = "acknowledging"
    DONE = "done"
    FAILED = "failed"
    UNLOADING = "unloading"
    UNLOADED = "unloaded"


class Outcome(StrEnum):
    """What became of a file; known once it is prepared."""

    ACCEPTED = "accepted"
    PARTLY = "partly"
    QUARANTINED = "quarantined"
    REPEATED = "repeated"
    UNCHANGED = "unchanged"
    SUPERSEDED = "superseded"


LEFT_OUT = frozenset({Outcome.REPEATED, Outcome.UNCHANGED})
"""The outcomes of files whose bytes are loaded already, under another name or the same."""

BRINGING = frozenset({Outcome.ACCEPTED, Outcome.PARTLY})
"""The outcomes of files whose rows are for the table."""


TRANSITIONS: Mapping[Status, frozenset[Status]] = {
    Status.DISCOVERED: frozenset({Status.PREPARING}),
    Status.PREPARING: frozenset(
        {Status.PREPARING, Status.DISCOVERED, Status.PREPARED, Status.FAILED, Status.HELD}
    ),
    Status.HELD: frozenset({Status.DISCOVERED}),
    Status.PREPARED: frozenset({Status.LOADING, Status.DISCOVERED}),
    Status.LOADING: frozenset({Status.LOADED, Status.PREPARED, Status.DISCOVERED, Status.FAILED}),
    Status.LOADED: frozenset({Status.ACKNOWLEDGING}),
    Status.ACKNOWLEDGING: frozenset(
        {Status.ACKNOWLEDGING, Status.LOADED, Status.DONE, Status.FAILED}
    ),
    Status.DONE: frozenset({Status.DISCOVERED, Status.UNLOADING}),
    Status.FAILED: frozenset({Status.DISCOVERED, Status.UNLOADING}),
    Status.UNLOADING: frozenset({Status.UNLOADED, Status.DONE}),
    Status.UNLOADED: frozenset({Status.DISCOVERED}),
}
"""From each status, the statuses a file may go to next. The ledger refuses any other step."""

AT_REST = frozenset({Status.DONE, Status.FAILED, Status.UNLOADED})
"""The statuses in which nothing more happens to a file by itself."""

LEASED: Mapping[Status, Status] = {
    Status.PREPARING: Status.DISCOVERED,
    Status.ACKNOWLEDGING: Status.LOADED,
}
"""The statuses held under a lease, and the status a file falls back to when its lease runs out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """Rows of one file: `read` always equals `loaded + rejected + dropped + aggregated`.

    `rejected` rows have a reason of their own. `dropped` rows were left out by the feed's
    transform, or are the good rows of a quarantined file. `loaded` rows are those staged for the
    table. `aggregated` rows went into others that the transform made of them.
    """

    read: int = 0
    loaded: int = 0
    rejected: int = 0
    dropped: int = 0
    aggregated: int = 0

    def refused(self) -> Counts:
        """The same of a file that is not loaded after all: its good rows are dropped."""
        good = self.loaded + self.dropped + self.aggregated
        return replace(self, loaded=0, dropped=good, aggregated=0)


@dataclass(frozen=True, kw_only=True, slots=True)
class File:
    """One row of the ledger: an item, where it is on its way and what is known of it.

    `attempt` rises with every claim and is part of every staged key, so that a worker that lost
    its lease can never write over its successor. `tries` counts the claims since the file last
    got a step further. `owner` is the lease's token while one is held.

    `in_force` says that the table holds the file's rows, as far as later files left them: it was
    loaded and was neither unloaded nor superseded since. `superseded_by` is the file id of the
    newer version that took its place. `placed_at` puts a file before all that was loaded later,
    whenever it is loaded itself. `quiet` files are not answered by mail again. `accounted`
    says what became of each of its lines; None for a file prepared before that was kept.

    `staged_bytes` is what its staged rows take in storage; None for a file prepared before that was
    kept.

    `reason` is a sentence in English, with the template and the values it is made of unless it was
    kept by an earlier release (`schemas.language.said`).
    `covered`: rows of it may lie beneath those of later files, so that its bytes are still needed.
    `may_lose`: a person has said that it may take the place of rows under which others are lost.
    `corrects` is the file whose rejected rows it brings corrected, `rows_corrected` how many of its
    own were so. `bundle` is that of small files whose staged rows, and rejects, lie in one object
    each, among those of the others. `rejects_left` is the file of rejected rows that lies beside
    its original, as it was last left there, whatever has become of the file since.
    """

    file_id: str
    feed: str
    source: str
    item: Item
    status: Status
    outcome: Outcome | None = None
    attempt: int = 0
    tries: int = 0
    owner: str | None = None
    lease_until: datetime | None = None
    retry_at: datetime | None = None
    discovered_at: datetime | None = None
    done_at: datetime | None = None
    sha256: str | None = None
    size: int | None = None
    landing_key: str | None = None
    staged_keys: tuple[str, ...] = ()
    staged_bytes: int | None = None
    rejects_key: str | None = None
    partitions: tuple[str, ...] = ()
    contract_version: str | None = None
    counts: Counts = field(default_factory=Counts)
    accounted: Accounted | None = None
    batch_id: str | None = None
    repeats: str | None = None
    reason: str | None = None
    in_force: bool = False
    superseded_by: str | None = None
    placed_at: datetime | None = None
    quiet: bool = False
    covered: bool = False
    may_lose: bool = False
    corrects: str | None = None
    rows_corrected: int = 0
    bundle: str | None = None
    rejects_left: LeftDocument | None = None

    @property
    def staged_prefix(self) -> str:
        """Where in storage this attempt keeps what it stages."""
        return staged_by(self.feed, self.file_id, self.attempt, self.owner)

    @property
    def is_fixed(self) -> bool:
        """Whether every row of it that was rejected has come corrected since."""
        return 0 < self.counts.rejected <= self.rows_corrected

    @property
    def bytes_to_load(self) -> int:
        """What it brings to a load job; of a file prepared before that was kept, as much as its
        raw bytes."""
        if not self.staged_keys:
            return 0
        return self.staged_bytes if self.staged_bytes is not None else self.size or 0

    @property
    def has_place(self) -> bool:
        """Whether it stands among earlier loads when it is loaded, and not behind all of them."""
        return self.in_force or self.placed_at is not None or self.corrects is not None

    def order(self) -> tuple[datetime, str, datetime, str]:
        """Files sort by when they were sent; versions sent at once, by when they were found."""
        found = self.discovered_at or self.item.sent_at
        return (self.item.sent_at, self.item.key, found, self.file_id)


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """One step of a file's timeline. `seconds` is how long the step took, `rows` how many rows."""

    file_id: str
    at: datetime
    step: str
    outcome: str
    seconds: float | None = None
    rows: int | None = None
    message: str | None = None


def file_id_of(feed: str, key: str, version: str) -> str:
    """The file id: 16 hex digits that depend only on feed, key and version."""
    named = "\x00".join((feed, key, version)).encode("utf-8", "surrogatepass")
    return hashlib.sha256(named).hexdigest()[:16]
