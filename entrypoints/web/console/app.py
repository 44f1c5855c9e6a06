"""The console as an ASGI application."""

from __future__ import annotations

from typing import Any

from starlette.concurrency import run_in_threadpool

from entrypoints.web.console.setup import set_up
from entrypoints.web.context import WebContext


class Console:
    """Django, which is set up when somebody first asks for a page, or by `prepare`."""

    def __init__(self, context: WebContext) -> None:
        self._context = context
        self._app: Any = None

    def prepare(self) -> Any:
        """Django's application. Raises FatalError as `set_up` does."""
        if self._app is None:
            set_up(self._context)
            from django.core.asgi import get_asgi_application

            self._app = get_asgi_application()
        return self._app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request."""
        app = self._app or await run_in_threadpool(self.prepare)
        await app(scope, receive, send)
