"""File models: what is answered about files."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from pydantic import Field

from entrypoints.web.api.fields import Model, Text
from pipelines.operations.answers import ShownRow
from pipelines.operations.masking import Mask
from schemas.file import Event, File, Outcome, Status
from schemas.language import render
from schemas.receipt import Receipt, RuleSummary
from schemas.reject import Problem
from schemas.reply import Reply, ReplyState


class CountsModel(Model):
    """Rows: `read` is `loaded + rejected + dropped + aggregated`."""

    read: int = Field(examples=[50])
    loaded: int = Field(examples=[47])
    rejected: int = Field(examples=[3])
    dropped: int = Field(examples=[0])
    aggregated: int = Field(examples=[0])


class AccountedModel(Model):
    """What became of every line: `lines` is header, rows, all that was passed over, and unread."""

    lines: int
    header: int
    rows: int
    blank: int
    repeated_header: int
    total: int
    comment: int
    preamble: int
    footer: int
    unread: int | None
    others: tuple[Text, ...]


class FileModel(Model):
    """A file on its way: `status` says where it is, `outcome` what became of it."""

    file_id: str = Field(examples=["5f0c2a9be1d34c77"])
    feed: str = Field(examples=["orders"])
    source: str = Field(examples=["drop"])
    name: Text = Field(examples=["shop.csv"])
    key: Text = Field(examples=["orders/2026/11/shop.csv"])
    sender: Text | None = Field(examples=["ana@acorn.example"])
    status: Status
    outcome: Outcome | None
    reason: Text | None
    sent_at: datetime
    discovered_at: datetime | None
    done_at: datetime | None
    size: int | None
    counts: CountsModel
    rows_corrected: int = Field(description="Rejected rows that have come corrected since.")
    in_force: bool = Field(description="Whether the table holds its rows.")
    superseded_by: str | None
    batch_id: str | None

    @classmethod
    def of(cls, file: File, mask: Mask) -> Self:
        """A file as it may be shown."""
        return cls.model_validate(_facts(mask.file(file)))


class EventModel(Model):
    """A step of a file's way."""

    at: datetime
    step: str
    outcome: str
    seconds: float | None
    rows: int | None
    message: Text | None

    @classmethod
    def of(cls, event: Event, mask: Mask) -> Self:
        """A step as it may be shown."""
        return cls.model_validate(mask.event(event))


class VersionModel(Model):
    """Another version of the same file."""

    file_id: str
    sent_at: datetime
    status: Status
    outcome: Outcome | None
    in_force: bool
    superseded_by: str | None


class ReplyModel(Model):
    """A mail to the sender."""

    to: Text
    state: ReplyState
    is_digest: bool
    planned_at: datetime
    closed_at: datetime | None
    note: Text | None

    @classmethod
    def of(cls, reply: Reply) -> Self:
        """A reply without its receipt."""
        return cls.model_validate(reply)


class FileDetailModel(FileModel):
    """One file with all that is known of it."""

    version: Text
    sha256: str | None
    subject: Text | None
    contract_version: str | None
    partitions: tuple[Text, ...]
    accounted: AccountedModel | None
    corrects: str | None
    repeats: str | None
    waits_until: datetime | None
    waits_why: Text | None
    timeline: tuple[EventModel, ...]
    versions: tuple[VersionModel, ...]
    replies: tuple[ReplyModel, ...]


class ProblemModel(Model):
    """One reason why a row was rejected. `header` is what the file's own header calls the column,
    where that is something else."""

    column: Text | None
    header: Text | None
    rule: str
    value: Text | None
    message: Text

    @classmethod
    def of(cls, problem: Problem) -> Self:
        """A problem in English."""
        return cls.model_validate(problem)


class RejectedRowModel(Model):
    """A rejected row: `line` is that of the original file, `cells` stand under its header."""

    number: int = Field(description="Which of the file's rejected rows it is, from 1.")
    line: int
    member: Text | None
    cells: dict[Text, Text]
    problems: tuple[ProblemModel, ...]

    @classmethod
    def of(cls, row: ShownRow) -> Self:
        """A row as it may be shown."""
        return cls.model_validate(row)


class RejectedRowsModel(Model):
    """A page of rejected rows."""

    items: tuple[RejectedRowModel, ...]
    next: str | None


class FilesModel(Model):
    """A page of files; `next` is the address of the next one."""

    items: tuple[FileModel, ...]
    next: str | None


class ExampleModel(Model):
    """A cell that broke a rule. `header` is what the file's own header calls the column."""

    line: int
    column: Text | None
    header: Text | None
    value: Text | None
    message: Text
    member: Text | None


class RuleModel(Model):
    """A rule that rows broke, how often, and how to fix it. `header` is what the file's own header
    calls the column, where that is something else."""

    rule: str
    column: Text | None
    header: Text | None
    count: int
    fix: Text
    examples: tuple[ExampleModel, ...]

    @classmethod
    def of(cls, rule: RuleSummary) -> Self:
        """A rule with its first examples."""
        return cls.model_validate(rule)


class CorrectedModel(Model):
    """A file that has brought rejected rows corrected: how many, when it was sent, and by whom: a
    role, or `sender`."""

    file_id: str
    rows: int
    at: datetime
    by: str


class TakenOutModel(Model):
    """When the rows of a file left the table again, and by whom: a role."""

    at: datetime
    by: str


class ReceiptModel(Model):
    """What the sender is told: outcome, counts, and the broken rules with how to fix each."""

    file_id: str
    feed: str
    table: str
    name: Text
    outcome: Outcome
    counts: CountsModel
    sent_at: datetime
    reason: Text | None
    warnings: tuple[Text, ...]
    rules: tuple[RuleModel, ...]
    rows_corrected: int
    corrected: tuple[CorrectedModel, ...]
    taken_out: TakenOutModel | None = Field(
        description="Since when none of its rows is in the table any more."
    )
    waiting: bool
    language: str

    @classmethod
    def of(cls, receipt: Receipt) -> Self:
        """A receipt as it may be shown."""
        return cls.model_validate(receipt)


def _facts(file: File) -> dict[str, object]:
    item = file.item
    return {
        "file_id": file.file_id,
        "feed": file.feed,
        "source": file.source,
        "name": item.name,
        "key": item.key,
        "sender": item.sender,
        "status": file.status,
        "outcome": file.outcome,
        "reason": None if file.reason is None else str(render(file.reason, "en")),
        "sent_at": item.sent_at,
        "discovered_at": file.discovered_at,
        "done_at": file.done_at,
        "size": file.size if file.size is not None else item.size,
        "counts": file.counts,
        "rows_corrected": file.rows_corrected,
        "in_force": file.in_force,
        "superseded_by": file.superseded_by,
        "batch_id": file.batch_id,
    }


def detail_facts(file: File, mask: Mask) -> dict[str, object]:
    """What a FileDetailModel has of the file itself."""
    shown = mask.file(file)
    return {
        **_facts(shown),
        "version": file.item.version,
        "sha256": file.sha256,
        "subject": file.item.detail.get("subject"),
        "contract_version": file.contract_version,
        "partitions": shown.partitions,
        "accounted": file.accounted,
        "corrects": file.corrects,
        "repeats": file.repeats,
    }
