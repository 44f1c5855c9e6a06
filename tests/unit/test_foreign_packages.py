"""A project may have packages that are named as ours: every process finds ours all the same."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from entrypoints.own_command import own_command
from pipelines.operations.projects import make_project

_NAMES = ("connectors", "dags", "entrypoints", "pipelines", "schemas")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose own packages would take the place of ours, with its feeds in `dags/`."""
    make_project(tmp_path)
    (tmp_path / "feeds").rename(tmp_path / "dags")
    (tmp_path / "contracts").rename(tmp_path / "schemas")
    config = tmp_path / "config.yaml"
    text = config.read_text("utf-8").replace("contracts: contracts", "contracts: schemas")
    config.write_text(text.replace("feeds: feeds", "feeds: dags"))
    for name in _NAMES:
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / "__init__.py").write_text("raise ImportError('not of Waybill')\n")
    return tmp_path


@pytest.mark.parametrize("is_on_path", [False, True])
def test_a_child_process_finds_ours_and_the_projects_feeds(project: Path, is_on_path: bool) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    if is_on_path:
        # Before all that is installed, as a project's Makefile may name its folder.
        environment["PYTHONPATH"] = str(project)
        shutil.rmtree(project / "entrypoints")
    ran = subprocess.run(
        own_command(Path("config.yaml"), "drift", "--feed", "other"),
        cwd=project, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 1, ran.stderr
    assert "the feeds are orders" in ran.stderr
