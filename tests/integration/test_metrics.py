"""Metrics and logs: what a monitoring system reads, compared with the files that were dropped."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from entrypoints.config.settings import read_settings
from entrypoints.demo.process import HOST, free_ports
from service_process import process
from web_world import BAD, GOOD, PARTLY, WebWorld, web_world

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, redis_url: str) -> Iterator[WebWorld]:
    [port] = free_ports(1)
    folder = tmp_path_factory.mktemp("metrics")
    with web_world(folder, redis_url, metrics={"port": port}, log="json") as made:
        made.put("a.csv", GOOD)
        made.put("b.csv", PARTLY)
        made.put("c.csv", BAD)
        made.done(made.put("d.csv", GOOD.replace("A,", "Z,")))
        made.put("o.csv", GOOD, feed="other")
        yield made


def read(world: WebWorld) -> tuple[str, dict[tuple[str, ...], float]]:
    """What `waybill metrics` prints, and its values by name and values of labels."""
    command = [sys.executable, "-m", "entrypoints.cli", "--config", str(world.service.config)]
    found = subprocess.run([*command, "metrics"], capture_output=True, text=True, timeout=60)
    assert found.returncode == 0, found.stderr
    values = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(found.stdout)
        for sample in family.samples
    }
    return found.stdout, values


def test_the_numbers_are_those_of_the_files(world: WebWorld) -> None:
    text, values = read(world)

    assert values["waybill_files_today", "sales", "accepted"] == 2
    assert values["waybill_files_today", "sales", "quarantined"] == 2
    assert values["waybill_rows_today", "loaded", "sales"] == 1 + 1
    assert values["waybill_rows_today", "rejected", "sales"] == 3 + 2
    assert values["waybill_files_waiting", "other", "prepared"] == 1
    assert 0 <= values["waybill_oldest_waiting_file_seconds", "other"] < 600
    assert values["waybill_steps_recent", "accepted", "prepare"] == 3
    assert values["waybill_up", "ledger"] == values["waybill_up", "broker"] == 1
    assert values["waybill_queue_length", "prepare"] == 0
    assert ".csv" not in text
    told = (ROOT / "docs/metrics.md").read_text()
    assert {name for name, *_ in values if f"`{name}`" not in told} == set()


def test_a_broker_that_is_away_is_said_and_the_rest_is_there(world: WebWorld) -> None:
    config = world.service.config
    away = config.with_name("away.yaml")
    [port] = free_ports(1)
    away.write_text(re.sub(r"redis://[^'\"},\s]+", f"redis://{HOST}:{port}/0", config.read_text()))
    away.chmod(0o600)
    command = [sys.executable, "-m", "entrypoints.cli", "--config", str(away), "metrics"]
    found = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert 'waybill_up{part="broker"} 0.0' in found.stdout, found.stderr
    assert 'waybill_up{part="ledger"} 1.0' in found.stdout
    [line] = [json.loads(each) for each in found.stderr.splitlines() if "broker" in each]
    assert (line["level"], line["logger"]) == ("warning", "entrypoints.metrics.collector")


def test_they_are_served_on_a_port_of_their_own_and_the_log_is_json(world: WebWorld) -> None:
    config = world.service.config
    port = read_settings(config).metrics.port
    with process(config, "metrics", "--serve"):
        answer = _read(f"http://{HOST}:{port}/metrics")
    assert b"waybill_files_waiting" in answer
    first = config.with_name("metrics.log").read_text().splitlines()[0]
    assert json.loads(first)["message"].endswith(f":{port}/metrics")


def _read(url: str) -> bytes:
    """What is served there, once the process has begun."""
    for _ in range(300):
        try:
            with urllib.request.urlopen(url, timeout=5) as found:
                return bytes(found.read())
        except urllib.error.URLError:
            time.sleep(0.1)
    raise TimeoutError(url)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not here")
def test_prometheus_takes_the_numbers_and_the_rules(world: WebWorld) -> None:
    text, _ = read(world)
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=60
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    rules = ["promtool", "test", "rules", "waybill.test.yaml"]
    subprocess.run(rules, cwd=ROOT / "deploy/prometheus", check=True, timeout=60)
