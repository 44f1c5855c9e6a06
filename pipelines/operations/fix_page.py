"""Fixing: a page of rejected rows as a person corrects them, cell by cell, with what is wrong with
each cell now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from pipelines.drift.match_columns import match_header
from pipelines.operations.draft_view import CheckedRow, ShownCheck, shown_check
from pipelines.operations.drafts import DraftPage, DraftRow, draft_page
from pipelines.operations.masking import Mask
from pipelines.operations.open_rows import OpenRow, refuse_draft
from pipelines.rejects.correction import OUR_COLUMNS
from pipelines.runtime import Runtime
from schemas.draft import DraftCell, Line
from schemas.errors import ConflictError, DataError
from schemas.file import File
from schemas.reject import Problem

_GROUPS = 10_000
"""Of so many different values at most it is known how often each stands in a column."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RuleGroup:
    """How many rows break a rule in a column, which the file's header calls so (`label`)."""

    rule: str
    column: str | None
    label: str | None
    rows: int


@dataclass(frozen=True, kw_only=True, slots=True)
class FixCell:
    """A cell that may be corrected. `original` is what was sent; `problems` are those of the value
    that was checked (`is_checked`), else of the original; `equal` is how many other rows have the
    original in that column and nothing else drafted for it."""

    column: str
    original: str
    drafted: DraftCell | None
    problems: tuple[Problem, ...]
    is_checked: bool
    equal: int

    @property
    def is_bad(self) -> bool:
        """Whether it is known to be wrong as it is."""
        return bool(self.problems) and (self.drafted is None or self.is_checked)

    @property
    def value(self) -> str:
        """What would be sent."""
        return self.original if self.drafted is None else self.drafted.value

    @property
    def revision(self) -> int:
        """Which revision of the cell this is; 0 if it is not in the draft."""
        return 0 if self.drafted is None else self.drafted.revision


@dataclass(frozen=True, kw_only=True, slots=True)
class FixRow:
    """A row: the cells to correct by the header's names, what is wrong with the row as a whole, and
    the verdict of the last check, if the draft is the same since."""

    row: DraftRow
    cells: Mapping[str, FixCell]
    whole: tuple[Problem, ...]
    verdict: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class FixPage:
    """A page of rows, the groups of all rows that are rejected now, the last check, and how many
    rows are `fixed`: changed by the draft, and not found to be wrong by a check since."""

    page: DraftPage
    rows: tuple[FixRow, ...]
    groups: tuple[RuleGroup, ...]
    check: ShownCheck | None
    fixed: int


def may_correct(runtime: Runtime, file: File) -> bool:
    """Whether rows of a file are rejected now that can be corrected one by one."""
    if file.rows_corrected >= file.counts.rejected:
        return False
    try:
        refuse_draft(runtime, file)
    except ConflictError:
        return False
    return True


def fix_page(
    runtime: Runtime,
    file: File,
    mask: Mask,
    *,
    rule: str | None = None,
    column: str | None = None,
    after: int = 0,
    limit: int = 50,
) -> FixPage:
    """The rejected rows of a file after the first so many, which break that rule, in that column.
    Raises ConflictError as `draft_page`."""
    counted = _Counted()
    page = draft_page(
        runtime, file, mask,
        rule=rule, column=column, after=after, limit=limit, each_row=counted.add,
    )  # fmt: skip
    check = shown_check(page.draft, mask)
    fresh = check if check is not None and not check.is_old else None
    lines = {} if fresh is None else {(each.member, each.line): each for each in fresh.lines}
    names = _header_names(runtime, file, page.columns)
    wrong = 0 if fresh is None else min(fresh.still_wrong, page.drafted)
    return FixPage(
        page=page,
        rows=tuple(_fix_row(each, lines, names, counted) for each in page.rows),
        groups=counted.groups(),
        check=check,
        fixed=page.drafted - wrong,
    )


@dataclass(slots=True)
class _Counted:
    """What is counted of all rows that are rejected now."""

    rules: Counter[tuple[str | None, str | None, str]] = field(default_factory=Counter)
    values: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, row: OpenRow, drafted: Collection[DraftCell]) -> None:
        self.rules.update({(each.column, each.label, each.rule) for each in row.row.problems})
        others = {each.column: each.value for each in drafted}
        for name, value in row.cells.items():
            key = name, value
            if others.get(name, value) == value and (
                key in self.values or len(self.values) < _GROUPS
            ):
                self.values[key] += 1

    def groups(self) -> tuple[RuleGroup, ...]:
        found = sorted(self.rules.items(), key=lambda each: (-each[1], str(each[0])))
        return tuple(
            RuleGroup(column=column, label=label, rule=rule, rows=rows)
            for (column, label, rule), rows in found
        )


def _header_names(runtime: Runtime, file: File, header: Sequence[str]) -> Mapping[str, str]:
    """The header's cell of each column of the contract."""
    contract = runtime.contract_of(runtime.feeds[file.feed])
    try:
        found = match_header([name for name in header if name not in OUR_COLUMNS], contract)
    except DataError:
        return {}
    return found.names


def _fix_row(
    row: DraftRow, lines: Mapping[Line, CheckedRow], names: Mapping[str, str], counted: _Counted
) -> FixRow:
    checked = lines.get((row.member, row.line))
    problems = checked.problems if checked is not None else row.problems
    drafted = {each.column: each for each in row.drafted}
    of_cell: dict[str, list[Problem]] = {}
    whole: list[Problem] = []
    for each in (*row.problems, *(checked.problems if checked is not None else ())):
        name = names.get(each.column or "", each.column or "")
        if name in row.cells:
            found = of_cell.setdefault(name, [])
            if each in problems:
                found.append(each)
        elif each in problems:
            whole.append(each)
    is_odd = any(
        names.get(each.column or "", each.column) not in row.cells for each in row.problems
    )
    editable = set(row.cells) if is_odd else {*of_cell, *drafted}
    cells = {
        name: FixCell(
            column=name,
            original=row.cells[name],
            drafted=drafted.get(name),
            problems=tuple(dict.fromkeys(of_cell.get(name, ()))),
            is_checked=checked is not None,
            equal=_others(counted, drafted.get(name), name, row.cells[name]),
        )
        for name in row.cells
        if name in editable and name not in row.locked
    }
    return FixRow(
        row=row,
        cells=cells,
        whole=tuple(dict.fromkeys(whole)),
        verdict=None if checked is None else checked.verdict,
    )


def _others(counted: _Counted, drafted: DraftCell | None, name: str, original: str) -> int:
    found = counted.values[name, original]
    # This very cell is one of them, unless something else is drafted for it.
    return max(found - 1, 0) if drafted is None or drafted.value == original else found
