"""`waybill up`: what runs beside its worker is started again when it ends unasked."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from ruamel.yaml import YAML

from schemas.file import Status
from service_process import process, until
from small_service import csv, small_service


def children(pid: int) -> dict[str, tuple[int, str]]:
    """The commands that this process has started, by their word, with their number and state."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().decode().split("\0")
            stat = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(stat[1]) == pid:
            word = next((each for each in words if each in ("beat", "watch")), str(folder.name))
            found[word] = (int(folder.name), stat[0])
    return found


def test_beat_and_watch_that_are_killed_are_started_again(
    tmp_path: Path, bigquery_url: str, redis_url: str
) -> None:
    service = small_service(tmp_path, bigquery_url)
    yaml = YAML(typ="safe", pure=True)
    settings = yaml.load(service.config)
    settings["broker"] = {"url": redis_url}
    yaml.dump(settings, service.config)
    log = tmp_path / "up.log"
    with process(service.config, "up", "-c", "1") as up:
        until(lambda: " ready." in log.read_text() and "sources watched" in log.read_text())
        before = children(up.pid)
        for name in ("beat", "watch"):
            os.kill(before[name][0], signal.SIGKILL)
        until(lambda: log.read_text().count("killed by SIGKILL; it begins again in") == 2)

        def are_back() -> bool:
            now = children(up.pid)
            names = ("beat", "watch")
            return all(name in now and now[name][0] != before[name][0] for name in names)

        until(are_back)
        assert "Z" not in {state for _, state in children(up.pid).values()}
        service.drop("later.csv", csv("later"))
        until(lambda: [f.status for f in service.runtime.ledger.files.latest()] == [Status.DONE])
        ours = [number for number, _ in children(up.pid).values()]
    # Celery names an option that `up` has not.
    assert "--uid" not in log.read_text()
    assert not [number for number in ours if Path(f"/proc/{number}").exists()]


ENDS_SOON = """
import signal, sys
from entrypoints.worker.supervisor import Patience, Supervisor

told = []
signal.signal(signal.SIGTERM, lambda *_: told.append("TERM"))
beside = Supervisor(
    {"good": ["sleep", "1000"], "bad": [sys.executable, "-c", "raise SystemExit(3)"]},
    Patience(first=0.1, longest=0.2, most=3),
)
beside.begin()
signal.pause()
beside.end()
print(told, beside.gave_up)
"""


def test_what_ends_again_and_again_ends_all() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ENDS_SOON], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "['TERM'] bad\n"
    assert done.stderr.count("bad ended unasked, exit status 3; it begins again") == 2
    assert "bad ended unasked, exit status 3, 3 times in a row" in done.stderr


ENDS_WITH_PARENT = """
import os, time
from entrypoints.worker.parent import end_with

end_with(os.getppid())
print(os.getpid(), flush=True)
time.sleep(1000)
"""


def test_what_runs_beside_a_killed_parent_ends_with_it() -> None:
    script = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {ENDS_WITH_PARENT!r}])"
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = Path(f"/proc/{int(parent.stdout.readline())}")
        parent.kill()
        # Its output ends when the last one that may write to it has ended.
        assert parent.stdout.read() == b""
    until(lambda: not child.exists() or ") Z " in (child / "stat").read_text())
