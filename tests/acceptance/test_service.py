"""The service as its users meet it: real worker and beat, files arriving while it runs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import boto3
import pytest
from ruamel.yaml import YAML

from bigquery_emulator import client_of
from entrypoints.cli.demo_report import read_receipt
from entrypoints.config.assembly import build_runtime
from entrypoints.config.settings import read_settings
from entrypoints.demo.servers import MailEndpoint, S3Endpoint, Stack
from entrypoints.demo.setting import (
    BUCKET,
    ROOT,
    Project,
    drop_samples,
    mail_samples,
    write_config,
)
from pipelines.runtime import Runtime
from schemas.file import File
from service_process import process

EXPECTED = json.loads((ROOT / "samples" / "expected.json").read_text())


def waybill(config: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line to its end, in the project's folder."""
    program = str(Path(sys.executable).with_name("waybill"))
    command = [program, "--config", str(config), *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False, cwd=config.parent
    )


@pytest.fixture(scope="module")
def stack(
    redis_url: str, s3_endpoint: S3Endpoint, mail_endpoint: MailEndpoint, bigquery_url: str
) -> Stack:
    return Stack(redis_url, s3_endpoint, mail_endpoint, bigquery_url)


@pytest.fixture(scope="module")
def config(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose feeds look every two seconds, with packages that are named as ours."""
    folder = tmp_path_factory.mktemp("service")
    project = Project(folder / "dags", folder / "schemas")
    for name in ("connectors", "dags", "entrypoints", "pipelines", "schemas"):
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text("raise ImportError('not of Waybill')\n")
    for path in Project().feeds.glob("[a-z]*.py"):
        text = re.sub(r"every\(minutes=\d+\)", "every(seconds=2)", path.read_text())
        (project.feeds / path.name).write_text(text)
    for path in Project().contracts.glob("*.odcs.yaml"):
        (project.contracts / path.name).write_text(path.read_text())
    return write_config(folder, stack, project)


def settled(runtime: Runtime, count: int) -> list[File]:
    """The files, once that many are done."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        files = list(runtime.ledger.files.latest(limit=1000))
        if sum(file.status in ("done", "failed") for file in files) >= count:
            return files
        time.sleep(0.3)
    raise AssertionError([(file.item.name, file.status, file.reason) for file in files])


def test_dropped_and_mailed_files_become_rows_and_answers(config: Path, stack: Stack) -> None:
    applied = waybill(config, "apply")
    assert applied.returncode == 0, applied.stderr
    assert waybill(config, "plan").returncode == 0
    runtime = build_runtime(read_settings(config))
    with process(config, "worker"), process(config, "beat"):
        sent = drop_samples(stack.s3) + mail_samples(stack.mail)
        files = settled(runtime, sent)
    found = {
        file.item.name: {
            "outcome": str(file.outcome),
            "read": file.counts.read,
            "loaded": file.counts.loaded,
            "rejected": file.counts.rejected,
        }
        for file in files
    }
    assert found == {Path(name).name: each for name, each in EXPECTED.items()}
    check_rows(stack.bigquery_url, files)
    check_answers(stack, files)
    check_commands(config, files)


def test_a_pass_in_the_foreground_needs_no_broker(config: Path, tmp_path: Path) -> None:
    drop = tmp_path / "drop" / "inventory"
    drop.mkdir(parents=True)
    text = (ROOT / "samples" / "drop" / "inventory" / "stock_2026-11-02.csv").read_text()
    (drop / "later.csv").write_text(text.replace("2026-11-02", "2026-12-01"))
    yaml = YAML(typ="safe", pure=True)
    settings = yaml.load(config)
    settings["broker"]["url"] = "redis://127.0.0.1:1/0"
    settings["ledger"]["url"] = f"sqlite:///{tmp_path / 'ledger.db'}"
    settings["sources"]["drop"] = {"type": "folder", "path": str(tmp_path / "drop")}
    other = tmp_path / "config.yaml"
    yaml.dump(settings, other)
    assert waybill(other, "apply").returncode == 0
    time.sleep(2.1)  # the folder waits for a file to settle
    ran = waybill(other, "run", "inventory", "--json")
    assert ran.returncode == 0, ran.stderr
    (file,) = json.loads(ran.stdout)
    assert (file["status"], file["outcome"], file["counts"]["loaded"]) == ("done", "accepted", 80)
    assert "accepted" in (drop / "later.csv.receipt.txt").read_text()
    again = waybill(other, "run", "inventory", "--json")
    assert json.loads(again.stdout) == []
    unknown = waybill(other, "run", "nope")
    assert unknown.returncode == 1
    assert "the feeds are" in unknown.stderr


def check_rows(url: str, files: list[File]) -> None:
    """The warehouse holds what was loaded less what was replaced, to the row."""
    client = client_of(url)

    def rows(sql: str) -> list[tuple[Any, ...]]:
        return [tuple(row.values()) for row in client.query_and_wait(sql)]

    for feed, table in (
        ("orders", "sales.orders"),
        ("inventory", "ops.inventory"),
        ("payouts", "finance.payouts"),
    ):
        loaded = sum(file.counts.loaded for file in files if file.feed == feed)
        ((count,),) = rows(f"SELECT COUNT(*) FROM `demo.{table}`")
        ((removed,),) = rows(
            "SELECT COALESCE(SUM(`rows`), 0) FROM `demo.etl_meta.removals`"
            f" WHERE `table` LIKE '%{table}'"
        )
        assert count == loaded - removed
        assert count > 0
    assert rows("SELECT COUNT(*) FROM `demo.sales.orders` WHERE status = 'cancelled'") == [(25,)]
    assert rows(
        "SELECT COUNT(*) FROM `demo.sales.orders` WHERE revenue != quantity * unit_price"
    ) == [(0,)]
    ((rejected,),) = rows("SELECT COUNT(*) FROM `demo.etl_meta.rejected_rows`")
    assert rejected == sum(file.counts.rejected for file in files)
    dirty = next(file for file in files if file.item.name == "shop_2026-11-04.csv")
    lines = rows(
        "SELECT line FROM `demo.etl_meta.rejected_rows`"
        f" WHERE file_id = '{dirty.file_id}' ORDER BY line"
    )
    assert lines == [(line,) for line in (12, 22, 32, 42, 52, 62, 72)]


def check_answers(stack: Stack, files: list[File]) -> None:
    """Every sender has an answer: beside the drop, or in the mailbox."""
    client = boto3.client(
        "s3",
        endpoint_url=stack.s3.url,
        region_name=stack.s3.region,
        aws_access_key_id=stack.s3.access_key,
        aws_secret_access_key=stack.s3.secret_key,
    )
    for file in files:
        if file.item.sender is not None:
            text = read_receipt(stack.mail, file.item.sender, file.file_id)
            assert file.item.name in text
            continue
        body = client.get_object(Bucket=BUCKET, Key=file.item.key + ".receipt.json")["Body"]
        receipt = json.load(body)
        assert (receipt["file_id"], receipt["outcome"]) == (file.file_id, file.outcome)
    dirty = next(file for file in files if file.item.name == "shop_2026-11-04.csv")
    body = client.get_object(Bucket=BUCKET, Key=dirty.item.key + ".rejected.csv")["Body"]
    lines = body.read().decode().splitlines()
    assert len(lines) == 8
    assert '""2026-02-30"" is not a date' in lines[1]


def check_commands(config: Path, files: list[File]) -> None:
    """`files`, `show` and `doctor` tell the same, to people and to machines."""
    listed = json.loads(waybill(config, "files", "--status", "partly", "--json").stdout)
    partly = {file.file_id for file in files if file.outcome == "partly"}
    assert {each["file_id"] for each in listed} == partly
    dirty = next(file for file in files if file.item.name == "shop_2026-11-04.csv")
    shown = json.loads(waybill(config, "show", dirty.file_id[:10], "--json").stdout)
    steps = [each["step"] for each in shown["events"]]
    assert [steps[0], *steps[-3:]] == [steps[0], "prepare", "load", "acknowledge"]
    assert shown["rejected"][0]["problems"][0]["column"] == "order_date"
    table = waybill(config, "show", dirty.item.name).stdout
    assert max(map(len, table.splitlines())) <= 80
    doctor = waybill(config, "doctor")
    assert doctor.returncode == 0, doctor.stdout
    wrong = waybill(config, "show", "nothing-of-that-name")
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert "Traceback" not in wrong.stderr
