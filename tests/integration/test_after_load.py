"""A command after a load: told of each batch at least once, whatever it does, and nothing waits for
it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bare_service import BareService, bare_service
from connectors.commands import LocalCommands
from documented import marked
from entrypoints.config.settings import read_settings
from entrypoints.worker.producer import send_steps
from pipelines.feed import Feed
from pipelines.load.after_load import plan_after_load
from pipelines.monitor.conditions import troubles
from pipelines.operations.after_loads import feed_commands
from pipelines.operations.feeds import resume
from pipelines.operations.files import view_file
from pipelines.operations.recover import recover
from pipelines.operations.unload import plan_unload, unload
from pipelines.runtime import Runtime, Work
from pipelines.steps import STEPS
from schemas.after_load import AfterLoad, AfterLoadState
from schemas.alert import AlertKind
from schemas.batch import Committed
from schemas.errors import ConfigError, LeaseLostError
from schemas.file import File
from service_process import process
from small_service import csv, small_service
from web_world import GOOD, IBAN, TABLE, WebWorld

FEED = """
from pipelines import Feed, every

feed = Feed(name="sales", source="drop", match="sales/**", contract="sales", write="merge",
            schedule=every(minutes=5), after_load={argv!r}, after_load_env=["TOLD_TO"])
"""
COMMAND = """
import json, os, sys, time
from pathlib import Path

told, here = json.load(sys.stdin), Path(os.environ["TOLD_TO"])
with (here / "told.jsonl").open("a") as out:
    out.write(json.dumps([told, sorted(os.environ), os.getpid()]) + "\\n")
tries = len((here / "told.jsonl").read_text().splitlines())
{then}
"""
HALF = f"{GOOD}B,2026-11-03,many,{IBAN}\n"
FAILS_TWICE = 'print("x" * 9000); print("no such model"); sys.exit(tries <= 2)'


@dataclass
class Followed:
    """A service whose feed has a command, and a clock that can be put on."""

    service: BareService
    later: timedelta = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.later

    @property
    def runtime(self) -> Runtime:
        return replace(self.service.runtime, now=self.now)

    def load(self, name: str) -> File:
        """A file whose batch is closed as the load step closes it."""
        world = WebWorld(self.service, "", {})
        file = world.put(name, HALF.replace("A,", f"{name},"))
        ledger = self.service.runtime.ledger
        batch = ledger.batches.open("sales", TABLE, 1000, 1 << 40)
        assert batch is not None
        with ledger.acts.together():
            ledger.batches.commit(batch, Committed(rows=1), [])
            plan_after_load(self.runtime, batch, Committed(rows=1))
        return next(iter(ledger.files.many([file.file_id])))

    def follow(self, times: int = 1) -> None:
        """Run what is owed by the clock, which is the ledger's, too, and is put on between."""
        self.runtime.ledger.database._now = self.now  # type: ignore[attr-defined]
        for _ in range(times):
            for work in recover(self.runtime):
                if work.step == "after_load":
                    STEPS[work.step](self.runtime, work.target)
            self.later += timedelta(hours=1)

    @property
    def told(self) -> list[Any]:
        path = self.service.folder / "told.jsonl"
        return [json.loads(each) for each in path.read_text().splitlines()] if path.exists() else []

    def outcomes(self, file: File) -> list[tuple[str, str]]:
        events = view_file(self.runtime, file.file_id, 1).events
        return [(each.outcome, each.message or "") for each in events if each.step == "after_load"]

    def alerts(self) -> list[str]:
        return [e.says for e in troubles(self.runtime) if e.kind is AlertKind.AFTER_LOAD]


def followed(folder: Path, then: str, monkeypatch: pytest.MonkeyPatch, **sections: Any) -> Followed:
    monkeypatch.setenv("TOLD_TO", str(folder))
    monkeypatch.setenv("WAYBILL_LEDGER_PASSWORD", "s3cret")
    service = bare_service(folder, **sections)
    (folder / "command.py").write_text(COMMAND.format(then=then))
    argv = [sys.executable, str(folder / "command.py")]
    (folder / "feeds" / "sales.py").write_text(FEED.format(argv=argv))
    return Followed(service)


