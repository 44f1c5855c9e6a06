"""Failures: pages that say what went wrong, and what to do."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template import loader

from entrypoints.web.console.language import say
from entrypoints.web.requests import FILE_FORM, request_id

TOO_LARGE = "waybill.too_large"
"""What the scope of a request has whose body was too large to be read."""


def failure(
    request: HttpRequest, status: int, what: str | None = None, hint: str | None = None
) -> HttpResponse:
    """A page about an error, which needs nobody to be signed in."""
    titles = {
        400: say("This request could not be read"),
        403: say("You may not do this"),
        404: say("There is nothing here"),
        409: say("This cannot be done now"),
        413: say("This is too large"),
        429: say("Not now"),
        503: say("Not now"),
    }
    advice = {
        400: say("Go back, reload the page and try again."),
        403: say("Somebody with the role of an admin can give your group another role."),
        404: say("The address may be wrong, or it is about a feed that you may not see."),
        409: say("Look at it as it is now, and try again."),
        413: say("Go back and send less at once. Nothing was changed."),
        429: say("Try again in a minute."),
        503: say("Try again in a minute."),
    }
    facts = {
        "title": titles.get(status, say("Something broke")),
        "what": what,
        "hint": hint or advice.get(status, say("Tell an admin the number below.")),
        "number": request_id(),
        "status": status,
    }
    page = loader.get_template("failure.html", using="jinja2").render(facts, request)
    return HttpResponse(page, status=status)


def too_large(request: HttpRequest) -> HttpResponse:
    """The page of a form, or of a file, that is larger than what is taken."""
    if request.path != FILE_FORM:
        return failure(request, 413, say("The form is too large."))
    return failure(request, 413, file_too_large())


def file_too_large() -> str:
    """The sentence about a file that is larger than what is taken in a form."""
    most = settings.WAYBILL.settings.web.upload_bytes // 1024**2
    return say(
        "The file is larger than {count:,} MB. Pack it, split it, or send it by the API in parts.",
        count=most,
    )


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The page of a form that is not ours, or too old."""
    what = say("The form was too old, or came from another site. Nothing was changed.")
    return failure(request, 403, what, say("Go back, reload the page and try again."))


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400."""
    return failure(request, 400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403."""
    return failure(request, 403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404."""
    return failure(request, 404)


def broken(request: HttpRequest) -> HttpResponse:
    """500."""
    return failure(request, 500)
