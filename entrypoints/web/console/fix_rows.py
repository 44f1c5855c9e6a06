"""Fixing rows: the page on which somebody corrects the rejected rows of a file, for people who are
signed in and for the holder of a receipt link alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseRedirectBase
from django.shortcuts import redirect

from entrypoints.web.console.fix_form import (
    FormCell,
    ShownCell,
    cells_in,
    contested,
    place_in,
    shown_cell,
    unsaved,
)
from entrypoints.web.console.language import said, say
from entrypoints.web.console.lists import PAGE, query_of
from entrypoints.web.console.sent_rows import sent_rows
from entrypoints.web.console.waiting import ENDED, wait_for
from pipelines.operations.draft_work import request_draft_check, submit_draft
from pipelines.operations.drafts import change_draft, draft_at, replace_equal
from pipelines.operations.fix_page import FixPage, FixRow, fix_page
from pipelines.operations.long_work import operation_of
from pipelines.operations.masking import Mask
from pipelines.operations.service import workers
from pipelines.runtime import Runtime
from schemas.draft import DraftConflictError
from schemas.errors import ConflictError, NotFoundError, RefusedError
from schemas.file import File
from schemas.operation import Operation, OperationState

_TRIES = 3
_ONCE = ("check", "note", "sent")

type Key = tuple[str | None, int, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """A file whose rows somebody fixes: in whose name, what of it they may see, the role that
    receipts name them by, and where the page is and leads to."""

    runtime: Runtime
    file: File
    mask: Mask
    role: str
    send: Callable[[Operation], None]
    home: str
    after: Callable[[str], str]
    render: Callable[[str, dict[str, Any], int], HttpResponse]


@dataclass(slots=True)
class Saved:
    """What came of saving: the cells that were, those that somebody else has changed meanwhile, and
    those that were refused, with what was written."""

    cells: int = 0
    contested: dict[Key, tuple[str, str]] = field(default_factory=dict)
    refused: dict[Key, tuple[str, str]] = field(default_factory=dict)

    @property
    def is_whole(self) -> bool:
        """Whether all was saved."""
        return not self.contested and not self.refused


def show_rows(
    request: HttpRequest, table: Table, saved: Saved | None = None, error: str = ""
) -> HttpResponse:
    """The page; with what could not be saved, and an error as a whole."""
    query = query_of(request, "rule", "column", "check", "note", "sent")
    found = _page(table, query)
    operation = _operation(table, query.get("check"))
    is_busy = operation is not None and operation.state not in ENDED
    sent = sent_rows(table.runtime, table.file, table.mask, query.get("sent"))
    kept = saved if saved is not None else Saved()
    lines = [(row, _shown_cells(row, kept)) for row in found.rows]
    facts: dict[str, Any] = {
        "file": table.file,
        "home": table.home,
        "query": {name: query[name] for name in query if name not in _ONCE},
        "found": found,
        "rows": lines,
        "columns": _columns(table, found),
        "further": None if found.page.further is None else str(found.page.further),
        "note": query.get("note"),
        "error": error,
        "problem": _failed(table, operation),
        "is_busy": is_busy,
        "sent": sent,
        "live": table.home + _asked(query, "check", "sent")
        if is_busy or (sent is not None and sent.kind == "way")
        else None,
        "no_worker": is_busy and not any(each.is_alive for each in workers(table.runtime)),
        **_counts(found.page.left, found.fixed, found.page.draft),
        "unsaved": not kept.is_whole,
    }
    return table.render("fix.html", facts, 409 if error or not kept.is_whole else 200)


def save_rows(request: HttpRequest, table: Table) -> HttpResponse:
    """Save the cells that a form brings, and go back to the page; of one cell alone (`htmx`) the
    answer is that cell."""
    saved = _save(request, table)
    if request.GET.get("cell"):
        return _cell(request, table, saved)
    error = ""
    if saved.is_whole and (text := request.POST.get("equal")):
        error = _equal(request, table, str(text))
    if error or not saved.is_whole or request.headers.get("HX-Request"):
        return show_rows(request, table, saved, error)
    return _back(request, table, note="saved")


def check_rows(request: HttpRequest, table: Table) -> HttpResponse:
    """Save, and let a worker check what is drafted."""
    saved = _save(request, table)
    if not saved.is_whole:
        return show_rows(request, table, saved)
    try:
        operation = request_draft_check(table.runtime, table.file)
    except ConflictError as error:
        return show_rows(request, table, error=_words(error))
    table.send(operation)
    wait_for(table.runtime, operation)
    return _back(request, table, check=operation.operation_id)


def send_rows(request: HttpRequest, table: Table) -> HttpResponse:
    """Save, and send the rows that the draft changes. Where somebody else has changed the draft
    since it was shown, it is shown again first."""
    saved = _save(request, table)
    if not saved.is_whole:
        return show_rows(request, table, saved)
    try:
        draft = draft_at(table.runtime, table.file, None)
        seen = str(request.POST.get("revision", ""))
        if not saved.cells and seen != str(draft.revision):
            changed = say("Somebody else has changed these rows meanwhile. Look at them again.")
            return show_rows(request, table, error=changed)
        operation = submit_draft(table.runtime, table.file, draft.revision, table.role)
    except ConflictError as error:
        return show_rows(request, table, error=_words(error))
    table.send(operation)
    wait_for(table.runtime, operation)
    return redirect(table.after(operation.operation_id))


def _save(request: HttpRequest, table: Table) -> Saved:
    """Save all changed cells at once; where that cannot be, each for itself."""
    taken = request.POST.get("take")
    skipped = place_in(str(taken)).key if taken else None
    changed = [each for each in cells_in(request) if each.is_changed and each.place.key != skipped]
    saved = Saved()
    if not changed:
        return saved
    try:
        change_draft(table.runtime, table.file, table.mask, [each.change for each in changed])
        saved.cells = len(changed)
    except (DraftConflictError, RefusedError):
        for each in changed:
            _save_one(table, each, saved)
    return saved


def _save_one(table: Table, cell: FormCell, saved: Saved) -> None:
    key = cell.place.key
    try:
        change_draft(table.runtime, table.file, table.mask, [cell.change])
        saved.cells += 1
    except DraftConflictError as error:
        [(_, now)] = error.cells
        saved.contested[key] = cell.value, "" if now is None else now.who
    except RefusedError as error:
        saved.refused[key] = cell.value, _words(error)


def _equal(request: HttpRequest, table: Table, text: str) -> str:
    """Give all equal cells the value that was written into one of them; why that is not possible,
    if it is not."""
    place = place_in(text)
    values = [each.value for each in cells_in(request) if each.place.key == place.key]
    if not values:
        return say("Write a value first.")
    for _ in range(_TRIES):
        try:
            replace_equal(
                table.runtime, table.file, table.mask, place.column, place.original, values[0]
            )
            return ""
        except DraftConflictError:
            # Another cell was saved at the same moment, by the same person as like as not.
            continue
        except (RefusedError, ConflictError) as error:
            return _words(error)
    return say("Somebody else has changed these rows meanwhile. Look at them again.")


def _cell(request: HttpRequest, table: Table, saved: Saved) -> HttpResponse:
    """One cell as it is now, and what stands around the table."""
    [written] = cells_in(request)
    place = written.place
    found = fix_page(table.runtime, table.file, table.mask, after=place.number - 1, limit=1)
    rows = [row for row in found.rows if (row.row.member, row.row.line) == place.key[:2]]
    if not rows or place.column not in rows[0].cells:
        raise ConflictError("this row is not rejected any more", hint=None)
    [shown] = [
        each for each in _shown_cells(rows[0], saved).values() if each.place.column == place.column
    ]
    facts = {
        "home": table.home,
        "shown": shown,
        "row": rows[0],
        "saved": not saved.contested and not saved.refused,
        "unsaved": not saved.is_whole,
        **_counts(found.page.left, found.fixed, found.page.draft),
    }
    return table.render("parts/fix_cell_answer.html", facts, 200 if saved.is_whole else 409)


def _asked(query: Mapping[str, str], *names: str) -> str:
    return "?" + urlencode({name: query[name] for name in names if name in query})


def _counts(left: int, fixed: int, draft: Any) -> dict[str, Any]:
    return {"left": left, "fixed": fixed, "revision": 0 if draft is None else draft.revision,
            "drafted_at": None if draft is None else draft.updated_at}  # fmt: skip


def _shown_cells(row: FixRow, saved: Saved) -> Mapping[str, ShownCell]:
    shown: dict[str, ShownCell] = {}
    for name, cell in row.cells.items():
        one = shown_cell(row, cell)
        if found := saved.contested.get(one.place.key):
            one = contested(one, *found)
        elif found := saved.refused.get(one.place.key):
            one = unsaved(one, *found)
        shown[name] = one
    return shown


def _page(table: Table, query: Mapping[str, str]) -> FixPage:
    after = query.get("cursor", "0")
    if not after.isdecimal() or len(after) > 15:
        raise ConflictError("the address names no page of this list", hint=None)
    return fix_page(
        table.runtime, table.file, table.mask,
        rule=query.get("rule"), column=query.get("column"), after=int(after), limit=PAGE,
    )  # fmt: skip


_WIDE, _FIRST = 12, 4


def _columns(table: Table, found: FixPage) -> Sequence[str]:
    """The columns that are shown: of a wide file its first, and those in which something is to be
    corrected."""
    columns = found.page.columns
    if len(columns) <= _WIDE:
        return columns
    bad = {name for row in found.rows for name in row.cells}
    return [name for at, name in enumerate(columns) if at < _FIRST or name in bad]


def _operation(table: Table, operation_id: str | None) -> Operation | None:
    """An operation on this very file."""
    if operation_id is None:
        return None
    try:
        operation = operation_of(table.runtime, operation_id)
    except NotFoundError:
        return None
    return operation if operation.request.get("file_id") == table.file.file_id else None


def _failed(table: Table, operation: Operation | None) -> str | None:
    if operation is None or operation.state is not OperationState.FAILED:
        return None
    return said(table.mask.sentence(operation.error))


def _back(request: HttpRequest, table: Table, **more: str) -> HttpResponseRedirectBase:
    query = {**query_of(request, "rule", "column"), **more}
    return redirect(f"{table.home}?{urlencode(query)}" if query else table.home)


def _words(error: ConflictError | RefusedError) -> str:
    return f"{said(error.message)} ({said(error.hint)})" if error.hint else said(error.message)
