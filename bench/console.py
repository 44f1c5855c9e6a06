"""The console's first pages: how long they take over a ledger with much history, and how many bytes
a first visit brings.

`python -m bench.console --files 1000000` asks a real `waybill web` on SQLite and on PostgreSQL, one
page after the other, as a person who has signed in.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory

import click
import httpx
from pydantic import SecretStr

from bench.api_reads import ledger_of, sqlite_in, waiting_web, write_config
from bench.ledger_history import FEED, History, fill, sender
from connectors.ledger import LedgerConfig, SqlLedger
from entrypoints.demo.process import HOST, free_ports
from entrypoints.demo.servers import valkey

_NAME, _PASSWORD = "bench", "bench-bench-bench"
_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
_ASSET = re.compile(r'(?:href|src)="(/static/[^"]+)"')
_PAGES = 40
_TABLES = """
import sys
from pathlib import Path
from entrypoints.web.console.setup import migrate
from entrypoints.web.context import web_context
migrate(web_context(Path(sys.argv[1])))
"""


@click.command()
@click.option("--files", default=1_000_000, show_default=True)
@click.option("--senders", default=50_000, show_default=True)
@click.option("--database", "databases", multiple=True, default=("sqlite", "postgres"))
def main(files: int, senders: int, databases: tuple[str, ...]) -> None:
    """Measure the console."""
    for database in databases:
        with TemporaryDirectory(prefix="waybill-console-") as name, ledger_of(database) as url:
            with valkey(Path(name) / "valkey") as redis_url:
                history = History(files, 1000, senders)
                _measure(Path(name), database, url or sqlite_in(name), redis_url, history)


def _measure(
    folder: Path, database: str, ledger_url: str, redis_url: str, history: History
) -> None:
    [port] = free_ports(1)
    config = write_config(folder, ledger_url, redis_url, port)
    ledger = SqlLedger(LedgerConfig(url=SecretStr(ledger_url)))
    ledger.migrate()
    fill(ledger, history)
    ledger.close()
    _make_person(config)
    with (
        waiting_web(config, port),
        httpx.Client(
            base_url=f"http://{HOST}:{port}", timeout=60, trust_env=False, follow_redirects=True
        ) as browser,
    ):
        page = browser.get("/account/login/")
        token = _TOKEN.findall(page.text)[0]
        fields = {"login": _NAME, "password": _PASSWORD, "csrfmiddlewaretoken": token}
        signed = browser.post("/account/login/", data=fields, headers={"Referer": str(page.url)})
        if signed.url.path != "/":
            raise RuntimeError(f"nobody is signed in: {signed.url}")
        click.echo(f"{database}: {history.files:,} files, {history.senders:,} senders")
        for title, path in _paths(history).items():
            click.echo(f"  {title}: p95 {1000 * _p95(browser, path):,.0f} ms")
        click.echo(f"  bytes of a first visit: {_first_visit(browser):,}")


def _make_person(config: Path) -> None:
    """Django takes one configuration a process, so that others do it."""
    secret = config.parent / "password"
    secret.write_text(_PASSWORD)
    tables = [sys.executable, "-c", _TABLES, str(config)]
    admin = ["web", "createadmin", _NAME, "--password-file", str(secret)]
    command = [sys.executable, "-m", "entrypoints.cli", "--config", str(config), *admin]
    for each in (tables, command):
        subprocess.run(each, check=True, stdout=subprocess.DEVNULL)


def _paths(history: History) -> dict[str, str]:
    return {
        "My files": "/",
        "My files of one feed": f"/?feed={FEED}",
        "My files, partly loaded": "/?state=partly",
        "My files by the start of a name": f"/?q=report-{history.files // 2:07}",
        "Senders": "/senders",
        "Senders by a part of the address": f"/senders?q={sender(history.senders - 1)[5:]}",
        "Senders, none found": "/senders?q=nobody-is-called-so",
        "Calendar": "/calendar",
        "Service": "/service",
    }


def _p95(browser: httpx.Client, path: str) -> float:
    seconds = []
    for _ in range(_PAGES):
        began = time.perf_counter()
        browser.get(path).raise_for_status()
        seconds.append(time.perf_counter() - began)
    return quantiles(seconds, n=20)[-1]


def _first_visit(browser: httpx.Client) -> int:
    """What the first page and what it needs weigh on the wire."""
    total = 0
    for path in ("/", *sorted(set(_ASSET.findall(browser.get("/").text)))):
        with browser.stream("GET", path) as answer:
            answer.raise_for_status()
            total += sum(len(each) for each in answer.iter_raw())
    return total


if __name__ == "__main__":
    main()
