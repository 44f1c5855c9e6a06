"""What the ledger knows of feeds: where they are, and what comes for them or for none."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from schemas.act import Actor
from schemas.contract_revision import ContractRevision
from schemas.drift import Drift, DriftStatus, Finding, Profile, Profiles, Sighting
from schemas.file import File
from schemas.item import Item
from schemas.sla import Arrived
from schemas.unmatched import Unmatched


@dataclass(frozen=True, kw_only=True, slots=True)
class FeedState:
    """What the ledger knows of a feed as a whole. A stopped feed is not discovered any more.

    `listed_at` is when the last listing began that brought all there is; None if one is owed. It is
    kept only for feeds whose source tells what arrives.
    """

    feed: str
    cursor: str | None = None
    stopped_at: datetime | None = None
    reason: str | None = None
    listed_at: datetime | None = None


class LedgerFeeds(Protocol):
    """Each feed as a whole: its cursor, whether it runs, what it has to load, and what has come."""

    def state(self, feed: str) -> FeedState:
        """The feed's cursor and whether it is stopped."""

    def stop(self, feed: str, reason: str) -> bool:
        """Stop a feed; True if it was running. The first reason stays."""

    def resume(self, feed: str) -> bool:
        """Let a stopped feed run again; True if it was stopped."""

    def note_match(self, feed: str, match: str) -> str | None:
        """Keep by which glob the feed looks; the one before, if it was another."""

    def note_listed(self, feed: str, at: datetime | None) -> None:
        """Keep when a whole listing began; with None that one is owed."""

    def request_load(self, feed: str) -> bool:
        """Note that the feed has prepared files; True if nobody had noted it yet."""

    def to_load(self) -> Sequence[str]:
        """Feeds that have prepared files or an open batch, by name."""

    def watch(self, names: Collection[str]) -> None:
        """Begin to watch feeds that are not watched yet."""

    def arrived(self, feed: str) -> Arrived:
        """What has come of the feed and is in its table.

        A file that claims to be from the future does not count until then. The latest partition
        is that of the newest thousand files.
        """


class LedgerContractRevisions(Protocol):
    """The texts of contracts and views, one after the other, with who and why; only added to."""

    def mark(self) -> str | None:
        """What is another one after each revision that is added; None while there is none, also in
        a ledger that `apply` has not brought here yet. As cheap as a question can be."""

    def in_force(self) -> Mapping[str, ContractRevision]:
        """The newest revision of each contract, by its name."""

    def of(self, contract: str) -> Sequence[ContractRevision]:
        """All revisions of a contract, the newest first; none for an unknown one."""

    def add(
        self,
        contract: str,
        text: str | None,
        *,
        base: int,
        actor: Actor,
        reason: str | None,
        drift_id: str | None = None,
    ) -> ContractRevision:
        """Add a revision to the one with the number `base` (0: to none); without a text the
        contract is taken out of force. Raises ConflictError if another one is the newest."""


class LedgerDrifts(Protocol):
    """What differs between a feed's files and its contract."""

    def note(self, file: File, findings: Sequence[Finding]) -> None:
        """Write down what a file shows now; what it showed before and shows no more is past.

        A drift that was accepted and comes again is open again, unless the file was judged by a
        contract from before: then it stays accepted. A dismissed one stays dismissed.
        A file without any, now and before, only reads. Safe to repeat.
        """

    def latest(self, feed: str | None = None, status: DriftStatus | None = None) -> Sequence[Drift]:
        """The drifts, the latest seen first."""

    def held_findings(self, drift_id: str) -> Sequence[Finding]:
        """What each of the files shows that wait for a decision about the drift."""

    def decide(self, drift_id: str, status: DriftStatus) -> None:
        """Write what a person has decided; raises KeyError."""

    def latest_file(self, drift_id: str) -> str | None:
        """The id of the file that came last of those that show the drift; None for none."""

    def sightings(self, file_id: str) -> Sequence[Sighting]:
        """The drifts that a file shows now."""


class LedgerProfiles(Protocol):
    """What the columns of a feed's latest files looked like."""

    def save(self, file: File, columns: Mapping[str, Profile]) -> None:
        """Keep what a file's columns looked like; only the feed's latest files are kept."""

    def save_many(self, feed: str, files: Mapping[str, Mapping[str, Profile]]) -> None:
        """Keep what the columns of several files looked like, by file id."""

    def of(self, feed: str, but: str) -> Profiles:
        """The profiles of the feed's latest files other than that one, by column."""

    def forget(self, feed: str, column: str) -> None:
        """Forget what a column looked like but in the latest file: it looks otherwise from now."""


class LedgerUnmatched(Protocol):
    """What lies at sources and no feed takes, in groups."""

    def note(self, source: str, found: Sequence[Unmatched], *, is_whole: bool = False) -> None:
        """Write down what no feed of the source takes; what is known already is not counted again.
        With `is_whole` it is all that there is: what is not found any more is forgotten, but not
        that it was dismissed. Without news (the usual case) it only reads."""

    def latest(self, source: str | None = None, *, dismissed: bool = False) -> Sequence[Unmatched]:
        """What no feed takes, the latest first; with `dismissed` only what people have put away."""

    def take(self, source: str, items: Sequence[Item]) -> None:
        """Forget that no feed takes these items."""

    def dismiss(self, group_id: str, who: str | None) -> Unmatched:
        """Put a group away, or with None take it back; raises KeyError."""

    def mark_told(self, group_id: str, keys: Collection[str]) -> None:
        """Write down that the senders of these items were told, or need not be."""

    def forget(self, before: datetime) -> int:
        """Forget what was last seen before that time; how many groups."""
