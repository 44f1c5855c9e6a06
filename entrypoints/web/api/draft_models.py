"""Draft models: what is asked and answered about corrections of rejected rows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import Field

from entrypoints.web.api.fields import Body, Model, Text
from entrypoints.web.api.file_models import ProblemModel
from pipelines.operations.draft_view import CheckedRow, ShownCheck
from pipelines.operations.drafts import DraftPage, DraftRow
from schemas.draft import MAX_CELL_CHARACTERS, CellChange, Draft, DraftCell

_Column = Annotated[str, Field(min_length=1, max_length=1000, examples=["amount"])]
_Value = Annotated[str, Field(max_length=MAX_CELL_CHARACTERS, examples=["12"])]
_Revision = Annotated[
    int | None,
    Field(ge=0, le=2**31 - 1, description="Which revision of the draft was seen; any without."),
]


class CellBody(Body):
    """A cell's new value; null takes it out of the draft. `revision` is that of the cell as it was
    read, 0 if it was not in the draft."""

    line: Annotated[int, Field(ge=1, le=2**53, examples=[3])]
    member: Annotated[str | None, Field(max_length=4000)] = None
    column: _Column
    value: _Value | None
    revision: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0

    def change(self) -> CellChange:
        """The same as the ledger takes it."""
        return CellChange(
            line=self.line, member=self.member, column=self.column, value=self.value,
            revision=self.revision,
        )  # fmt: skip


class DraftBody(Body):
    """Cells to change: all of them, or none."""

    cells: Annotated[tuple[CellBody, ...], Field(min_length=1, max_length=1000)]


class EqualBody(Body):
    """A new value for every rejected row that has the old one in that column."""

    column: _Column
    old: _Value
    new: _Value


class RevisionBody(Body):
    """Which draft is meant."""

    revision: _Revision = None


class CellModel(Model):
    """A cell as it is drafted: by whom, when, and by which revision of the draft."""

    line: int
    member: Text | None
    column: Text
    value: Text
    who: Text
    at: datetime
    revision: int

    @classmethod
    def of(cls, cell: DraftCell) -> Self:
        """A cell as it may be shown."""
        return cls.model_validate(cell)


class DraftRowModel(Model):
    """A row that is rejected now. `cells` are as they stood; `locked` names columns whose values
    this key may not see, and so not change."""

    number: int
    line: int
    member: Text | None
    cells: dict[Text, Text]
    problems: tuple[ProblemModel, ...]
    drafted: tuple[CellModel, ...]
    locked: tuple[Text, ...]

    @classmethod
    def of(cls, row: DraftRow) -> Self:
        """A row as it may be shown."""
        return cls.model_validate(row)


class CheckedRowModel(Model):
    """What would become of a row: it `loads`, with these values; it is `wrong`, as the problems
    say; or the feed's transform leaves it out (`left_out`)."""

    line: int
    member: Text | None
    verdict: str
    problems: tuple[ProblemModel, ...]
    values: dict[Text, Text | None]

    @classmethod
    def of(cls, row: CheckedRow) -> Self:
        """A row as it may be shown."""
        return cls.model_validate(row)


class CheckModel(Model):
    """What the last check found. It is of another revision once the draft was changed (`is_old`).
    `notes` say what a check of some rows cannot know; `lines` are the first rows, wrong ones
    first."""

    revision: int
    at: datetime
    is_old: bool
    rows: int
    would_load: int
    still_wrong: int
    left_out: int
    refusal: Text | None
    warnings: tuple[Text, ...]
    notes: tuple[Text, ...]
    lines: tuple[CheckedRowModel, ...]

    @classmethod
    def of(cls, check: ShownCheck) -> Self:
        """A check as it may be shown."""
        return cls.model_validate(check)


class SubmittedModel(Model):
    """A draft that was submitted."""

    draft_id: str
    submitted_at: datetime | None
    submitted_by: Text | None
    role: str | None

    @classmethod
    def of(cls, draft: Draft) -> Self:
        """The same of the ledger's record."""
        return cls.model_validate(draft)


class DraftModel(Model):
    """A file's draft with a page of the rows that are rejected now. `left` is how many these are in
    all, `drafted` how many of them the draft changes; without a draft `revision` is 0."""

    file_id: str
    draft_id: str | None
    revision: int
    columns: tuple[Text, ...]
    left: int
    drafted: int
    check: CheckModel | None
    submitted: tuple[SubmittedModel, ...]
    items: tuple[DraftRowModel, ...]
    next: str | None

    @classmethod
    def of(
        cls, file_id: str, page: DraftPage, check: ShownCheck | None, further: str | None
    ) -> Self:
        """A page as it may be shown."""
        return cls(
            file_id=file_id,
            draft_id=None if page.draft is None else page.draft.draft_id,
            revision=0 if page.draft is None else page.draft.revision,
            columns=page.columns,
            left=page.left,
            drafted=page.drafted,
            check=None if check is None else CheckModel.of(check),
            submitted=tuple(map(SubmittedModel.of, page.submitted)),
            items=tuple(map(DraftRowModel.of, page.rows)),
            next=further,
        )


class ChangedModel(Model):
    """The draft after a change, and how many cells were given."""

    draft_id: str | None
    revision: int
    cells: int


def conflicts_of(cells: tuple[tuple[CellChange, DraftCell | None], ...]) -> Mapping[str, Any]:
    """The cells that somebody else has changed, as a problem tells them: `now` is null for one that
    was taken out of the draft."""
    return {
        "conflicts": [
            {
                "line": change.line,
                "member": change.member,
                "column": change.column,
                "now": None if now is None else CellModel.of(now).model_dump(mode="json"),
            }
            for change, now in cells
        ]
    }
