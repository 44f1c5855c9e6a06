"""Health: whether the process lives, and whether it can answer."""

from __future__ import annotations

import json
import logging
from typing import Any

from starlette.concurrency import run_in_threadpool

from entrypoints.web.context import WebContext
from pipelines.operations.readiness import why_not_ready

log = logging.getLogger(__name__)


class Health:
    """`/livez` and `/readyz` before another ASGI application. Neither needs a key, and neither says
    more than yes or no: why not stands in the log."""

    def __init__(self, app: Any, context: WebContext) -> None:
        self._app, self._context = app, context

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Answer what is asked of health; the other application answers the rest."""
        path = scope.get("path")
        if scope["type"] != "http" or path not in ("/livez", "/readyz"):
            await self._app(scope, receive, send)
            return
        is_well = path == "/livez" or await run_in_threadpool(self._is_ready)
        body = json.dumps({"status": "ok" if is_well else "unavailable"}).encode()
        headers = [(b"content-type", b"application/json")]
        status = 200 if is_well else 503
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _is_ready(self) -> bool:
        why_not = why_not_ready(self._context.runtime)
        if why_not is not None:
            log.warning("not ready: %s", why_not)
        return why_not is None