def test_a_command_that_fails_twice_is_told_the_same_three_times_and_of_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = followed(tmp_path, FAILS_TWICE, monkeypatch)
    file = world.load("a.csv")
    assert file.status == "loaded", "the load is done, whatever the command does"
    world.follow(5)
    bodies = [told for told, _, _ in world.told]
    assert len(bodies) == 3
    assert bodies[0] == bodies[1] == bodies[2]
    assert bodies[0]["batch_id"] == file.batch_id
    assert bodies[0]["table"] == TABLE
    assert bodies[0]["kind"] == "load"
    assert bodies[0]["files"] == [
        {"file_id": file.file_id, "name": "a.csv",
         "rows_read": 2, "rows_loaded": 1, "rows_rejected": 1}
    ]  # fmt: skip
    for _, names, _ in world.told:
        assert set(names) <= {"PATH", "HOME", "LANG", "TOLD_TO", "LC_CTYPE"}
    outcomes = world.outcomes(file)
    assert [outcome for outcome, _ in outcomes] == ["failed", "failed", "done"]
    assert "no such model" in outcomes[0][1]
    assert len(outcomes[0][1]) < 5000, "what it prints is bounded"
    assert world.alerts() == []


def test_what_never_ends_well_is_given_up_said_once_and_run_again_when_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = followed(tmp_path, "sys.exit(3 if not (here / 'mended').exists() else 0)", monkeypatch)
    file, other = world.load("a.csv"), world.load("b.csv")
    world.follow(8)
    assert len(world.told) == 8
    assert {told["batch_id"] for told, _, _ in world.told} == {file.batch_id}, "one at a time"
    assert world.outcomes(file)[-1][0] == "given up"
    [alert] = world.alerts()
    assert "status 3" in alert
    (tmp_path / "mended").touch()
    assert resume(world.runtime, "sales")
    world.follow(2)
    assert [told["batch_id"] for told, _, _ in world.told[-2:]] == [file.batch_id, other.batch_id]
    assert world.alerts() == []
    assert not resume(world.runtime, "sales")


