"""The server: uvicorn with the application, in one process or several, until it is told to end."""

from __future__ import annotations

import logging
import os
import signal
from pathlib import Path
from typing import Any

from entrypoints.config.assembly import build_runtime
from entrypoints.config.settings import read_settings
from entrypoints.log import write_log
from entrypoints.metrics.server import serve_metrics
from entrypoints.web.app import app_of
from entrypoints.web.requests import AddsRequestId

_CONFIG, _LEVEL = "WAYBILL_WEB_PROCESS_CONFIG", "WAYBILL_WEB_PROCESS_LOG_LEVEL"


def serve(config: Path, log_level: str = "info") -> None:
    """Answer requests until TERM, which lets those under way finish."""
    import uvicorn

    settings = read_settings(config)
    web = settings.web
    # What a further process learns of this one's command line.
    os.environ |= {_CONFIG: str(config.resolve()), _LEVEL: log_level}
    # uvicorn ends in good order, and then raises the signal once more: that is no failure.
    signal.signal(signal.SIGTERM, lambda *_: None)
    several = web.processes > 1
    # Of all its processes this one reads them.
    serve_metrics(settings, build_runtime(settings, lazy_warehouse=True))
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
    config = Path(os.environ[_CONFIG])
    write_log(read_settings(config).log, os.environ[_LEVEL])
    for handler in logging.getLogger().handlers:
        handler.addFilter(AddsRequestId())
    return app_of(config, prepared=True)
