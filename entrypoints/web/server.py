"""The server: uvicorn with the application, until it is told to end."""

from __future__ import annotations

import logging
import signal
from pathlib import Path

from entrypoints.web.app import make_app
from entrypoints.web.context import web_context
from entrypoints.web.requests import AddsRequestId


def serve(config: Path) -> None:
    """Answer requests until TERM, which lets those under way finish."""
    import uvicorn

    for handler in logging.getLogger().handlers:
        handler.addFilter(AddsRequestId())
    # Each look at the ledger's version would be told of.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    # uvicorn ends in good order, and then raises the signal once more: that is no failure.
    signal.signal(signal.SIGTERM, lambda *_: None)
    context = web_context(config)
    web = context.settings.web
    uvicorn.run(
        make_app(context),
        host=web.host,
        port=web.port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(web.proxies),
        forwarded_allow_ips=list(web.proxies),
        timeout_graceful_shutdown=30,
        lifespan="off",
        ws="none",
    )
