"""Service: its workers, what it does for long, and the quotas of its tables."""

from __future__ import annotations

import logging
from importlib.metadata import version

from django.http import HttpRequest, HttpResponse
from django.urls import path

from entrypoints.web.caller import Caller
from entrypoints.web.console.pages import screen, show
from entrypoints.worker.producer import queue_lengths
from pipelines.monitor.beat import view_beat
from pipelines.operations.long_work import list_operations
from pipelines.operations.service import open_batches, table_quotas, workers
from schemas.errors import RetryableError
from schemas.key import Role

log = logging.getLogger(__name__)

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
        beat=view_beat(runtime),
        quotas=table_quotas(runtime, caller.feeds),
        operations=list_operations(runtime, caller.only_feeds, _OPERATIONS),
        version=version("waybill"),
        queues=_queues(caller),
        batches=open_batches(runtime, caller.only_feeds),
    )


def _queues(caller: Caller) -> dict[str, int] | None:
    """The queues in which something waits; None while the broker is away."""
    try:
        found = queue_lengths(caller.context.settings.broker)
    except RetryableError as error:
        log.warning("service: %s", error.message)
        return None
    return {name: length for name, length in found.items() if length}


PATHS = [path("service", service, name="service")]
