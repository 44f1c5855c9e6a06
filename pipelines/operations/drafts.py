"""Drafts: rejected rows corrected cell by cell, before anything of it is sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from connectors.failpoints import crash_point
from pipelines.operations.acts import acting
from pipelines.operations.draft_cells import refuse_value
from pipelines.operations.draft_columns import DraftColumns
from pipelines.operations.masking import HIDDEN, Mask
from pipelines.operations.open_rows import OpenRow, open_rows
from pipelines.runtime import Runtime
from schemas.draft import (
    MAX_CELLS,
    MAX_CHARACTERS,
    CellChange,
    Draft,
    DraftCell,
    DraftChangedError,
    DraftFullError,
    Line,
)
from schemas.errors import ConflictError, RefusedError
from schemas.file import File
from schemas.reject import Problem, RejectedRow


@dataclass(frozen=True, kw_only=True, slots=True)
class DraftRow:
    """A rejected row as somebody may see it, with what the draft has for its cells. Cells of
    `locked` columns may not be changed by who asks: they hold values that are hidden from them."""

    number: int
    line: int
    member: str | None
    cells: Mapping[str, str]
    problems: tuple[Problem, ...]
    drafted: tuple[DraftCell, ...]
    locked: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class DraftPage:
    """Some rows that are rejected now, and the number to go on after; None at the end. `left` is
    how many rows of the file are rejected now, `drafted` how many of them the draft changes."""

    draft: Draft | None
    columns: tuple[str, ...]
    rows: tuple[DraftRow, ...]
    further: int | None
    left: int
    drafted: int
    submitted: tuple[Draft, ...] = ()


def draft_page(
    runtime: Runtime,
    file: File,
    mask: Mask,
    *,
    rule: str | None = None,
    column: str | None = None,
    after: int = 0,
    limit: int = 50,
    each_row: Callable[[OpenRow, Collection[DraftCell]], None] = lambda row, drafted: None,
) -> DraftPage:
    """The file's draft with the rejected rows after the first so many, which break that rule, in
    that column; `each_row` is shown every row that is rejected now. Raises ConflictError for a file
    whose rows cannot be corrected one by one now."""
    draft = runtime.ledger.drafts.open_of(file.file_id)
    cells = cells_by_line(runtime, draft)
    with open_rows(runtime, file) as found:
        columns, rows, left, drafted = found.header, list[DraftRow](), 0, 0
        wanted_more = False
        for each in found.rows:
            left += 1
            drafted += each.where in cells
            each_row(each, cells.get(each.where, ()))
            if each.number <= after or not _breaks(each.row, rule, column):
                continue
            if len(rows) < limit:
                rows.append(_shown(each, columns, cells.get(each.where, ()), mask))
            else:
                wanted_more = True
    return DraftPage(
        draft=draft,
        columns=columns,
        rows=tuple(rows),
        further=rows[-1].number if wanted_more else None,
        left=left,
        drafted=drafted,
        submitted=tuple(runtime.ledger.drafts.submitted(file.file_id)),
    )


def change_draft(runtime: Runtime, file: File, mask: Mask, changes: Sequence[CellChange]) -> Draft:
    """Change cells of the file's draft, all or none; what is drafted is no act yet. Any cell of a
    rejected row may be: what is wrong with one cell may have to be mended in another.

    Raises RefusedError for a value, line or column that cannot be, ConflictError for a file that
    takes no draft, a cell that is hidden, or a draft that is full, and DraftConflictError for cells
    that somebody else has changed since they were seen.
    """
    wanted = {(each.member, each.line) for each in changes}
    with open_rows(runtime, file) as found:
        header, dialect = found.header, found.dialect
        columns = _columns(runtime, file, header)
        changes = [replace(each, column=columns.cell(each.column)) for each in changes]
        _refuse_repeated(changes)
        # No more of them is read than holds the rows that are asked for.
        asked = (each for each in found.rows if each.where in wanted)
        rows = {each.where: each for each in islice(asked, len(wanted))}
    for each in changes:
        row = rows.get((each.member, each.line))
        if row is None:
            raise RefusedError(
                f"line {each.line} of {file.item.name} is not rejected now",
                hint="read the draft again: it shows the rows that are",
            )
        if each.column in _locked(row, header, mask):
            raise ConflictError(
                f"line {each.line}: {each.column} is hidden from this key, so it cannot be changed",
                hint="a steward's key may see and change it",
            )
        if each.value is not None:
            refuse_value(each, dialect)
    return _change(runtime, file, changes)


def _refuse_repeated(changes: Sequence[CellChange]) -> None:
    """Raise RefusedError for a cell that is named twice: nobody knows which value is meant."""
    for cell, count in Counter((each.member, each.line, each.column) for each in changes).items():
        if count > 1:
            _, line, column = cell
            raise RefusedError(
                f"line {line}, {column[:80]}: the cell is named {count} times",
                hint="name each cell once",
            )


def replace_equal(
    runtime: Runtime, file: File, mask: Mask, column: str, old: str, new: str
) -> tuple[Draft | None, int]:
    """Write a new value wherever a rejected row of the file has the old one in that column, as it
    stood or as it is drafted; the draft, and how many cells that were. Raises as `change_draft`."""
    draft = runtime.ledger.drafts.open_of(file.file_id)
    drafted = {
        (each.where, each.column): each
        for cells in cells_by_line(runtime, draft).values()
        for each in cells
    }
    changes: list[CellChange] = []
    with open_rows(runtime, file) as found:
        column = _columns(runtime, file, found.header).cell(column)
        for row in found.rows:
            known = drafted.get((row.where, column))
            value = row.cells[column] if known is None else known.value
            if value != old or value == new or column in _locked(row, found.header, mask):
                continue
            changes.append(
                CellChange(
                    line=row.row.line, member=row.row.member, column=column, value=new,
                    revision=0 if known is None else known.revision,
                )
            )  # fmt: skip
            if len(changes) > MAX_CELLS:
                raise _full()
        if not changes and mask.hides_column(column):
            raise ConflictError(
                f"{column} is hidden from this key, so it cannot be changed",
                hint="a steward's key may see and change it",
            )
        if changes:
            refuse_value(changes[0], found.dialect)
    return (_change(runtime, file, changes) if changes else draft), len(changes)


def discard_draft(runtime: Runtime, file: File, revision: int | None = None) -> None:
    """Delete the file's open draft. Raises ConflictError if there is none, or if it is not at that
    revision any more."""
    draft = draft_at(runtime, file, revision)
    lines = {each.where for each in runtime.ledger.drafts.cells(draft.draft_id)}
    with acting(runtime, "discard_draft", "file", file.file_id, file.feed) as told:
        told.before = {"draft_id": draft.draft_id, "revision": draft.revision, "rows": len(lines)}
        try:
            runtime.ledger.drafts.discard(draft)
        except DraftChangedError:
            raise changed() from None


def draft_at(runtime: Runtime, file: File, revision: int | None) -> Draft:
    """The file's open draft. Raises ConflictError if there is none, or if it is not at that
    revision any more."""
    draft = runtime.ledger.drafts.open_of(file.file_id)
    if draft is None:
        raise ConflictError(
            f"there is no open draft of {file.item.name}", hint="correct some of its cells first"
        )
    if revision is not None and draft.revision != revision:
        raise changed()
    return draft


def without_corrected(runtime: Runtime, file: File, draft: Draft) -> tuple[Draft, int]:
    """The draft without the rows that others have corrected meanwhile, and how many are left.
    Raises ConflictError if none is."""
    with open_rows(runtime, file) as found:
        rejected = {each.where for each in found.rows}
    cells = runtime.ledger.drafts.cells(draft.draft_id)
    gone = [
        CellChange(
            line=each.line, column=each.column, value=None, revision=each.revision,
            member=each.member,
        )
        for each in cells
        if each.where not in rejected
    ]  # fmt: skip
    rows = len({each.where for each in cells} & rejected)
    if not rows:
        raise ConflictError(
            "no row that the draft changes is rejected now", hint="correct some cells of it first"
        )
    return (_change(runtime, file, gone) if gone else draft), rows


def changed() -> ConflictError:
    """What is said to who has seen another revision of the draft."""
    return ConflictError("the draft has changed since it was read", hint="read it again")


def cells_by_line(runtime: Runtime, draft: Draft | None) -> dict[Line, list[DraftCell]]:
    """The cells of a draft by the row that they are in."""
    found: dict[Line, list[DraftCell]] = {}
    for each in () if draft is None else runtime.ledger.drafts.cells(draft.draft_id):
        found.setdefault(each.where, []).append(each)
    return found


def _columns(runtime: Runtime, file: File, header: Sequence[str]) -> DraftColumns:
    return DraftColumns(file, header, runtime.contract_of(runtime.feeds[file.feed]))


def _change(runtime: Runtime, file: File, changes: Sequence[CellChange]) -> Draft:
    try:
        draft = runtime.ledger.drafts.change(file.file_id, file.feed, changes, runtime.actor.who)
    except DraftFullError:
        raise _full() from None
    crash_point("draft.saved")
    return draft


def _full() -> ConflictError:
    return ConflictError(
        f"a draft holds at most {MAX_CELLS:,} cells and {MAX_CHARACTERS:,} characters",
        hint="submit what is drafted, then go on; or send rejected.csv back, corrected",
    )


def _shown(
    each: OpenRow, header: Sequence[str], drafted: Collection[DraftCell], mask: Mask
) -> DraftRow:
    cells = mask.cells(each.row, header, [each.cells[name] for name in header])
    locked = _locked(each, header, mask)
    return DraftRow(
        number=each.number,
        line=each.row.line,
        member=each.row.member,
        cells=cells,
        problems=mask.problems(each.row),
        drafted=tuple(_masked(cell, locked) for cell in drafted),
        locked=locked,
    )


def _masked(cell: DraftCell, locked: Sequence[str]) -> DraftCell:
    facts: dict[str, Any] = {name: getattr(cell, name) for name in DraftCell.__slots__}
    return DraftCell(**facts | {"value": HIDDEN}) if cell.column in locked else cell


def _locked(each: OpenRow, header: Sequence[str], mask: Mask) -> tuple[str, ...]:
    """The columns of a row whose values are hidden: nobody writes over what they may not see."""
    if not mask.hides:
        return ()
    blank = mask.cells(each.row, header, [""] * len(header))
    return tuple(name for name in header if blank[name] == HIDDEN)


def _breaks(row: RejectedRow, rule: str | None, column: str | None) -> bool:
    return any(
        (rule is None or each.rule == rule) and column in (None, each.column, each.header)
        for each in row.problems
    )
