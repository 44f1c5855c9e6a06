"""Stuck: a step that hangs is ended from outside, a bad message is put aside, the others go on."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
import redis
from ruamel.yaml import YAML

from entrypoints.worker.dead_letters import KEY
from pipelines.monitor.conditions import troubles
from schemas.alert import AlertKind
from schemas.file import Outcome, Status
from schemas.limits import AlertRules
from small_service import SmallService, csv, small_service

HANGS = """

from pipelines import Feed, every

def hang(rows):
    # In the engine's own code, where neither a thread nor a signal's handler gets its turn.
    if (rows.id == "hang").any():
        sum(iter(int, 1))
    return rows

feed = Feed(name="sales", source="drop", match="**", contract="sales", write="merge",
            schedule=every(seconds=1), transform=hang)
"""
GARBAGE = [
    b"garbage",
    b"\xff\xfe",
    b"[]",
    b"{}",
    b"null",
    b'{"body": "x", "properties": {}}',
    json.dumps({"body": "!", "properties": {"delivery_tag": "1", "delivery_info": {}}}).encode(),
    b"[" * 100_000,
]


def configured(service: SmallService, redis_url: str) -> None:
    yaml = YAML(typ="safe", pure=True)
    settings = yaml.load(service.config)
    settings["broker"] = {"url": redis_url}
    settings["concurrency"] = 2
    settings["limits"] = {
        "step_seconds": 12, "step_mb_seconds": 0, "attempts": 2, "retry_seconds": 0.1,
        "recover_seconds": 1, "batch_seconds": 0.1, "lease_seconds": 20,
    }  # fmt: skip
    settings["alerts"] = {"worker_seconds": 3}
    yaml.dump(settings, service.config)


@pytest.mark.timeout(400)
def test_what_hangs_is_quarantined_and_the_others_are_loaded(
    tmp_path: Path, bigquery_url: str, redis_url: str
) -> None:
    service = small_service(tmp_path, bigquery_url)
    configured(service, redis_url)
    (tmp_path / "feeds" / "sales.py").write_text(HANGS)
    service.drop("hang.csv", csv("hang"))
    service.with_runtime(alert_rules=AlertRules(worker_seconds=3))
    client = redis.Redis.from_url(redis_url)
    client.delete(KEY)
    for queue in ("prepare", "discover", "recover"):
        client.lpush(queue, *GARBAGE)
    log = tmp_path / "up.log"
    command = [sys.executable, "-m", "entrypoints.cli", "--config", str(service.config), "up"]
    with log.open("wb") as sink:
        process = subprocess.Popen(command, stdout=sink, stderr=sink)
    ledger = service.runtime.ledger
    silent = False
    try:
        until = time.monotonic() + 300
        dropped = False
        while True:
            files = {file.item.name: file for file in ledger.files.latest()}
            if "hang.csv" in files and not dropped:
                service.drop("good.csv", csv("good"))
                dropped = True
            found = [each.kind for each in troubles(service.runtime)]
            silent = silent or AlertKind.WORKER in found
            if len(files) == 2 and all(each.status is Status.DONE for each in files.values()):
                break
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.3)
    finally:
        process.terminate()
        try:
            process.wait(30)
        finally:
            process.kill()
    assert files["good.csv"].outcome is Outcome.ACCEPTED
    hung = files["hang.csv"]
    assert hung.outcome is Outcome.QUARANTINED
    assert "took too long: more than 12 seconds, 2 times" in str(hung.reason)
    said = [each.outcome for each in ledger.timelines.of(hung.file_id) if each.step == "prepare"]
    assert said == ["too long", "too long", "quarantined"]
    assert service.sql("SELECT id FROM DATA.sales WHERE day > '2000-01-01'") == [("good",)]
    # Its parent went on all the time: the child that hung was told by its own silence.
    assert silent
    assert "has hung for over" in log.read_text()
    assert client.llen(KEY) == 3 * len(GARBAGE)
    letters = [json.loads(each) for each in client.lrange(KEY, 0, -1)]
    assert {each["queue"] for each in letters} == {"prepare", "discover", "recover"}
