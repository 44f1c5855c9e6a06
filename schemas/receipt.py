"""A receipt: the answer to whoever sent a file."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from schemas.accounted import Accounted
from schemas.file import Counts, Outcome


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    """One cell (or row, without a column) that broke a rule, and the archive's member it is in.
    `header` is what the file's header calls the column, if that is something else."""

    line: int
    column: str | None
    value: str | None
    message: str
    member: str | None = None
    header: str | None = None

    @property
    def label(self) -> str | None:
        """What the sender calls the column."""
        return self.header or self.column


@dataclass(frozen=True, kw_only=True, slots=True)
class RuleSummary:
    """How often one rule was broken in one column, the first examples of it, how to mend them.
    `header` is what the file's header calls the column, if that is something else."""

    rule: str
    column: str | None
    count: int
    examples: tuple[Example, ...]
    fix: str = ""
    header: str | None = None

    @property
    def label(self) -> str | None:
        """What the sender calls the column."""
        return self.header or self.column


@dataclass(frozen=True, kw_only=True, slots=True)
class DriftNote:
    """What differed between the file's columns and the contract's. `waiting` kept rows from loading
    until ops decide; the others are for information."""

    drift_id: str
    kind: str
    column: str
    message: str
    waiting: bool

    @property
    def held(self) -> bool:
        """The earlier name of `waiting`, which users' own templates may have."""
        return self.waiting


@dataclass(frozen=True, kw_only=True, slots=True)
class RuleChange:
    """How often a rule was broken in the earlier file, and is in this one. `header` is what their
    headers call the column, if that is something else."""

    rule: str
    column: str | None
    before: int
    now: int
    header: str | None = None

    @property
    def label(self) -> str | None:
        """What the sender calls the column."""
        return self.header or self.column


@dataclass(frozen=True, kw_only=True, slots=True)
class Correction:
    """The file of the same sender that this one corrects, and what has changed since."""

    file_id: str
    name: str
    sent_at: datetime
    outcome: Outcome
    rejected_before: int
    rejected_now: int
    rules: tuple[RuleChange, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class CorrectedRows:
    """Rejected rows of the file that have come corrected since: by which file, how many, when that
    was sent, and by whom: a role (`operator`), or `sender`."""

    file_id: str
    rows: int
    at: datetime
    by: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TakenOut:
    """When the rows of a file left the table again, and by whom: a role."""

    at: datetime
    by: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Receipt:
    """What became of one file, told once to its sender.

    The JSON of it is described by `docs/receipt.schema.json`: fields are added, never changed.
    `warnings` are sentences about a loaded file; `reason` says why another was not loaded.
    `accounted` says what became of each of the file's lines; `corrects` is the file whose rejected
    rows it brings corrected. Whoever has its `link` sees it on the web, and its rejected rows,
    until `link_until`. `rows_corrected` is how many of its own rejected rows have come
    corrected since, by the files in `corrected`; `rules` are then about the rows that are left.
    `taken_out`: none of its rows is in the table any more, whatever `outcome` and `counts` say of
    how it was loaded. `by_mail`: it is sent again, and not put somewhere.
    """

    file_id: str
    feed: str
    table: str
    name: str
    key: str
    outcome: Outcome
    counts: Counts
    sent_at: datetime
    loaded_at: datetime
    batch_id: str | None = None
    reason: str | None = None
    repeats: str | None = None
    rules: tuple[RuleSummary, ...] = ()
    warnings: tuple[str, ...] = ()
    drift: tuple[DriftNote, ...] = ()
    waiting: bool = False
    language: str = "en"
    correction: Correction | None = None
    accounted: Accounted | None = None
    corrects: str | None = None
    link: str | None = field(default=None, repr=False)
    link_until: datetime | None = None
    rows_corrected: int = 0
    corrected: tuple[CorrectedRows, ...] = ()
    taken_out: TakenOut | None = None
    by_mail: bool = True

    @property
    def held(self) -> bool:
        """The earlier name of `waiting`, which users' own templates may have."""
        return self.waiting

    @property
    def wants_template(self) -> bool:
        """Whether a template would help its sender: something of it was refused for what it is."""
        refused = self.outcome in (Outcome.PARTLY, Outcome.QUARANTINED)
        return refused and not (self.waiting or self.is_complete or self.taken_out)

    @property
    def is_complete(self) -> bool:
        """Whether every row that was rejected has come corrected since."""
        return 0 < self.counts.rejected <= self.rows_corrected


DOCUMENTS = (".receipt.json", ".receipt.txt", ".rejected.csv")
"""What is appended to the name of an original to name the documents of its answer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """One file of an answer, on local disk for as long as the answer is being given.

    `suffix` is appended to the name of the original (`.receipt.json`, `.rejected.csv`).
    """

    suffix: str
    content_type: str
    path: Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """A receipt with the documents that carry it.

    `last_of_group` says that no other item of the same group is unfinished, so that the original
    (a message) may be marked as handled.
    """

    receipt: Receipt
    text: str
    html: str | None = None
    documents: tuple[Document, ...] = ()
    last_of_group: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """A mail to be sent. `message_id` is the same for every repeat of the same message.

    `references` are the ids of the messages that it follows, the oldest first. `language` is the
    one in which the mail says which attachments were too large for it.
    """

    message_id: str
    to: str
    subject: str
    text: str
    html: str | None = None
    in_reply_to: str | None = None
    references: tuple[str, ...] = ()
    language: str = "en"
    attachments: tuple[tuple[str, Document], ...] = ()
