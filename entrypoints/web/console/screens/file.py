"""A file: what became of it in plain words, why, and what can be done about it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import path

from entrypoints.web.caller import Caller
from entrypoints.web.console.fates import fate_of
from entrypoints.web.console.language import language, say
from entrypoints.web.console.pages import require, say_done, screen, show
from entrypoints.web.console.sent_rows import sent_rows
from entrypoints.web.console.steps import Step, steps_of
from pipelines.operations.answers import has_rejects, receipt_of, rejects_csv
from pipelines.operations.fix_page import may_correct
from pipelines.operations.long_work import request_unload
from pipelines.operations.masking import Mask
from pipelines.operations.retry import retry
from schemas.errors import ConflictError, NotFoundError
from schemas.file import AT_REST, File
from schemas.file_query import UNDER_WAY
from schemas.key import Role
from schemas.receipt import Receipt

_CHUNK = 1024 * 1024
_MAX_VERSIONS = 50


@screen(Role.VIEWER)
def file(request: HttpRequest, caller: Caller, file_id: str) -> HttpResponse:
    """The page of a file."""
    with caller.runtime.ledger.file_pages.at_once():
        found = caller.file(file_id)
        mask, ledger = caller.mask(found.feed), caller.runtime.ledger
        facts: dict[str, Any] = {
            "steps": _steps(mask, caller, found),
            "versions": _versions(caller, found),
            "replies": ledger.replies.of(file_id),
            "replaced_by": _named(caller, found.superseded_by),
            "repeats": _named(caller, found.repeats),
            "corrects": _named(caller, found.corrects),
        }
    shown = mask.file(found)
    sent = sent_rows(caller.runtime, found, mask, request.GET.get("sent"))
    return show(
        request,
        caller,
        "file.html",
        here="my_files",
        file=shown,
        fate=fate_of(shown),
        receipt=_receipt(caller, found, mask),
        has_rejects=has_rejects(found),
        is_masked=mask.hides,
        on_its_way=found.status in UNDER_WAY,
        sent=sent,
        is_live=found.status in UNDER_WAY or (sent is not None and sent.kind == "way"),
        may_fix=may_correct(caller.runtime, found) and caller.may(Role.OPERATOR, found.feed),
        may_retry=caller.may(Role.OPERATOR, found.feed) and found.status in AT_REST,
        may_unload=caller.may(Role.STEWARD, found.feed) and found.in_force,
        **facts,
    )


@screen(Role.OPERATOR, "POST")
def retry_file(request: HttpRequest, caller: Caller, file_id: str) -> HttpResponse:
    """Send it on its way again."""
    found = caller.file(file_id)
    require(caller, Role.OPERATOR, found.feed)
    retry(caller.runtime, found)
    say_done(request, say("{name} is on its way again.", name=found.item.name))
    return redirect("file", file_id)


@screen(Role.STEWARD, "POST")
def unload_file(request: HttpRequest, caller: Caller, file_id: str) -> HttpResponse:
    """Take its rows out of the table."""
    found = caller.file(file_id)
    require(caller, Role.STEWARD, found.feed)
    caller.context.send(request_unload(caller.runtime, found))
    say_done(request, say("The rows of {name} are being taken out.", name=found.item.name))
    return redirect("file", file_id)


@screen(Role.VIEWER)
def rejected_csv(request: HttpRequest, caller: Caller, file_id: str) -> HttpResponseBase:
    """Its rejected rows as a CSV to correct."""
    found = caller.file(file_id)
    opened = rejects_csv(caller.runtime, found, caller.mask(found.feed))
    stream = opened.__enter__().open("rb")

    async def chunks() -> AsyncIterator[bytes]:
        try:
            while chunk := await sync_to_async(stream.read)(_CHUNK):
                yield chunk
        finally:
            stream.close()
            opened.__exit__(None, None, None)

    answer = StreamingHttpResponse(chunks(), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{file_id}.rejected.csv"'
    return answer


def _steps(mask: Mask, caller: Caller, found: File) -> Sequence[Step]:
    events = caller.runtime.ledger.timelines.of(found.file_id)
    return steps_of([mask.event(each) for each in events])


def _versions(caller: Caller, found: File) -> list[File]:
    others = caller.runtime.ledger.files.versions(found.feed, [found.item.key])
    return [each for each in others if each.file_id != found.file_id][:_MAX_VERSIONS]


def _named(caller: Caller, file_id: str | None) -> File | None:
    """Another file that this one names, if the caller may see it."""
    if file_id is None:
        return None
    try:
        return caller.file(file_id)
    except NotFoundError:
        return None


def _receipt(caller: Caller, found: File, mask: Mask) -> Receipt | None:
    try:
        return receipt_of(caller.runtime, found, mask, language())
    except (ConflictError, NotFoundError):
        return None


PATHS = [
    path("files/<str:file_id>", file, name="file"),
    path("files/<str:file_id>/rejected.csv", rejected_csv, name="rejected_csv"),
    path("files/<str:file_id>/retry", retry_file, name="retry_file"),
    path("files/<str:file_id>/unload", unload_file, name="unload_file"),
]
