"""The form on which rows are fixed: which cells it brings, and which of them changed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.core.exceptions import BadRequest
from django.http import HttpRequest

from pipelines.operations.fix_page import FixCell, FixRow
from schemas.draft import CellChange

_MOST = 5_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a cell stands, and how it was when the page was made."""

    number: int
    member: str | None
    line: int
    column: str
    revision: int
    original: str
    shown: str

    def text(self) -> str:
        """The same as the form carries it."""
        return json.dumps([getattr(self, name) for name in Place.__slots__])

    @property
    def key(self) -> tuple[str | None, int, str]:
        """Where it stands."""
        return self.member, self.line, self.column


@dataclass(frozen=True, kw_only=True, slots=True)
class FormCell:
    """A cell that a form brings, and what somebody has written into it."""

    place: Place
    value: str

    @property
    def is_changed(self) -> bool:
        """Whether it is not as it was shown. Browsers write line ends in their own way."""
        return _plain(self.value) != _plain(self.place.shown)

    @property
    def change(self) -> CellChange:
        """What the draft is to take."""
        place, value = self.place, _plain(self.value)
        is_back = value == _plain(place.original)
        return CellChange(
            line=place.line, member=place.member, column=place.column,
            value=None if is_back else value, revision=place.revision,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownCell:
    """A cell as the page shows it: with what was written but could not be saved, why, and what
    somebody else has written meanwhile."""

    cell: FixCell
    place: Place
    value: str
    error: str = ""
    theirs: str | None = None
    who: str = ""

    @property
    def cell_id(self) -> str:
        """An id within the page."""
        return CellChange(
            line=self.place.line, member=self.place.member, column=self.place.column, value=None
        ).cell_id[:16]

    @property
    def has_lines(self) -> bool:
        """Whether a field of one line would change it."""
        return any(end in text for text in (self.value, self.cell.original) for end in "\r\n")


def shown_cell(row: FixRow, cell: FixCell) -> ShownCell:
    """A cell as it is now."""
    place = Place(
        number=row.row.number, member=row.row.member, line=row.row.line, column=cell.column,
        revision=cell.revision, original=cell.original, shown=cell.value,
    )  # fmt: skip
    return ShownCell(cell=cell, place=place, value=cell.value)


def unsaved(shown: ShownCell, written: str, error: str) -> ShownCell:
    """The same with what somebody wrote, which was refused."""
    return replace(shown, value=written, error=error)


def contested(shown: ShownCell, written: str, who: str) -> ShownCell:
    """The same with what somebody wrote, beside what somebody else has saved meanwhile."""
    return replace(shown, value=written, theirs=shown.cell.value, who=who)


def cells_in(request: HttpRequest) -> list[FormCell]:
    """The cells that a form brings. Raises BadRequest for what no page of ours sends."""
    places, values = request.POST.getlist("at"), request.POST.getlist("value")
    if len(places) != len(values) or len(places) > _MOST:
        raise BadRequest
    return [
        FormCell(place=place_in(str(place)), value=str(value))
        for place, value in zip(places, values, strict=True)
    ]


def place_in(text: str) -> Place:
    """The place that a form names. Raises BadRequest."""
    try:
        found: Any = json.loads(text)
        number, member, line, column, revision, original, shown = found
    except (ValueError, TypeError, RecursionError):
        raise BadRequest from None
    numbers: Sequence[Any] = (number, line, revision)
    texts: Sequence[Any] = (column, original, shown)
    if not (
        all(type(each) is int and 0 <= each < 2**53 for each in numbers)
        and all(isinstance(each, str) for each in texts)
        and (member is None or isinstance(member, str))
    ):
        raise BadRequest
    return Place(
        number=number, member=member, line=line, column=column, revision=revision,
        original=original, shown=shown,
    )  # fmt: skip


def _plain(value: str) -> str:
    return value.replace("\r\n", "\n").replace("\r", "\n")