def test_what_a_command_prints_is_kept_in_some_timelines_of_a_large_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch may have a thousand files, each of which would keep it for as long as it is kept."""
    world = followed(tmp_path, 'print("long story")', monkeypatch)
    put = WebWorld(world.service, "", {}).put
    for number in range(24):
        put(f"{number}.csv", HALF.replace("A,", f"{number},"))
    last = world.load("z.csv")
    world.follow()
    [[told, _, _]] = world.told
    files = [each["file_id"] for each in told["files"]]
    said = {each.file_id: world.outcomes(each)
            for each in world.runtime.ledger.files.many(files)}  # fmt: skip
    assert last.file_id in said
    assert len(said) == 25
    assert all(outcome == "done" for [(outcome, _)] in said.values())
    assert sum("long story" in message for [(_, message)] in said.values()) == 20
    [(_, first)] = said[files[0]]
    assert "long story" in first
    [(_, other)] = said[files[-1]]
    assert other.endswith(f"status 0; what it printed stands in the timeline of {files[0]}")


def test_a_command_that_takes_too_long_or_loses_its_lease_is_killed_with_what_it_began(
    tmp_path: Path,
) -> None:
    mark = tmp_path / "child"
    script = f"sleep 60 & echo $! > {mark}; echo begun; wait"
    ended = LocalCommands().run(["/bin/sh", "-c", script], b"x" * 1_000_000, (), 0.5, lambda: None)
    assert ended.status is None
    assert ended.output == "begun"
    with pytest.raises(ProcessLookupError):
        _until_gone(int(mark.read_text()))

    def lost() -> None:
        raise LeaseLostError

    with pytest.raises(LeaseLostError):
        LocalCommands().run(["/bin/sh", "-c", script], b"", (), 60, lost)
    with pytest.raises(ProcessLookupError):
        _until_gone(int(mark.read_text()))
    with pytest.raises(ConfigError, match="cannot be run"):
        LocalCommands().run(["/no/such/program"], b"", (), 1, lost)


def _until_gone(pid: int) -> None:
    for _ in range(100):
        os.kill(pid, 0)
        if " Z " in Path(f"/proc/{pid}/stat").read_text():
            raise ProcessLookupError
        time.sleep(0.05)


def test_plan_names_the_commands_and_refuses_one_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = followed(tmp_path, "", monkeypatch)
    [command] = feed_commands(world.runtime)
    assert command.argv[0] == sys.executable
    assert "command.py" in command.render()
    (tmp_path / "feeds" / "sales.py").write_text(FEED.format(argv=["no-such-program", "run"]))
    with pytest.raises(ConfigError, match=r'feed sales: after_load: .*"no-such-program"'):
        feed_commands(bare_runtime(tmp_path))


def bare_runtime(folder: Path) -> Runtime:
    from entrypoints.config.assembly import build_runtime

    return build_runtime(read_settings(folder / "config.yaml"))


def test_the_page_says_what_is_told_and_its_example_does_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown, example = (marked("docs/after-load.md", mark) for mark in ("told", "idempotent"))
    world = followed(tmp_path, "", monkeypatch)
    world.load("a.csv")
    world.follow()
    [[told, _, _]] = world.told
    assert keys_of(json.loads(shown)) == keys_of(told)
    (tmp_path / "example.py").write_text(example)
    said = [
        subprocess.run(
            [sys.executable, "example.py"], input=shown, cwd=tmp_path,
            capture_output=True, text=True, check=True,
        ).stdout
        for _ in range(2)
    ]  # fmt: skip
    assert said == ["acme.sales.orders: 398 rows in 1 partitions\n", ""]


def keys_of(told: dict[str, Any]) -> tuple[list[str], list[str]]:
    return list(told), list(told["files"][0])


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"after_load": "dbt run"}, "a list of texts"),
        ({"after_load": ["dbt", ""]}, "a list of texts"),
        ({"after_load": ["dbt"], "after_load_env": ["WAYBILL_MAIL_PASSWORD"]}, "for Waybill alone"),
        ({"after_load": ["dbt"], "after_load_seconds": 0}, "above 0"),
    ],
)
def test_a_command_that_cannot_be_meant_is_refused(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        Feed(name="sales", source="drop", match="**", contract="sales", **wrong)


@pytest.mark.long
def test_a_pass_loads_and_then_tells_the_command_also_of_what_is_taken_out_again(
    tmp_path: Path, bigquery_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOLD_TO", str(tmp_path))
    service = small_service(tmp_path, bigquery_url)
    (tmp_path / "command.py").write_text(COMMAND.format(then="sys.exit(1)"))
    argv = [sys.executable, str(tmp_path / "command.py")]
    text = FEED.format(argv=argv).replace('match="sales/**"', 'match="**"')
    (tmp_path / "feeds" / "sales.py").write_text(text)
    service.drop("a.csv", csv("A", "B"))
    [file] = service.run()
    assert file.status == "done", "a command that fails undoes nothing"
    assert service.sql("SELECT COUNT(*) FROM `DATA.sales`") == [(2,)]
    [[told, _, _]] = [json.loads(each) for each in (tmp_path / "told.jsonl").read_text().split("\n")
                      if each]  # fmt: skip
    assert (told["batch_id"], told["kind"]) == (file.batch_id, "load")
    assert (told["rows_loaded"], told["partitions"]) == (2, ["2026-11-03"])
    unload(service.runtime, plan_unload(service.runtime, [file]))
    [batch] = service.runtime.ledger.files.many([file.file_id])
    run = service.runtime.ledger.after_loads.of(str(batch.batch_id))
    assert run is not None
    assert (run.batch["kind"], run.batch["rows_removed"]) == ("unload", 2)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_worker_killed_in_the_midst_leaves_the_run_to_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, redis_url: str
) -> None:
    sections = {"broker": {"url": redis_url}, "limits": {"lease_seconds": 2}}
    world = followed(tmp_path, "time.sleep(600 if tries == 1 else 0)", monkeypatch, **sections)
    file = world.load("a.csv")
    broker, runs = read_settings(world.service.config).broker, world.service.ledger.after_loads
    command = [sys.executable, "-m", "entrypoints.cli", "--config", str(world.service.config)]
    worker = ["worker", "-c", "1", "-Q", "after_load"]
    send_steps(broker, {Work("after_load", "sales"): 900})
    killed = subprocess.Popen([*command, *worker], start_new_session=True)
    try:
        until(lambda: len(world.told) == 1)
    finally:
        os.killpg(killed.pid, signal.SIGKILL)
        killed.wait()
    os.kill(world.told[0][2], signal.SIGKILL)
    run = runs.of(str(file.batch_id))
    assert run is not None
    assert run.state is AfterLoadState.WAITING
    until(lambda: runs.feeds() == ["sales"])
    with process(world.service.config, *worker):
        for work in recover(world.service.runtime):
            send_steps(broker, {work: 900})
        until(lambda: runs.feeds() == [] and is_done(runs.of(str(file.batch_id))))
    assert [told["batch_id"] for told, _, _ in world.told] == [file.batch_id] * 2
    assert [outcome for outcome, _ in world.outcomes(file)] == ["done"]


def is_done(run: AfterLoad | None) -> bool:
    return run is not None and run.state is AfterLoadState.DONE


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 240
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.1)
