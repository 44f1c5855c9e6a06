"""Service: a real worker with a broker, for measurements of their own kind.

What `bench.waybill_run` measures is Waybill as it comes; here the setting may be changed, and the
ledger may be any database.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from celery import Celery
from pydantic import SecretStr
from ruamel.yaml import YAML
from sqlalchemy import func, select

from bench.servers import Emulator, Shared, emulator
from bench.setting import dump, write_setting
from bench.shapes import Shape
from bench.waybill_run import ENDS_SECONDS, RunError, apply, discover, until, worker
from connectors.ledger.config import LedgerConfig
from connectors.ledger.ledger import SqlLedger
from connectors.ledger.tables import files
from schemas.file import Status

type Change = Callable[[dict[str, Any], Path], None]
"""Of the configuration, in place, and of the folder that it lies in."""


@dataclass(frozen=True, slots=True)
class Service:
    """A worker that is ready, and what it works with."""

    app: Celery
    ledger: SqlLedger
    process: subprocess.Popen[bytes]
    warehouse: Emulator

    def take(self, feed: str, count: int) -> float:
        """Have a feed's files discovered, and wait until so many are answered; when it began."""
        started = discover(self.app, feed)
        until(lambda: self._told(feed) >= count, self.process, ENDS_SECONDS, every=0.2)
        return started

    def _told(self, feed: str) -> int:
        """How many files are done; raises RunError for one that failed."""
        query = select(files.c.status, func.count()).where(files.c.feed == feed)
        with self.ledger.database.read() as connection:
            rows = connection.execute(query.group_by(files.c.status)).all()
            counts = {status: int(count) for status, count in rows}
            if counts.get(Status.FAILED):
                reason = select(files.c.reason).where(files.c.status == Status.FAILED).limit(1)
                raise RunError(f"a file failed: {connection.scalar(reason)}")
        return counts.get(Status.DONE, 0)


@contextmanager
def service(
    folder: Path, shape: Shape, warm: Shape, servers: Shared, change: Change, concurrency: int
) -> Iterator[Service]:
    """A worker with a changed setting; `ledger.direct`, if the change leaves it, is where we look
    at the ledger ourselves."""
    folder.mkdir(parents=True)
    with emulator(folder / "bigquery") as warehouse:
        config = write_setting(folder, shape, warm, servers, warehouse.url)
        said = YAML(typ="safe", pure=True).load(config.read_text("utf-8"))
        change(said, folder)
        url = said["ledger"].pop("direct", said["ledger"]["url"])
        dump(said, config)
        apply(config)
        ledger = SqlLedger(LedgerConfig(url=SecretStr(url)))
        app = Celery("bench", broker=servers.redis_url)
        with worker(config, concurrency) as process:
            yield Service(app, ledger, process, warehouse)
        ledger.close()
