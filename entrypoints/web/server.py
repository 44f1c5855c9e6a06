"""The server: uvicorn with the application, in one process or several, until it is told to end."""

from __future__ import annotations

import logging
import os
import signal
from pathlib import Path
from typing import Any

from entrypoints.config.settings import read_settings
from entrypoints.web.app import app_of
from entrypoints.web.requests import AddsRequestId

_CONFIG, _LEVEL = "WAYBILL_WEB_PROCESS_CONFIG", "WAYBILL_WEB_PROCESS_LOG_LEVEL"
_LOG_FORMAT = "%(asctime)s %(levelname).1s %(name)s: %(message)s"


def serve(config: Path, log_level: str = "info") -> None:
    """Answer requests until TERM, which lets those under way finish."""
    import uvicorn

    web = read_settings(config).web
    # What a further process learns of this one's command line.
    os.environ |= {_CONFIG: str(config.resolve()), _LEVEL: log_level}
    # uvicorn ends in good order, and then raises the signal once more: that is no failure.
    signal.signal(signal.SIGTERM, lambda *_: None)
    several = web.processes > 1
    uvicorn.run(
        "entrypoints.web.server:application" if several else application(),
        factory=several,
        workers=web.processes if several else None,
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


def application() -> Any:
    """The application of the command that runs, with its log."""
    logging.basicConfig(level=os.environ[_LEVEL].upper(), format=_LOG_FORMAT)
    for handler in logging.getLogger().handlers:
        handler.addFilter(AddsRequestId())
    # Each look at the ledger's version would be told of.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    return app_of(Path(os.environ[_CONFIG]), prepared=True)
