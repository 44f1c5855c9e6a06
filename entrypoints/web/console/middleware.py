"""What goes around every page: errors become pages that say what to do."""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.middleware.csrf import CsrfViewMiddleware

from entrypoints.web.caller import NotThereError
from entrypoints.web.console.failures import TOO_LARGE, failure, too_large
from entrypoints.web.console.language import said, say
from schemas.errors import ConflictError, NotFoundError, RetryableError, WaybillError
from schemas.receipt_link import PATH

log = logging.getLogger(__name__)

type Handler = Callable[[HttpRequest], HttpResponseBase]


class Csrf(CsrfViewMiddleware):
    """Django's check against forged requests. The pages of receipt links tell nobody their address,
    so that browsers do not say where their forms come from either: there, that it is from this very
    site is enough, and the token is asked for all the same."""

    def _origin_verified(self, request: HttpRequest) -> bool:
        meta = request.META
        is_ours = meta.get("HTTP_SEC_FETCH_SITE", "same-origin") == "same-origin"
        if request.path.startswith(PATH) and meta["HTTP_ORIGIN"] == "null" and is_ours:
            return True
        return bool(super()._origin_verified(request))  # type: ignore[misc]


class ErrorsInWords:
    """A middleware: what an operation raises becomes a page of its own."""

    def __init__(self, get_response: Handler) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer; nothing that is shown to a person is kept by a browser or a proxy."""
        response = too_large(request) if _is_cut(request) else self._get_response(request)
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """The page of an error that was foreseen; None for any other."""
        match error:
            case NotThereError():
                return failure(request, 404)
            case NotFoundError():
                return failure(request, 404, said(error.message))
            case ConflictError():
                return failure(request, 409, said(error.message), error.hint)
            case RetryableError() | DatabaseError():
                log.warning("%s: %s", request.method, error)
                return failure(
                    request, 503, say("A part of the service does not answer now. Try again soon.")
                )
            case WaybillError():
                log.error("%s: %s", request.method, error.message)
                return failure(request, 500)
            case _:
                return None


def _is_cut(request: HttpRequest) -> bool:
    return TOO_LARGE in getattr(request, "scope", {})
