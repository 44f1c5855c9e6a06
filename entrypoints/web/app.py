"""The ASGI application: health, the API for programs, the console for people, and what goes around
each request."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from entrypoints.web.api.app import make_api
from entrypoints.web.console.app import Console
from entrypoints.web.context import WebContext, web_context
from entrypoints.web.health import Health
from entrypoints.web.links import Links
from entrypoints.web.requests import Requests


class Routes:
    """`/api` and what is below it is the API's, the rest the console's."""

    def __init__(self, api: Any, console: Any) -> None:
        self._api, self._console = api, console

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Hand a request to whom it is for."""
        path: str = scope.get("path", "")
        is_api = path == "/api" or path.startswith("/api/")
        await (self._api if is_api else self._console)(scope, receive, send)


def make_app(context: WebContext, *, prepared: bool = False) -> Any:
    """The application of a context; connects to nothing. The console is set up when it is first
    asked, or at once if it is to be `prepared`."""
    console = Console(context)
    if prepared:
        console.prepare()
    routes = Routes(make_api(context), console)
    return Requests(Health(Links(routes, context), context), context.settings.web.upload_bytes)


def app_of(config: Path, *, prepared: bool = False) -> Any:
    """The application of a config.yaml."""
    return make_app(web_context(config), prepared=prepared)
