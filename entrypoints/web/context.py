"""The context of the web process: settings, the runtime, the broker, and who is counted how."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from entrypoints.config.assembly import build_runtime
from entrypoints.config.settings import Settings, read_settings
from entrypoints.web.rate_limit import RateLimit
from pipelines.runtime import Runtime
from schemas.operation import Operation

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WebContext:
    """What every request gets."""

    settings: Settings
    runtime: Runtime
    limit: RateLimit

    def send(self, operation: Operation) -> None:
        """Tell a worker of an operation at once; while the broker is away `recover` finds it."""
        from kombu.exceptions import OperationalError

        from entrypoints.worker.producer import send_operation

        try:
            send_operation(self.settings.broker, operation.operation_id)
        except OperationalError as error:
            log.warning("operation %s waits for the broker: %s", operation.operation_id, error)


def web_context(config: Path) -> WebContext:
    """The context of a config.yaml; connects to nothing."""
    settings = read_settings(config)
    return WebContext(
        settings, build_runtime(settings, lazy_warehouse=True), RateLimit(settings.broker)
    )
