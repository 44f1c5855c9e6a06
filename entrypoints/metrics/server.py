"""The server of `/metrics`: a thread beside whatever the process does."""

from __future__ import annotations

import logging
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, start_http_server

from entrypoints.config.settings import Settings
from entrypoints.config.telemetry import Metrics
from entrypoints.metrics.collector import LedgerCollector
from entrypoints.worker.producer import queue_lengths
from pipelines.runtime import Runtime
from schemas.errors import ConfigError

log = logging.getLogger(__name__)


def registry_of(settings: Settings, runtime: Runtime) -> CollectorRegistry:
    """A registry with nothing but ours: what a process of ours is like says little."""
    registry = CollectorRegistry()
    registry.register(LedgerCollector(runtime, lambda: queue_lengths(settings.broker)))
    return registry


def serve_metrics(settings: Settings, runtime: Runtime) -> WSGIServer | None:
    """Answer `/metrics` from now on, as long as the process lives; nothing where no port is set.
    Raises ConfigError for an address that is taken or not ours."""
    where: Metrics = settings.metrics
    if where.port is None:
        return None
    try:
        server, _ = start_http_server(where.port, where.host, registry_of(settings, runtime))
    except OSError as error:
        raise ConfigError(
            f"metrics cannot be served at {where.host}:{where.port}: {error.strerror}",
            hint="set another metrics.port in config.yaml",
        ) from error
    log.info("metrics at http://%s:%d/metrics", where.host, server.server_port)
    return server
