"""Service: its workers, what it does for long, and the quotas of its tables."""

from __future__ import annotations

from importlib.metadata import version

from django.http import HttpRequest, HttpResponse
from django.urls import path

from entrypoints.web.caller import Caller
from entrypoints.web.console.pages import screen, show
from pipelines.operations.long_work import list_operations
from pipelines.operations.service import table_quotas, workers
from schemas.key import Role

_OPERATIONS = 50


@screen(Role.VIEWER)
def service(request: HttpRequest, caller: Caller) -> HttpResponse:
    """How the service is."""
    runtime = caller.runtime
    return show(
        request,
        caller,
        "service.html",
        here="service",
        workers=workers(runtime),
        quotas=table_quotas(runtime, caller.feeds),
        operations=list_operations(runtime, caller.only_feeds, _OPERATIONS),
        version=version("waybill"),
    )


PATHS = [path("service", service, name="service")]
