"""Alerts from end to end: what is the matter is told once, and once more when it is over."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from click.testing import CliRunner, Result
from ruamel.yaml import YAML

from chat_server import Chat, chat
from entrypoints.cli import cli
from entrypoints.config.assembly import build_runtime
from entrypoints.config.settings import read_settings
from entrypoints.worker.app import make_app
from entrypoints.worker.child_heartbeat import ChildSigns
from entrypoints.worker.forks import ParentsLedger
from entrypoints.worker.heartbeat import WorkerHeartbeat
from pipelines.failure import stop_feed
from pipelines.monitor.alerts import evaluate_alerts
from pipelines.monitor.beat import view_beat
from pipelines.monitor.freshness import publish
from pipelines.steps import STEPS
from schemas.errors import AccessDeniedError
from seen_beat import beat_was_seen
from small_service import CONTRACT, SmallService, csv, small_service

HOURS = 3600
SLA = "slaProperties:\n  - {property: freshness, value: 2, unit: h}\n"


@pytest.fixture
def room() -> Iterator[Chat]:
    with chat() as found:
        yield found


@pytest.fixture
def service(
    tmp_path: Path, bigquery_url: str, room: Chat, monkeypatch: pytest.MonkeyPatch
) -> SmallService:
    """A service whose one feed may be two hours old, and that alerts a chat."""
    monkeypatch.setenv("CHAT_URL", room.url)
    to = {"chat": {"type": "webhook", "webhook_url": "${CHAT_URL}"}}
    found = small_service(tmp_path, bigquery_url, alerts={"to": to, "worker_seconds": 3})
    (tmp_path / "contracts" / "sales.odcs.yaml").write_text(CONTRACT + SLA)
    found.runtime = build_runtime(read_settings(found.config))
    return found


def test_a_late_feed_is_told_once_and_resolved_once(service: SmallService, room: Chat) -> None:
    evaluate_alerts(service.runtime)
    assert room.texts == [], "a feed that is new has two hours for its first file"
    service.drop("old.csv", csv("a"))
    past = time.time() - 3 * HOURS
    os.utime(service.folder / "drop" / "old.csv", (past, past))
    service.run()
    publish(service.runtime)
    assert service.sql("SELECT feed, late FROM META.freshness") == [("sales", True)]
    said = invoke(service, "freshness")
    assert said.exit_code == 1
    assert "late" in said.output
    for _ in range(3):
        evaluate_alerts(service.runtime)
    (text,) = room.texts
    assert "feed sales is late" in text
    assert "at most 2 h old" in text
    listed = invoke(service, "alerts", "--json")
    assert (listed.exit_code, json.loads(listed.output)[0]["kind"]) == (1, "late feed")
    assert max(map(len, invoke(service, "alerts").output.splitlines())) <= 80

    service.drop("new.csv", csv("b"))
    service.run()
    app = make_app(service.config)
    assert app.conf.beat_schedule["alerts"]["schedule"] == 60
    for task in ("waybill.publish", "waybill.alerts", "waybill.alerts"):
        app.tasks[task]()
    assert len(room.texts) == 2
    assert "resolved: late feed, sales" in room.texts[1]
    assert service.sql("SELECT feed, late FROM META.freshness") == [("sales", False)]
    (row,) = json.loads(invoke(service, "freshness", "--json").output)
    assert (row["late"], row["latest_partition"]) == (False, "2026-11-03")
    assert invoke(service, "alerts").output == "nothing is the matter\n"
    assert invoke(service, "alerts", "--all").exit_code == 0


def test_bad_files_are_one_message_until_they_are_corrected(
    service: SmallService, room: Chat
) -> None:
    service.drop("good.csv", csv("a"))
    for number in range(3):
        service.drop(f"bad{number}.csv", "id,day\nx,never\n")
    service.run()
    room.status = 503
    evaluate_alerts(service.runtime)
    room.status = 200
    evaluate_alerts(service.runtime)
    (text,) = room.texts
    assert "quarantined file (3)" in text
    assert "schema drift (1)" in text
    for number in range(2):
        service.drop(f"bad{number}.csv", csv(f"k{number}"))
    service.run()
    evaluate_alerts(service.runtime)
    assert "RESOLVED" in room.texts[1]
    assert "quarantined file (2)" in room.texts[1]


def test_a_stopped_feed_is_told_at_once_with_what_to_do(service: SmallService, room: Chat) -> None:
    error = AccessDeniedError("the bucket refused us", hint="ask for the role")
    for _ in range(2):
        stop_feed(service.runtime, "sales", error)
    (text,) = room.texts
    assert "feed sales has stopped and its files wait: the bucket refused us" in text
    assert "ask for the role; then: waybill resume sales" in text
    evaluate_alerts(service.runtime)
    assert len(room.texts) == 1
    assert "ask for the role" in invoke(service, "alerts").output
    service.runtime.ledger.feeds.resume("sales")
    assert invoke(service, "alerts", "--now").exit_code == 0
    assert "resolved: stopped feed, sales" in room.texts[1]


def test_a_killed_worker_is_missed_until_another_starts(
    service: SmallService, room: Chat, redis_url: str
) -> None:
    settings = YAML(typ="safe", pure=True).load(service.config)
    settings["broker"] = {"url": redis_url}
    with service.config.open("w") as out:
        YAML(typ="safe", pure=True).dump(settings, out)
    ledger = service.runtime.ledger
    killed = worker(service)
    try:
        until(lambda: bool(ledger.workers.all()))
    finally:
        os.killpg(killed.pid, signal.SIGKILL)
        killed.wait()
    until(lambda: looked(service) and bool(room.texts))
    assert f":{killed.pid} gave its last sign of life" in room.texts[0]
    heir = WorkerHeartbeat(ParentsLedger(service), ChildSigns(service.runtime.work_folder, 30))
    heir.begin()
    until(lambda: looked(service) and len(room.texts) == 2)
    assert "resolved: dead worker" in room.texts[1]
    assert [each.name.rpartition(":")[2] for each in ledger.workers.all()] == [str(os.getpid())]
    heir.end()
    assert ledger.workers.all() == [], "one that ends in good order is not missed"


def test_a_beat_that_is_gone_is_told_by_workers_and_by_whoever_asks(
    service: SmallService, room: Chat, redis_url: str
) -> None:
    settings = YAML(typ="safe", pure=True).load(service.config)
    settings["broker"] = {"url": redis_url}
    with service.config.open("w") as out:
        YAML(typ="safe", pure=True).dump(settings, out)
    services = service.runtime.ledger.services
    assert not view_beat(service.runtime).is_missed, "passes by hand need none"
    beat = started(service, "beat")
    try:
        until(lambda: services.get("beat").good_at is not None)
    finally:
        os.killpg(beat.pid, signal.SIGKILL)
        beat.wait()
    assert invoke(service, "alerts", "--now").exit_code == 0
    redis.Redis.from_url(redis_url).delete("alerts")  # what beat itself has asked for
    beat_was_seen(service.folder / "ledger.db", minutes_ago=20)
    service.drop("waits.csv", csv("waits"))
    list(STEPS["discover"](service.runtime, "sales"))
    doctor = json.loads(invoke(service, "doctor", "--json").output)
    [said] = [each for each in doctor if each["part"] == "beat"]
    assert not said["ok"]
    assert "no feed looks for files on schedule" in said["says"]
    assert "files that are due: 1, the oldest since" in said["says"]
    assert float(metric(service, "waybill_beat_seen_timestamp_seconds")) < time.time() - 1000
    working = worker(service, "alerts")
    try:
        until(lambda: bool(room.texts))
    finally:
        working.terminate()
        working.wait(30)
    assert "stopped schedule" in room.texts[0]
    assert "beat was last seen" in room.texts[0]
    assert invoke(service, "alerts", "--now").exit_code == 1
    services.note("beat")
    assert invoke(service, "alerts", "--now").exit_code == 0
    assert "resolved: stopped schedule" in room.texts[1]


def metric(service: SmallService, name: str) -> str:
    lines = invoke(service, "metrics").output.splitlines()
    return next(line.split()[-1] for line in lines if line.startswith(f"{name} "))


def worker(service: SmallService, queue: str = "clean") -> subprocess.Popen[bytes]:
    return started(service, "worker", "--concurrency", "1", "--queues", queue)


def started(service: SmallService, *arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "entrypoints.cli", "--config", str(service.config)]
    return subprocess.Popen([*command, *arguments], start_new_session=True)


def looked(service: SmallService) -> bool:
    evaluate_alerts(service.runtime)
    return True


def until(true: Callable[[], bool]) -> None:
    for _ in range(600):
        if true():
            return
        time.sleep(0.2)
    raise AssertionError("it did not come true within two minutes")


def invoke(service: SmallService, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--config", str(service.config), *arguments])
