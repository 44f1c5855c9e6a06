"""A whole service with a console: a warehouse that answers, worker and beat as processes, and a
person of every role."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser, Page
from sqlalchemy import update

from connectors.ledger import SqlLedger
from connectors.ledger.tables import operations
from console_world import _SET_UP, PASSWORD, run_script, signed_in
from entrypoints.demo.process import HOST, free_ports
from pipelines.operations.verify import verify
from schemas.file import File
from service_process import process, until
from small_service import SmallService, small_service


def rows(wrong: int, good: int, day: str = "2026-11-03", prefix: str = "r") -> str:
    """A file of good rows, and of some whose amount is a word."""
    lines = [f"{prefix}{n},{day},{n}" for n in range(good)]
    lines += [f"{prefix}w{n},{day},many" for n in range(wrong)]
    return "\n".join(["id,day,amount", *lines]) + "\n"


@dataclass
class FixingWorld:
    """The service, and the address of its console."""

    service: SmallService
    url: str
    worker: subprocess.Popen[bytes]

    def without_worker(self) -> None:
        """Kill the worker, with all that it has begun."""
        if self.worker.poll() is None:
            os.killpg(self.worker.pid, signal.SIGKILL)
        self.worker.wait()

    def dying_at(self, point: str) -> None:
        """Let the worker, with all its processes, die at a crash point when it next gets there."""
        (self.service.folder / "crash").write_text(f"{point}!")

    def is_dead(self) -> bool:
        """Whether it has died there."""
        return not (self.service.folder / "crash").exists() and self.worker.poll() is not None

    def lease_over(self) -> None:
        """Let what nobody works on be found at once: two minutes have passed."""
        ledger = self.service.runtime.ledger
        assert isinstance(ledger, SqlLedger)
        with ledger.database.write() as connection:
            over = update(operations).where(operations.c.state == "running")
            connection.execute(over.values(lease_until=self.service.runtime.now()))

    def with_worker(self) -> None:
        """Start another."""
        self.worker = _worker(self.service.config)

    def file(self, name: str) -> File:
        """The file of that name as it is now."""
        found = self.service.runtime.ledger.files.find(name)
        return next(each for each in found if each.item.name == name)

    def dropped(self, name: str, text: str) -> File:
        """A file once it is done."""
        self.service.drop(name, text)
        until(lambda: any(f.status == "done" for f in self.service.runtime.ledger.files.find(name)))
        return self.file(name)

    def table(self, prefix: str) -> list[tuple[Any, ...]]:
        """The rows of the table whose key begins so."""
        query = f"SELECT id, amount FROM DATA.sales WHERE STARTS_WITH(id, '{prefix}') ORDER BY id"
        return self.service.sql(query)

    def books_balance(self) -> None:
        """Nothing is lost, and nothing there twice."""
        assert list(verify(self.service.runtime, "sales")) == []

    def signed_in(self, browser: Browser, name: str = "operator", **options: Any) -> Page:
        """A browser in which somebody has signed in."""
        return signed_in(browser, self.url, name, **options)


@contextmanager
def fixing_world(
    folder: Path, redis_url: str, bigquery_url: str, **sections: Any
) -> Iterator[FixingWorld]:
    [port] = free_ports(1)
    url = f"http://{HOST}:{port}"
    (folder / "link_key").write_text("k" * 40)
    web = {
        "port": port, "url": url, "link_keys": {"k": {"secret_file": str(folder / "link_key")}},
        **sections.pop("web", {}),
    }  # fmt: skip
    service = small_service(
        folder, bigquery_url, broker={"url": redis_url}, web=web,
        mail={"type": "file", "path": str(folder / "mail")}, **sections,
    )  # fmt: skip
    run_script(_SET_UP, service.config, PASSWORD)
    with process(service.config, "web"), process(service.config, "beat"):
        made = FixingWorld(service, url, _worker(service.config))
        try:
            until(lambda: _answers(url))
            yield made
        finally:
            made.without_worker()


def _worker(config: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "entrypoints.cli", "--config", str(config), "worker"]
    environ = {**os.environ, "WAYBILL_CRASH_FILE": str(config.parent / "crash")}
    with (config.parent / "worker.log").open("ab") as sink:
        return subprocess.Popen(
            command, stdout=sink, stderr=sink, env=environ, start_new_session=True
        )


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False
