"""The context of the web process: settings, the runtime, the broker, and who is counted how."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from entrypoints.config.assembly import build_runtime
from entrypoints.config.settings import Settings, read_settings
from entrypoints.web.rate_limit import RateLimit
from pipelines.runtime import Runtime, Work
from pipelines.time_limits import seconds_for
from schemas.operation import Operation

log = logging.getLogger(__name__)

_UPLOADS_AT_ONCE = 8
"""Of one process: each may need as much room on the disk as `web.upload_bytes` says."""


@dataclass(frozen=True, slots=True)
class WebContext:
    """What every request gets."""

    settings: Settings
    runtime: Runtime
    limit: RateLimit
    uploads: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_UPLOADS_AT_ONCE))

    def send(self, operation: Operation) -> None:
        """Tell a worker of an operation at once; while the broker is away `recover` finds it."""
        from kombu.exceptions import OperationalError

        from entrypoints.worker.producer import send_operation

        try:
            send_operation(self.settings.broker, operation)
        except OperationalError as error:
            log.warning("operation %s waits for the broker: %s", operation.operation_id, error)

    def send_work(self, works: Collection[Work]) -> None:
        """Tell workers of steps that are due now; while the broker is away `recover` finds them."""
        from kombu.exceptions import OperationalError

        from entrypoints.worker.producer import send_steps

        try:
            send_steps(self.settings.broker, seconds_for(self.runtime, works))
        except OperationalError as error:
            log.warning("%d steps wait for the broker: %s", len(works), error)


def web_context(config: Path) -> WebContext:
    """The context of a config.yaml; connects to nothing."""
    settings = read_settings(config)
    return WebContext(
        settings, build_runtime(settings, lazy_warehouse=True), RateLimit(settings.broker)
    )
