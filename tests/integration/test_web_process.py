"""The web process: what it imports, how it ends, and what is left of an act in which it died."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

from sqlalchemy import text

from bare_service import bare_service
from connectors.protocols import Ledger
from entrypoints.cli.setup import _check_web
from entrypoints.config.settings import read_settings
from entrypoints.demo.process import free_ports
from pipelines.operations.acts import list_acts, verify_acts
from pipelines.operations.feeds import stop
from pipelines.operations.keys import create_key, key_of
from schemas.key import Role
from service_process import process
from web_server import Asking, web_server

HEAVY = """
import sys
from pathlib import Path
from entrypoints.web.app import app_of
from entrypoints.web.context import web_context
from pipelines.operations.service import table_quotas
app_of(Path(sys.argv[1]))
print([each.table for each in table_quotas(web_context(Path(sys.argv[1])).runtime, ["sales"])])
print(sorted({"great_expectations", "pandas", "mcp", "google.cloud.bigquery"} & sys.modules.keys()))
"""
DIES = """
import os, sys
from pathlib import Path
from entrypoints.cli.options import open_runtime
from pipelines.operations.acts import acting, acting_outside
runtime = open_runtime(Path(sys.argv[1]))
with acting_outside(runtime, "unload", "file", "f"):
    with acting(runtime, "stop", "feed", "sales", "sales") as told:
        runtime.ledger.feeds.stop("sales", "it is being audited")
        os.kill(os.getpid(), 9)
"""


def run(script: str, config: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", script, str(config)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_nothing_heavy_is_imported_at_start(tmp_path: Path) -> None:
    service = bare_service(tmp_path)
    found = run(HEAVY, service.config)
    # Nor for what most pages ask of the warehouse: what it holds, and how it names a table.
    runtime = service.runtime
    table = runtime.warehouse.table_id(runtime.contract_of(runtime.feeds["sales"]))
    assert found.stdout.splitlines() == [str([table]), "[]"], found.stderr


def test_a_process_that_dies_within_an_act_leaves_all_of_it_or_nothing(tmp_path: Path) -> None:
    service = bare_service(tmp_path)
    assert run(DIES, service.config).returncode == -signal.SIGKILL
    ledger: Ledger = service.runtime.ledger
    assert ledger.feeds.state("sales").stopped_at is None
    [begun] = list_acts(service.runtime)
    assert (begun.action, begun.phase) == ("unload", "begun")
    assert stop(service.runtime, "sales", "the lock is free")
    assert verify_acts(service.runtime).broken_at is None


def test_the_command_answers_and_ends_when_told(tmp_path: Path, redis_url: str) -> None:
    [port] = free_ports(1)
    web = {"port": port, "processes": 2, "failures_a_minute": 100_000}
    service = bare_service(tmp_path, broker={"url": redis_url}, web=web)
    token = create_key(service.runtime, "erp", Role.VIEWER, ["*"]).token
    with process(service.config, "web"):
        ask = Asking(f"http://127.0.0.1:{port}", token)
        until = time.monotonic() + 60
        while True:
            try:
                found = ask.get("/readyz")
                break
            except OSError:
                assert time.monotonic() < until
                time.sleep(0.1)
        assert found.status == 200
        assert ask.get("/api/v1/me", X_Request_Id="mine").json["name"] == "erp"
    log = (tmp_path / "web.log").read_text()
    assert "[mine] GET '/api/v1/me' 200" in log
    assert token.split("_", 2)[2] not in log


def test_it_takes_as_long_whichever_part_of_a_key_is_wrong(tmp_path: Path) -> None:
    runtime = bare_service(tmp_path).runtime
    token = create_key(runtime, "erp", Role.VIEWER, ["*"]).token
    secret = token.split("_", 2)[2]
    stem = token.removesuffix(secret)
    first = stem + ("A" if secret[0] != "A" else "B") + secret[1:]
    last = stem + secret[:-1] + ("A" if secret[-1] != "A" else "B")
    seconds: dict[str, list[float]] = {first: [], last: []}
    for _ in range(60):
        for each, found in seconds.items():
            began = time.perf_counter()
            assert key_of(runtime, each) is None
            found.append(time.perf_counter() - began)
    low, high = sorted(sorted(each)[len(each) // 2] for each in seconds.values())
    assert high < 1.5 * low


def test_doctor_says_that_receipts_have_no_links(tmp_path: Path) -> None:
    address = {"url": "https://waybill.example.com"}
    (tmp_path / "key").write_text("k" * 40)
    keys = {"link_keys": {"a": {"secret_file": str(tmp_path / "key")}}}
    said = []
    for number, web in enumerate(({}, address, address | keys)):
        folder = tmp_path / str(number)
        folder.mkdir()
        service = bare_service(folder, web=web)
        said.append(_check_web(read_settings(service.config).web, service.runtime))
    assert [each.endswith("no links: web.link_keys is not set") for each in said] == [
        False, True, False]  # fmt: skip


def test_doctor_and_readyz_agree(tmp_path: Path, redis_url: str) -> None:
    service = bare_service(tmp_path, broker={"url": redis_url})
    command = [sys.executable, "-m", "entrypoints.cli", "--config", str(service.config)]

    def answers(url: str) -> tuple[int, int]:
        asked = subprocess.run([*command, "doctor", "--ready"], capture_output=True, timeout=60)
        return asked.returncode, Asking(url).get("/readyz").status

    with web_server(service.config) as url:
        assert answers(url) == (0, 200)
        with service.ledger.database.engine.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
        assert answers(url) == (4, 503)
