"""The ASGI application: health, the API, and what goes around each request."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from entrypoints.web.api.app import make_api
from entrypoints.web.context import WebContext, web_context
from entrypoints.web.health import Health
from entrypoints.web.links import Links
from entrypoints.web.requests import Requests


def make_app(context: WebContext) -> Any:
    """The application of a context; connects to nothing."""
    return Requests(Health(Links(make_api(context), context), context))


def app_of(config: Path) -> Any:
    """The application of a config.yaml."""
    return make_app(web_context(config))
