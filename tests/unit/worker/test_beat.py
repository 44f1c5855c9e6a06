"""Beat: its entries, and its answer to TERM."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from celery import Celery
from celery.beat import Service

from entrypoints.worker.beat import Beat, scheduler_of
from entrypoints.worker.beat_schedule import beat_schedule, look_at_once
from pipelines import Feed, cron, every
from schemas.limits import AlertRules, Limits, Retention


@pytest.fixture
def signals() -> Iterator[None]:
    """The handlers that a test replaces, put back afterwards."""
    before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)}
    yield
    for each, handler in before.items():
        signal.signal(each, handler)


@pytest.mark.usefixtures("signals")
def test_term_in_the_middle_of_a_round_lets_it_finish_with_its_schedule_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = Celery("quiet", broker="memory://")
    service = Service(app, max_interval=1, schedule_filename=str(tmp_path / "schedule"))
    Beat(app=app).install_sync_handler(service)
    rounds = 0
    tick = service.scheduler.tick

    def told_to_stop() -> float:
        nonlocal rounds
        rounds += 1
        os.kill(os.getpid(), signal.SIGTERM)
        return float(tick())

    monkeypatch.setattr(service.scheduler, "tick", told_to_stop)
    service.start()
    assert rounds == 1


def test_beat_follows_the_feeds_and_keeps_when_each_was_due(tmp_path: Path) -> None:
    app = Celery("quiet", broker="memory://")
    feeds = {"old": feed("old", 60), "gone": feed("gone", 60)}
    noted: list[str] = []
    runtime: Any = SimpleNamespace(
        feeds=feeds, limits=Limits(), retention=Retention(), alert_rules=AlertRules(),
        sources={"s": object()},
        ledger=SimpleNamespace(services=SimpleNamespace(note=noted.append)),
    )  # fmt: skip
    app.conf.beat_schedule = beat_schedule(runtime, app)
    app.conf.beat_schedule_filename = str(tmp_path / "schedule")
    service = Service(app, scheduler_cls=scheduler_of(runtime))
    scheduler = service.scheduler
    due = scheduler.schedule["discover old"].last_run_at
    scheduler.tick()
    del feeds["gone"]
    feeds["old"], feeds["new"] = feed("old", 7), feed("new", 60)
    scheduler.tick()
    entries = scheduler.schedule
    assert {name for name in entries if name.startswith("discover")} == {
        "discover old", "discover new",
    }  # fmt: skip
    assert str(entries["discover old"].schedule) == "<freq: 7.00 seconds>"
    assert entries["discover old"].last_run_at == due
    assert noted == ["beat"], "it says that it goes on, not in every round"
    scheduler.close()


def feed(name: str, seconds: int) -> Feed:
    return Feed(name=name, source="s", match="*", contract="t", schedule=every(seconds=seconds))


def test_a_digest_keeps_to_its_schedule_also_after_a_restart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = Celery("quiet", broker="memory://")
    feed = Feed(
        name="t", source="s", match="*", contract="t", schedule=every(minutes=1),
        digest=cron("0 18 * * *", "Europe/Madrid"),
    )  # fmt: skip
    nightly = replace(feed, name="nightly", schedule=cron("0 3 * * *"), digest=None)
    runtime: Any = SimpleNamespace(
        feeds={"t": feed, "nightly": nightly}, limits=Limits(), retention=Retention(),
        alert_rules=AlertRules(), sources={"s": object()},
    )  # fmt: skip
    app.conf.beat_schedule = beat_schedule(runtime, app)
    entry = app.conf.beat_schedule["digest t"]
    assert (entry["task"], entry["args"], entry["options"]["queue"]) == (
        "waybill.digest", ("t",), "digest",
    )  # fmt: skip
    assert str(entry["schedule"].tz) == "Europe/Madrid"
    sent: list[tuple[object, ...]] = []
    monkeypatch.setattr(app, "send_task", lambda name, args, **_: sent.append((name, *args)))
    look_at_once(app)
    assert ("waybill.discover", "t") in sent
    assert ("waybill.discover", "nightly") not in sent
    assert "waybill.digest" not in {name for name, *_ in sent}


class Telling:
    """A source that tells what arrives, and is listed every hour."""

    full_listing = timedelta(hours=1)

    def hinted(self) -> None: ...

    def heed(self) -> None: ...


def test_a_source_that_tells_what_arrives_is_only_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = Celery("quiet", broker="memory://")
    feed = Feed(name="t", source="s", match="*", contract="t", schedule=every(minutes=1))
    runtime: Any = SimpleNamespace(
        feeds={"t": feed}, limits=Limits(), retention=Retention(), alert_rules=AlertRules(),
        sources={"s": Telling()},
    )  # fmt: skip
    app.conf.beat_schedule = entries = beat_schedule(runtime, app)
    assert entries["discover t"]["task"] == "waybill.look"
    assert entries["survey s"]["schedule"] == 3600
    sent: list[str] = []
    monkeypatch.setattr(app, "send_task", lambda name, **_: sent.append(name))
    look_at_once(app)
    assert "waybill.discover" in sent
    assert "waybill.look" not in sent
