"""The console as an ASGI application."""

from __future__ import annotations

import asyncio
import atexit
from typing import Any

from starlette.concurrency import run_in_threadpool

from entrypoints.web.console.failures import TOO_LARGE
from entrypoints.web.console.setup import close_database, set_up
from entrypoints.web.context import WebContext
from entrypoints.web.requests import BodyTooLargeError


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
            # A pool of PostgreSQL that nobody closes holds up the end of the process.
            atexit.register(close_database)
        return self._app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request; one that is too large with a page that says so."""
        app = self._app or await run_in_threadpool(self.prepare)
        try:
            await app(scope, receive, send)
        except BodyTooLargeError:
            # Django reads the whole body before it answers anything: nothing was sent yet.
            await app({**scope, TOO_LARGE: True}, _without_body(), send)


def _without_body() -> Any:
    """What is received of a request whose body nobody reads any more."""
    first = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> Any:
        for message in first:
            return message
        # The next would be that the client has gone; whoever waits for it is cancelled.
        return await asyncio.Future()

    return receive
