"""The workflows: pinned, with no more rights than they need, and calling what is there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from folders import ROOT

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


def test_zizmor_has_no_complaint() -> None:
    command = [str(Path(sys.executable).with_name("zizmor")), "--offline", "--no-progress", "-q"]
    done = subprocess.run(
        [*command, "--persona", "pedantic", ROOT / ".github"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


def test_every_action_is_pinned_with_its_version_beside_it() -> None:
    uses = [
        line.strip()
        for each in WORKFLOWS
        for line in each.read_text("utf-8").splitlines()
        if re.match(r"\s*(- )?uses:", line)
    ]
    pinned = re.compile(r"(- )?uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
    assert len(uses) > 5
    assert [each for each in uses if not pinned.fullmatch(each)] == []


def test_what_the_workflows_run_is_there() -> None:
    called = {
        path
        for each in WORKFLOWS
        for path in re.findall(r"run: ((?:\.ci|deploy)/[\w.]+)", each.read_text("utf-8"))
    }
    assert called == {".ci/run", ".ci/release", "deploy/ssm.sh"}
    assert all((ROOT / path).stat().st_mode & 0o111 for path in called)
