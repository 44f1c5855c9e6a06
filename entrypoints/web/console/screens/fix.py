"""Fix rows: the rejected rows of a file, corrected cell by cell, checked, and sent."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import path, reverse

from entrypoints.web.caller import Caller
from entrypoints.web.console.fix_rows import Table, check_rows, save_rows, send_rows, show_rows
from entrypoints.web.console.pages import require, screen, show
from schemas.key import Role


@screen(Role.OPERATOR)
def fix(request: HttpRequest, caller: Caller, file_id: str) -> HttpResponse:
    """The rows that are rejected now, and what is drafted for them."""
    return show_rows(request, _table(request, caller, file_id))


@screen(Role.OPERATOR, "POST")
def save_fixes(request: HttpRequest, caller: Caller, file_id: str) -> HttpResponse:
    """Keep what was written, as a draft."""
    return save_rows(request, _table(request, caller, file_id))


@screen(Role.OPERATOR, "POST")
def check_fixes(request: HttpRequest, caller: Caller, file_id: str) -> HttpResponse:
    """Check what is drafted, loading nothing."""
    return check_rows(request, _table(request, caller, file_id))


@screen(Role.OPERATOR, "POST")
def send_fixes(request: HttpRequest, caller: Caller, file_id: str) -> HttpResponse:
    """Send the rows that are drafted."""
    return send_rows(request, _table(request, caller, file_id))


def _table(request: HttpRequest, caller: Caller, file_id: str) -> Table:
    file = caller.file(file_id)
    require(caller, Role.OPERATOR, file.feed)
    page = reverse("file", args=[file_id])

    def render(template: str, facts: dict[str, Any], status: int) -> HttpResponse:
        return show(request, caller, template, status=status, here="my_files", back=page, **facts)

    return Table(
        runtime=caller.runtime,
        file=file,
        mask=caller.mask(file.feed),
        role=str(caller.role_for(file.feed)),
        send=caller.context.send,
        home=reverse("fix", args=[file_id]),
        after=lambda operation_id: f"{page}?sent={operation_id}",
        render=render,
    )


PATHS = [
    path("files/<str:file_id>/fix", fix, name="fix"),
    path("files/<str:file_id>/fix/save", save_fixes, name="save_fixes"),
    path("files/<str:file_id>/fix/check", check_fixes, name="check_fixes"),
    path("files/<str:file_id>/fix/send", send_fixes, name="send_fixes"),
]
