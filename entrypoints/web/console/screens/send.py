"""Send a file: what would become of it is shown first, then it is sent, or mended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path

from entrypoints.web.caller import Caller, NotThereError
from entrypoints.web.console.failures import file_too_large
from entrypoints.web.console.language import said, say
from entrypoints.web.console.pages import require, say_done, screen, show
from entrypoints.web.console.waiting import ENDED, wait_for
from pipelines.operations.checks import check_result, refuse_check, request_check, send_checked
from pipelines.operations.long_work import operation_of
from pipelines.operations.service import workers
from pipelines.operations.uploads import incoming
from schemas.errors import ConflictError, NotFoundError, RefusedError, TooLargeError
from schemas.key import Role
from schemas.operation import Operation, OperationKind, OperationState

_BLOCK = 1024 * 1024


@screen(Role.OPERATOR)
def send(request: HttpRequest, caller: Caller) -> HttpResponse:
    """Which file, and for which feed."""
    return _form(request, caller)


@screen(Role.OPERATOR, "POST")
def check_file(request: HttpRequest, caller: Caller) -> HttpResponse:
    """Take the file in, and let a worker find out what would become of it."""
    try:
        feed, file = str(request.POST.get("feed", "")), request.FILES.get("file")
    except RequestDataTooBig:
        return _form(request, caller, say("The form is too large."), 413)
    if not isinstance(file, UploadedFile) or not file.name:
        return _form(request, caller, say("Choose a file first."), 409)
    if feed:
        require(caller, Role.OPERATOR, caller.feed(feed))
    feeds = caller.feeds_where(Role.OPERATOR)
    try:
        refuse_check(file.name)
        with incoming(caller.runtime, settings.WAYBILL.settings.web.upload_bytes) as coming:
            for block in file.chunks(_BLOCK):
                coming.write(block)
            operation = request_check(caller.runtime, file.name, coming, feeds, feed or None)
    except TooLargeError:
        return _form(request, caller, file_too_large(), 413)
    except RefusedError as error:
        return _form(request, caller, f"{said(error.message)} ({said(error.hint)})", 409)
    caller.context.send(operation)
    wait_for(caller.runtime, operation)
    return redirect("checked", operation.operation_id)


@screen(Role.OPERATOR)
def checked(request: HttpRequest, caller: Caller, operation_id: str) -> HttpResponse:
    """What would become of the file."""
    operation = _check(caller, operation_id)
    facts: Mapping[str, Any] = {}
    if operation.state is OperationState.DONE:
        facts = _found(caller, operation)
    is_busy = operation.state not in ENDED
    mask = caller.mask(operation.feed or None)
    return show(
        request,
        caller,
        "checked.html",
        here="send",
        operation=operation,
        name=str(operation.request["name"]),
        is_busy=is_busy,
        no_worker=is_busy and not any(each.is_alive for each in workers(caller.runtime)),
        failed=said(mask.sentence(operation.error)),
        **{"feed": operation.feed or None, "check": None, "fits": (), **facts},
    )


@screen(Role.OPERATOR, "POST")
def send_file(request: HttpRequest, caller: Caller, operation_id: str) -> HttpResponse:
    """Make it a file of its feed."""
    operation = _check(caller, operation_id)
    feed = operation.feed or caller.feed(str(request.POST.get("feed", "")))
    require(caller, Role.OPERATOR, feed)
    uploaded = send_checked(caller.runtime, operation, feed)
    caller.context.send_work(uploaded.work)
    say_done(request, say("{name} is on its way.", name=uploaded.upload.name))
    return redirect("file", uploaded.file.file_id)


def _form(request: HttpRequest, caller: Caller, error: str = "", status: int = 200) -> HttpResponse:
    most = settings.WAYBILL.settings.web.upload_bytes
    return show(
        request,
        caller,
        "send.html",
        status=status,
        here="send",
        feeds=caller.feeds_where(Role.OPERATOR),
        error=error,
        most=most // 1024**2,
    )


def _check(caller: Caller, operation_id: str) -> Operation:
    try:
        operation = operation_of(caller.runtime, operation_id)
    except NotFoundError:
        raise NotThereError from None
    if operation.kind is not OperationKind.CHECK or not caller.may_follow(operation):
        raise NotThereError
    return operation


def _found(caller: Caller, operation: Operation) -> Mapping[str, Any]:
    """What the check has found, as the caller may see it."""
    result = dict(operation.result or {})
    feed = result.get("feed")
    seen = [each for each in result.get("fits", ()) if caller.sees(each["feed"])]
    if feed is not None and not caller.sees(feed):
        raise ConflictError("the file fits a feed that you may not see", hint=None)
    found = check_result(result, caller.may(Role.STEWARD, feed))
    return {"feed": feed, "check": found["check"], "fits": [e for e in seen if e["sure"] > 0][:5]}


PATHS = [
    path("send", send, name="send"),
    path("send/check", check_file, name="check_file"),
    path("send/<str:operation_id>", checked, name="checked"),
    path("send/<str:operation_id>/send", send_file, name="send_file"),
]
